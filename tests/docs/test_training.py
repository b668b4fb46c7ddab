"""Test of docs/training.md: its code runs from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training.md"


def test_every_block_of_the_page_runs(capsys) -> None:
    """The blocks run in one namespace, as a reader would type them.

    The error of a wrong range is the one that the page quotes.
    """
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) > 8 and text.count("```") == 2 * len(blocks)
    names: dict[str, object] = {}
    torch.manual_seed(0)
    for block in blocks:
        exec(compile(block, f"{PAGE.name}: {block.splitlines()[0]}", "exec"), names)  # noqa: S102 - our own page
    out = capsys.readouterr().out
    assert "255" in out and "expected -1 to 1; state the range" in out
    found = names["found"]
    assert isinstance(found, dict) and set(found) == {"lpips", "ssim"}
    assert float(found["lpips"]) > 0.1  # the images are unrelated noise

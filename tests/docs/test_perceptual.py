"""Tests of docs/perceptual.md: its code runs from top to bottom, here with small photos and few steps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from eyediff.nn.presets import PRESETS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "perceptual.md").read_text("utf-8")


def test_the_code_of_the_page_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """The styled image is nearer to the style, the two trained networks differ, and every image has its scores."""
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    names: dict[str, Any] = {}
    for block in blocks:
        small = re.sub(r"\bside=\d+", "side=48", re.sub(r"\bsteps=\d+", "steps=3", block))
        exec(compile(small, f"perceptual.md: {block.splitlines()[0]}", "exec"), names)  # noqa: S102 - our own page
    assert len(blocks) == 3
    loss, content, style, styled = (names[name] for name in ("loss", "content", "style", "styled"))
    assert float(loss(styled, style=style)) < float(loss(content, style=style))
    assert styled.min() >= 0 and styled.max() <= 1
    pixels, features = (torch.cat([p.flatten() for p in names[n].parameters()]) for n in ("by_pixels", "by_features"))
    assert not torch.equal(pixels, features)
    assert list(names["scores"]) == ["bicubic", "pixels", "pixels and features"]


def test_the_table_states_the_presets() -> None:
    """The table has the backbones, layers and weights of the code."""
    rows = {line.split("|")[1].strip(" `"): line for line in PAGE.splitlines() if line.startswith("| `")}
    assert rows.keys() == {*PRESETS, "dists"}
    for name, preset in PRESETS.items():
        layers = [*preset.content, *preset.style]
        assert f"`{preset.net}`" in rows[name]
        assert all(layer in rows[name] or (name == "gatys" and re.fullmatch(r"relu[2-4]_1", layer)) for layer in layers)
        assert (preset.pooling == "average") == ("average pooling" in rows[name])
    assert set(PRESETS["gatys"].style.values()) == {50.0} and ", 50 each" in rows["gatys"]
    assert PRESETS["gatys"].content == {"relu4_2": 0.5} and "`relu4_2`, 1/2" in rows["gatys"]


def test_its_pictures_are_there() -> None:
    """The images of the page exist. scripts/make_perceptual_pictures.py makes them."""
    for name in re.findall(r"\]\((images/[^)]*)\)", PAGE):
        assert (ROOT / "docs" / name).stat().st_size < 300_000

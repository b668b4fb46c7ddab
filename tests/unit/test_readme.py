"""Tests that both READMEs, English and Chinese, have the same commands, names, figures and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))

OURS = {"README.md", "README.zh-CN.md"}
"""The links between the two files, which differ."""


def parted(text: str) -> tuple[list[list[str]], str]:
    """Return the code blocks, fenced and indented, as lists of lines, and the prose.

    Blank lines are removed, and comments too, because they are translated.
    """
    blocks: list[list[str]] = [[]]
    prose: list[str] = []
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            blocks[-1].append(re.sub(r"(^|\s)#.*", "", line).strip())
        else:
            prose.append(line)
            if line and blocks[-1]:
                blocks.append([])
    return [[line for line in block if line] for block in blocks if block], " ".join(prose)


def test_the_commands_are_the_same() -> None:
    """Both files have the same blocks and lines of code. Only comments differ."""
    english, chinese = parted(ENGLISH)[0], parted(CHINESE)[0]
    assert len(english) > 5 and any("eyediff compare" in line for block in english for line in block)
    assert chinese == english


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("names in code", r"`([^`]+)`"),
        ("links and pictures", r"\]\(([^)]+)\)"),
        ("figures", r"\d+(?:\.\d+)*(?:e-\d+)?"),
    ],
)
def test_names_links_and_figures_are_the_same(what: str, pattern: str) -> None:
    """Both files have the same names, links and figures. Their order may differ, because the languages differ."""
    english, chinese = (sorted(set(re.findall(pattern, parted(text)[1])) - OURS) for text in (ENGLISH, CHINESE))
    assert english and chinese == english, what


def test_sections_and_tables_are_the_same() -> None:
    """Both files have the same number of headings of each level, and the same number of table rows."""
    for mark in ("# ", "## ", "### ", "|"):
        counts = [sum(line.startswith(mark) for line in text.splitlines()) for text in (ENGLISH, CHINESE)]
        assert counts[0] == counts[1], mark

"""What is said on stderr, whatever the arguments are."""

from __future__ import annotations

import pytest

from eyediff.cli import run


@pytest.mark.parametrize("name", ["\x07", "\x1b[31mred", "two\nlines", "\x00"])
def test_arguments_do_not_steer_the_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An error is one line of what can be printed: control characters are escaped. Found by fuzzing."""
    assert run(["compare", "a.png", "b.png", "-o", name]) == 2
    told = capsys.readouterr().err
    assert told.endswith("\n") and told[:-1].isprintable() and told.startswith("eyediff: ")

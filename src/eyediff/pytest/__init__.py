"""The pytest plugin: `assert_looks_like(image, "golden.png", max={"lpips": 0.02})`.

pytest loads this file in every run where eyediff is installed, so it imports nothing: what compares images is loaded
when a test first asks for the fixture. It asserts nothing, so pytest need not rewrite it: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from .goldens import Written

__all__ = ["AssertLooksLike", "assert_looks_like"]

_WRITTEN: pytest.StashKey[Written] = pytest.StashKey()


class AssertLooksLike(Protocol):
    """What the fixture `assert_looks_like` is."""

    def __call__(
        self,
        image: Any,
        golden: str,
        *,
        max: Mapping[str, float] | None = None,
        min: Mapping[str, float] | None = None,
        range: tuple[float, float] | None = None,
    ) -> dict[str, float]:
        """Hold an image against a golden, and return its scores.

        `image` is a path, a PIL image or an array H x W x 3 (uint8, uint16, or float with `range` stated). `golden` is
        the name of a PNG file in the folder of goldens. `max` and `min` are limits by metric name, as `eyediff metrics`
        lists them; without any, `lpips` may be 0.02 at most. What is compared, and stored, has 8 bits a channel.

        Raises AssertionError where a limit is crossed, sizes differ, or there is no golden yet; UsageError, ImageError
        or RangeError where the call or the image is wrong.
        """


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flag, the folders."""
    group = parser.getgroup("eyediff", "pictures that should look like their goldens")
    group.addoption(
        "--eyediff-update", action="store_true", help="assert_looks_like: store the pictures of this run as goldens"
    )
    group.addoption(
        "--eyediff-report", metavar="DIR", help="assert_looks_like: where failures show their pictures (eyediff-report)"
    )
    parser.addini("eyediff_goldens", "the folder of goldens, from that of the test file", default="goldens")
    parser.addini("eyediff_report", "where failures show their pictures, from the root", default="eyediff-report")


@pytest.fixture
def assert_looks_like(request: pytest.FixtureRequest) -> AssertLooksLike:
    """Assert that an image looks like a golden: `assert_looks_like(image, "golden.png", max={"lpips": 0.02})`."""
    from .goldens import Goldens, Written  # noqa: PLC0415  # numpy, onnxruntime: only for tests that use it

    config = request.config
    named = config.getoption("--eyediff-report")
    report = config.invocation_params.dir / named if named else config.rootpath / str(config.getini("eyediff_report"))
    return Goldens(
        folder=request.path.parent / str(config.getini("eyediff_goldens")),
        report=report,
        test=request.node.nodeid,
        written=config.stash.setdefault(_WRITTEN, Written()) if config.getoption("--eyediff-update") else None,
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which goldens were stored."""
    written = config.stash.get(_WRITTEN, None)
    if written is not None:
        terminalreporter.section("eyediff")
        terminalreporter.write_line(f"goldens stored: {len(written.stored)}, as they were: {len(written.same)}")
        for path in written.stored:
            terminalreporter.write_line(f"  {path}")

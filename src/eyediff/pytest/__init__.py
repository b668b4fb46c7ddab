"""Define the pytest plugin with the fixture `assert_looks_like(image, "golden.png")`.

pytest loads this file in every run if eyediff is installed. So the file imports almost nothing; the code that compares
images is imported when a test first uses the fixture. The file has no `assert`, so pytest need not rewrite it. The word
PYTEST_DONT_REWRITE tells pytest so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from .session import Session

__all__ = ["AssertLooksLike", "assert_looks_like"]

_SESSION: pytest.StashKey[Session] = pytest.StashKey()
_FOLDER = "eyediff_session"
"""Key under which a worker process of pytest-xdist receives the folder that all processes of the session share."""


class AssertLooksLike(Protocol):
    """The type of the fixture `assert_looks_like`."""

    def __call__(
        self,
        image: Any,
        golden: str,
        *,
        gate: str | None = None,
        max: Mapping[str, float] | None = None,
        min: Mapping[str, float] | None = None,
        range: tuple[float, float] | None = None,
        tolerate_shift: int = 0,
        ignore: Sequence[tuple[int, int, int, int]] = (),
        mask: Any = None,
    ) -> dict[str, float]:
        """Compare an image with a golden, its stored reference image, and return the scores.

        Parameters
        ----------
        image
            A path, the bytes of an image file such as a screenshot, a matplotlib figure, a PIL image, or an array H x W
            x 3 (uint8, uint16, or float with `range`). The image is compared and stored with 8 bits for each channel.
        golden
            Name of a PNG file in the folder of goldens.
        gate
            Name of a set of limits: "ui" for screenshots and charts, "photo" for photos. By default "ui". If `max` or
            `min` is given without `gate`, only the limits in `max` and `min` apply.
        max, min
            Largest and smallest allowed score of each metric, by the name of the metric (`eyediff metrics` lists the
            names). Such a limit replaces the limit of `gate` for the same metric.
        range
            Values of a black and of a white pixel in an array of floats.
        tolerate_shift
            Largest displacement, in pixels, of a region that counts as moved. If a metric finds only moved regions, its
            limit does not apply.
        ignore
            Rectangles that are not compared: x, y, width, height in pixels.
        mask
            Image that is white at the pixels to compare: the name of a PNG file in the folder of goldens, a path, a PIL
            image, or an array H x W. By default, the file NAME.mask.png beside the golden NAME.png is used, if it
            exists.

        Raises
        ------
        AssertionError
            If a limit is crossed, if the sizes differ, or if the golden does not exist.
        UsageError, ImageError, RangeError
            If an argument is wrong, or if the image cannot be used.
        """


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    group = parser.getgroup("eyediff", "compare images with stored images (goldens)")
    group.addoption(
        "--eyediff-update", action="store_true", help="assert_looks_like: store the images of this run as goldens"
    )
    group.addoption(
        "--eyediff-report", metavar="DIR", help="assert_looks_like: folder for the images of failures (eyediff-report)"
    )
    parser.addini("eyediff_goldens", "folder of goldens, relative to the folder of the test file", default="goldens")
    parser.addini(
        "eyediff_report", "folder for the images of failures, relative to the root folder", default="eyediff-report"
    )


def _session(config: pytest.Config) -> Session:
    """Return the records that all processes of this pytest run share. The first call creates the object."""
    from pathlib import Path  # noqa: PLC0415  # imported only in runs that use the fixture, as below
    from tempfile import mkdtemp  # noqa: PLC0415

    from .session import Session  # noqa: PLC0415

    if _SESSION not in config.stash:
        given = getattr(config, "workerinput", {}).get(_FOLDER)
        config.stash[_SESSION] = Session(Path(given or mkdtemp(prefix="eyediff-session-")))
    return config.stash[_SESSION]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Send the path of the session's folder to a worker process of pytest-xdist."""
    node.workerinput[_FOLDER] = str(_session(node.config).folder)


@pytest.fixture
def assert_looks_like(request: pytest.FixtureRequest) -> AssertLooksLike:
    """Assert that an image looks like a golden: `assert_looks_like(image, "golden.png")`."""
    from .goldens import Goldens  # noqa: PLC0415  # it imports numpy and onnxruntime

    config = request.config
    return Goldens(
        folder=request.path.parent / str(config.getini("eyediff_goldens")),
        root=config.rootpath,
        report=_report(config),
        test=request.node.nodeid,
        session=_session(config),
        update=config.getoption("--eyediff-update"),
    )


def _report(config: pytest.Config) -> Any:
    named = config.getoption("--eyediff-report")
    return config.invocation_params.dir / named if named else config.rootpath / str(config.getini("eyediff_report"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print which goldens were stored, and write the page of all failures."""
    session = config.stash.get(_SESSION, None)
    if session is None:
        return
    if config.getoption("--eyediff-update"):
        goldens = session.goldens()
        stored = [golden.path for golden in goldens if golden.new]
        terminalreporter.section("eyediff")
        terminalreporter.write_line(f"goldens stored: {len(stored)}, unchanged: {len(goldens) - len(stored)}")
        for path in stored:
            terminalreporter.write_line(f"  {path}")
    from .failures import remove_page, write_page  # noqa: PLC0415

    failures = session.failures()
    if not failures:
        remove_page(_report(config))
    else:
        page = write_page(_report(config), failures)
        terminalreporter.section("eyediff")
        terminalreporter.write_line(f"images that differ from their goldens: {len(failures)}; see {page}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder of the session. Only the main process removes it; the worker processes do not."""
    session = config.stash.get(_SESSION, None)
    if session is not None and not hasattr(config, "workerinput"):
        session.remove()

"""The pytest plugin: `assert_looks_like(image, "golden.png")`.

pytest loads this file in every run where eyediff is installed, so it imports nothing: what compares images is loaded
when a test first asks for the fixture. It asserts nothing, so pytest need not rewrite it: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from .session import Session

__all__ = ["AssertLooksLike", "assert_looks_like"]

_SESSION: pytest.StashKey[Session] = pytest.StashKey()
_FOLDER = "eyediff_session"
"""Under which pytest-xdist hands the folder of the session to its workers."""


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
    ) -> dict[str, float]:
        """Hold an image against a golden, and return its scores.

        Parameters
        ----------
        image
            A path, the bytes of an image file such as a screenshot, a matplotlib figure, a PIL image, or an array
            H x W x 3 (uint8, uint16, or float with `range` stated). What is compared, and stored, has 8 bits a channel.
        golden
            Name of a PNG file in the folder of goldens.
        gate
            Limits by the kind of picture: "ui" for screenshots and charts, "photo" for photos. By default "ui", and
            none if `max` or `min` is given.
        max, min
            Limits by metric name, as `eyediff metrics` lists them; they take the place of those of the gate.
        range
            Values of black and white in an array of floats.
        tolerate_shift
            Pixels by which a changed region may be displaced and crosses no limit.

        Raises
        ------
        AssertionError
            If a limit is crossed, sizes differ, or there is no golden yet.
        UsageError, ImageError, RangeError
            If the call or the image is wrong.
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


def _session(config: pytest.Config) -> Session:
    """Return what the processes of this run share; the first one to ask makes it."""
    from pathlib import Path  # noqa: PLC0415  # only for runs that use the fixture, as all below
    from tempfile import mkdtemp  # noqa: PLC0415

    from .session import Session  # noqa: PLC0415

    if _SESSION not in config.stash:
        given = getattr(config, "workerinput", {}).get(_FOLDER)
        config.stash[_SESSION] = Session(Path(given or mkdtemp(prefix="eyediff-session-")))
    return config.stash[_SESSION]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the session's facts are."""
    node.workerinput[_FOLDER] = str(_session(node.config).folder)


@pytest.fixture
def assert_looks_like(request: pytest.FixtureRequest) -> AssertLooksLike:
    """Assert that an image looks like a golden: `assert_looks_like(image, "golden.png")`."""
    from .goldens import Goldens  # noqa: PLC0415  # numpy, onnxruntime: only for tests that use it

    config = request.config
    return Goldens(
        folder=request.path.parent / str(config.getini("eyediff_goldens")),
        report=_report(config),
        test=request.node.nodeid,
        session=_session(config),
        update=config.getoption("--eyediff-update"),
    )


def _report(config: pytest.Config) -> Any:
    named = config.getoption("--eyediff-report")
    return config.invocation_params.dir / named if named else config.rootpath / str(config.getini("eyediff_report"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which goldens were stored, and make the page of all failures."""
    session = config.stash.get(_SESSION, None)
    if session is None:
        return
    if config.getoption("--eyediff-update"):
        goldens = session.goldens()
        stored = [golden.path for golden in goldens if golden.new]
        terminalreporter.section("eyediff")
        terminalreporter.write_line(f"goldens stored: {len(stored)}, as they were: {len(goldens) - len(stored)}")
        for path in stored:
            terminalreporter.write_line(f"  {path}")
    from .failures import remove_page, write_page  # noqa: PLC0415

    failures = session.failures()
    if not failures:
        remove_page(_report(config))
    else:
        page = write_page(_report(config), failures)
        terminalreporter.section("eyediff")
        terminalreporter.write_line(f"pictures that look unlike their goldens: {len(failures)}; look at {page}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the processes shared. Workers leave that to the process that began them."""
    session = config.stash.get(_SESSION, None)
    if session is not None and not hasattr(config, "workerinput"):
        session.remove()

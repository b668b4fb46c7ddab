"""Write JUnit XML for CI systems, with one test case for each pair.

A pair that crosses a limit, or is worse than in the baseline, is a failure. A pair without a score is an error.
"""

from __future__ import annotations

import html
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import shown
from ..output.atomic_write import output_error
from ..output.targets import target
from ..output.text import crossing_figures, mean_figure
from ..records import Failure, Header, Pair, Row, Summary
from ..run import Limits
from .baseline import Baseline, Verdict, format_change, format_drift

_IN_MEMORY = 1 << 23
"""Largest number of bytes of test cases that are kept in memory. If there are more, all are kept on disk.

The test cases are kept until the end, because the numbers of test cases and failures come first in the file.
"""


class JunitSink:
    """A receiver of rows that writes JUnit XML to `path` when it is closed.

    Failures are crossed limits, and pairs that are worse than in `baseline`. A worse mean is a separate test case.
    Errors are pairs without a score, files without a partner, pairs that only one of the two runs has, and missing
    maps. The output of a test case has the scores of its pair. The time of a test case is the time since the previous
    row, so the first pair of a batch has the time of the batch. A pair that did not pass has its two files as
    attachments. Control characters, which XML cannot contain, are written as `\\x00`.
    """

    def __init__(
        self, path: Path, limits: Limits, baseline: Baseline | None = None, *, overwrite: bool = False
    ) -> None:
        self._target = target(path, data=True, overwrite=overwrite)
        self._limits, self._baseline = limits, baseline
        self._tests = self._failures = self._errors = 0

    def open(self, header: Header) -> None:
        """Open the file. Raises OutputError if it cannot be written."""
        self._header = header
        self._target.open('<?xml version="1.0" encoding="UTF-8"?>\n')
        self._started = self._last = time.monotonic()
        self._cases = tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="\n")  # noqa: SIM115

    def write(self, row: Row) -> None:
        """Write one test case."""
        if isinstance(row, Failure):
            self._error("eyediff.pairs", row.pair.name, row.stage, row.message, _attachments(row.pair), row.pair)
            return
        scores = ", ".join(f"{name} {score!r}" for name, score in row.scores.items())
        waived = [f"waived, only moved: {crossing_figures(found)}" for found in self._limits.waived(row)]
        said = _quoted("\n".join([scores, *(f"note: {shown(note)}" for note in row.notes), *waived]))
        attached = f"{said}\n{_attachments(row.pair)}".rstrip("\n")
        reasons = list(map(crossing_figures, self._limits.crossings(row)))
        if self._baseline is not None:
            reasons += map(format_change, self._baseline.changes(row))
        if row.reasons:  # a test case has one result, so the error names the crossed limits, too
            message = "; ".join([row.message, *reasons])
            self._error("eyediff.pairs", row.pair.name, row.stage, message, attached, row.pair)
            return
        self._judged("eyediff.pairs", row.pair.name, reasons, attached if reasons else said, row.pair)

    def close(self, summary: Summary) -> None:
        """Write the numbers of test cases, failures and errors, and then the test cases."""
        try:
            self._conclude(summary)
            counts = f'tests="{self._tests}" failures="{self._failures}" errors="{self._errors}"'
            counts += f' time="{time.monotonic() - self._started:.3f}"'
            self._target.write(f'<testsuites name="eyediff" {counts}>\n')
            self._target.write(
                f'  <testsuite name="eyediff compare" {counts} skipped="0">\n{self._properties(summary)}'
            )
            with _named_errors():
                self._cases.seek(0)
            while piece := self._cases.read(1 << 20):
                self._target.write(piece)
        except BaseException:
            self._target.close("", finished=False)
            raise
        finally:
            self._discard_cases()
        self._target.close("  </testsuite>\n</testsuites>\n", finished=True)

    def abandon(self) -> None:
        """Restore the earlier file, because the run failed before its first row."""
        self._discard_cases()
        self._target.abandon()

    def _conclude(self, summary: Summary) -> None:
        """Write the test cases that are known only after the last row."""
        for file in summary.unmatched:
            self._error(
                "eyediff.pairs", str(file.path), "unmatched", f"the file is only in {file.side}; it has no partner"
            )
        for found in summary.mean_crossings:
            self._judged("eyediff.mean", found.pair, [crossing_figures(found)], "")
        told: Sequence[str] = ()  # gaps whose pairs have test cases
        if self._baseline is not None:
            verdict = self._baseline.verdict()
            self._against(verdict)
            told = verdict.gaps
        for gap in summary.gaps:
            if gap not in told:
                self._error("eyediff.run", "the whole run", "missing", gap)
        if summary.interrupted:
            self._error("eyediff.run", "the whole run", "interrupted", "the run was interrupted before the last pair")

    def _discard_cases(self) -> None:
        with suppress(OSError):  # the file is deleted, so an error of its last write does not matter
            self._cases.close()

    def _against(self, verdict: Verdict) -> None:
        for found in verdict.drifts:
            said = format_drift(found)
            self._judged("eyediff.baseline", f"mean {found.metric}", [said] if found.fails else [], said)
        for where, pairs in ((shown(verdict.path), verdict.gone), ("this run", verdict.new)):
            for pair in pairs:
                self._error("eyediff.baseline", pair, "missing", f"the pair is only in {where}; it cannot be compared")

    def _judged(self, group: str, name: str, reasons: Sequence[str], said: str, pair: Pair | None = None) -> None:
        inside = _output(said)
        if reasons:
            self._failures += 1
            whole = "; ".join(reasons)
            inside = f'<failure type="worse" message={_attribute(whole)}>{_text(whole)}</failure>{inside}'
        self._case(group, name, inside, pair)

    def _error(self, group: str, name: str, kind: str, message: str, said: str = "", pair: Pair | None = None) -> None:
        self._errors += 1
        inside = _output(said) if said else ""
        self._case(group, name, f"<error type={_attribute(kind)} message={_attribute(message)}/>{inside}", pair)

    def _case(self, group: str, name: str, inside: str, pair: Pair | None) -> None:
        self._tests += 1
        attributes = f"classname={_attribute(group)} name={_attribute(name)}"
        if pair is not None:
            now = time.monotonic()
            attributes += f' file={_attribute(str(pair.candidate))} time="{now - self._last:.3f}"'
            self._last = now
        with _named_errors():
            self._cases.write(f"    <testcase {attributes}>{inside}</testcase>\n")

    def _properties(self, summary: Summary) -> str:
        lines = [f"      <property name={_attribute('eyediff')} value={_attribute(self._header.eyediff)}/>\n"]
        for name, metric in self._header.metrics.items():
            weights = f", weights {metric.weights_sha256}" if metric.weights_sha256 else ""
            value = f"version {metric.version}{weights}, {metric.engine}"
            lines.append(f"      <property name={_attribute(name)} value={_attribute(value)}/>\n")
        if summary.hints:
            lines.append(f"      <property name={_attribute('hints')} value={_attribute('; '.join(summary.hints))}/>\n")
        for name, found in summary.metrics.items():
            lines.append(
                f"      <property name={_attribute(f'mean {name}')} value={_attribute(mean_figure(found))}/>\n"
            )
        return f"    <properties>\n{''.join(lines)}    </properties>\n"


@contextmanager
def _named_errors() -> Iterator[None]:
    """Convert an OSError of the temporary file with the test cases into an OutputError."""
    try:
        yield
    except OSError as error:
        raise output_error(f"a temporary file in {tempfile.gettempdir()}", error) from error


def _quoted(text: str) -> str:
    """Return the text without attachments. A reader of the XML would open the file that follows `[[ATTACHMENT`."""
    return text.replace("[[", "[ [")


def _attachments(pair: Pair) -> str:
    """Return the lines that attach the two files of a pair, except paths with brackets or unprintable characters."""
    paths = [str(file) for file in (pair.candidate, pair.reference) if isinstance(file, Path)]
    return "\n".join(f"[[ATTACHMENT|{path}]]" for path in paths if path.isprintable() and not set("[]") & set(path))


def _output(text: str) -> str:
    return f"<system-out>{_text(text)}</system-out>"


def _attribute(text: str) -> str:
    return f'"{html.escape(shown(text))}"'


def _text(text: str) -> str:
    return html.escape("\n".join(map(shown, text.split("\n"))), quote=False)

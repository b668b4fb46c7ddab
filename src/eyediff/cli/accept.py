"""`eyediff accept`: replace references by candidates, for the pairs that failed."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ImageError, OutputError, UsageError, excerpt, shown, some_of
from ..gates.baseline_file import decode, split_json
from ..images import read
from ..locations import real_path
from ..output.atomic_write import atomic_path, make_folders
from ..output.read_rows import row_from_json
from ..output.schema import encodable
from ..output.text import amount
from .exit_codes import INCOMPLETE

RECORDS = "*/*/scores.json"
"""Pattern of the files, one for each failure, that the pytest fixture writes to its folder."""


@dataclass(frozen=True)
class _Change:
    """A pair that failed: its name, the reason, and the paths of its two files as the run recorded them.

    `new` is True if the pair has no reference yet.
    """

    name: str
    reason: str
    reference: Path
    candidate: Path
    new: bool = False


def accept(
    results: Annotated[
        Path,
        typer.Argument(
            help="Results of `eyediff compare` as JSON or JSON lines, or the folder to which the pytest fixture wrote "
            "its failures (eyediff-report)."
        ),
    ],
    reference: Annotated[
        Path, typer.Argument(help="The folder of references or goldens. No file outside this folder is replaced.")
    ],
    pairs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PAIR", help="Names of the failed pairs to accept. Without names, the command asks for each pair."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Accept all pairs that failed.")] = False,
    candidate: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of candidates of the run. Files that only this folder has are accepted, too."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print which files would be replaced, and replace nothing.")
    ] = False,
) -> int:
    """Replace references by candidates, for the pairs that failed, and list the replaced files.

    The results may have relative paths, so call this command from the folder in which the run was started. A reference
    is refused if it, or a folder on its path, is a link.

    Exit code: 0 done, 2 the call is wrong and nothing was replaced, 3 some candidates could not be accepted.
    """
    if everything and pairs:
        raise UsageError(f"--all and the pair {shown(pairs[0])} were both given; give only one of them")
    folder = real_path(reference)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {shown(reference)}; give the folder of references or goldens")
    failed = list(_of_pytest(results) if results.is_dir() else _of_run(results, reference, candidate))
    if not failed:
        raise UsageError(f"no pair failed in {shown(results)}, so there is nothing to accept")
    chosen = failed if everything else _named(failed, pairs) if pairs else _asked(failed)
    places = [(change, _place(change.reference, reference, folder)) for change in chosen]
    taken: dict[Path, str] = {}
    for change, place in places:
        if place in taken:
            both = f"{shown(taken[place])} and {shown(change.name)}"
            raise UsageError(f"the pairs {both} have the same reference {shown(place)}; accept only one of them")
        taken[place] = change.name
    refused = 0
    for change, place in places:
        try:
            _check(change)
            said = "replaced" if place.exists() else "added"
            if change.new and said == "replaced":
                raise ImageError(f"{shown(place)} did not exist during the run, but it exists now; repeat the run")
            if not dry_run:
                _replace(place, change.candidate)
        except (ImageError, OutputError) as error:
            refused += 1
            typer.echo(f"eyediff: {shown(change.name)} is not accepted: {shown(error)}", err=True)
        else:
            typer.echo(f"{'would be ' * dry_run}{said}: {shown(place)} by {shown(change.candidate)}")
    done = amount(len(places) - refused, "reference")
    left = amount(len(failed) - len(places), "failed pair")
    typer.echo(f"eyediff: {done} {'would be ' * dry_run}accepted, {left} left unchanged", err=True)
    return INCOMPLETE if refused else 0


def _of_run(results: Path, reference: Path, candidate: Path | None) -> Iterator[_Change]:
    """Yield the pairs that failed in the results of `compare`, and then the candidates that have no reference."""
    try:
        text = decode(results.read_bytes())
        if not text.lstrip().startswith("{"):
            raise ValueError("the file is not JSON; other formats do not say which pairs failed")
        header, records = split_json(text)
        names = tuple(header["metrics"])
        rows = [(row_from_json(record, names), record["verdict"], record["crossed"]) for record in records]
        failed = [(row, ", ".join(map(_crossing, crossed))) for row, verdict, crossed in rows if verdict == "fail"]
        alone = None if candidate is None else header.get("unmatched")
        new = [_unescaped(Path(file["path"])) for file in alone or () if file["side"] == "candidate"]
    except OSError as error:
        raise UsageError(
            f"{shown(results)} cannot be read ({error.strerror or error}); give the results of a run"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{shown(results)} does not say which pairs failed ({excerpt(error)}); expected JSON or JSON lines "
            "from `eyediff compare`, or the folder to which the pytest fixture wrote its failures"
        ) from error
    for row, crossed in failed:
        pair = row.pair
        if not isinstance(pair.reference, Path) or not isinstance(pair.candidate, Path):
            raise UsageError(f"a file of the pair {shown(pair.name)} is a URL; expected files on this machine")
        paths = _unescaped(pair.reference), _unescaped(pair.candidate)
        yield _Change(pair.name, row.message or crossed or "worse", *paths)
    if candidate is not None and alone is None:
        raise UsageError(
            f"{shown(results)} does not list the files without a partner; give JSON results, or leave out --candidate"
        )
    for path in new:
        name = _below(path, candidate) if candidate is not None else None
        if name is None:
            raise UsageError(f"{shown(path)} is not in the folder {shown(candidate)}; nothing was replaced")
        yield _Change(name.as_posix(), "there is no reference yet", reference / name, path, new=True)


def _unescaped(path: Path) -> Path:
    r"""Return the path that results name, in which bytes that are not UTF-8 are escaped as `\udce9`."""
    raw = re.sub(r"\\u(dc[89a-f][0-9a-f])", lambda found: chr(int(found[1], 16)), str(path))
    return path if path.exists() else Path(raw)


def _crossing(found: Any) -> str:
    return f"{found['metric']} {found['score']}, limit {found['limit']}"


def _of_pytest(folder: Path) -> Iterator[_Change]:
    """Yield the failures that the pytest fixture recorded. The paths of goldens start at the root of the tests."""
    for path in sorted(folder.glob(RECORDS)):
        try:
            if path.resolve() != folder.resolve() / path.relative_to(folder):
                raise ValueError("a part of its path is a link")
            record = json.loads(path.read_bytes())
            test, golden, place, reason = (record[name] for name in ("test", "golden", "path", "reason"))
            if not all(isinstance(text, str) for text in (test, golden, place, reason)):
                raise ValueError("a value has the wrong type")
        except (OSError, ValueError, KeyError, TypeError, RecursionError, RuntimeError) as error:
            raise UsageError(
                f"{shown(path)} is not a failure that the pytest fixture recorded ({excerpt(error)}); remove this file"
            ) from error
        yield _Change(f"{test} {golden}", reason, Path(place), path.with_name("candidate.png"))


def _named(failed: Sequence[_Change], names: Sequence[str]) -> list[_Change]:
    """Return the pairs with these names. The name of a golden is also accepted without the name of its test."""
    chosen: list[_Change] = []
    for name in dict.fromkeys(map(encodable, names)):
        found = [change for change in failed if name == change.name]
        found = found or [change for change in failed if change.name.endswith(f" {name}")]
        if not found:
            known = some_of([shown(change.name) for change in failed])
            raise UsageError(f"no pair with the name {shown(name)} failed; expected one of: {known}")
        chosen += [change for change in found if change not in chosen]
    return chosen


def _asked(failed: Sequence[_Change]) -> list[_Change]:
    """Ask on the terminal, for each pair, whether to accept it, and return the accepted pairs."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            f"{amount(len(failed), 'pair')} failed, but there is no terminal on which to ask; "
            "give the names of the pairs to accept, or --all"
        )
    chosen: list[_Change] = []
    for index, change in enumerate(failed):
        typer.echo(f"{shown(change.name)}: {excerpt(change.reason)}")
        answer = ""
        while answer not in ("y", "n", "a", "q"):
            answer = typer.prompt("accept? yes, no, all from here, quit [y/n/a/q]", prompt_suffix=" ").strip().lower()
        if answer == "a":
            return [*chosen, *failed[index:]]
        if answer == "q":
            break
        chosen += [change] if answer == "y" else []
    return chosen


def _place(path: Path, given: Path, folder: Path) -> Path:
    """Return the path of a reference inside `folder`, which is the folder `given` with all links resolved.

    Raises UsageError if the reference is not inside the folder, or if a part of its path below the folder is a link.
    """
    below = _below(path, given) or _below(path, folder)
    if below is None:
        where = "" if path.is_absolute() else ", or call this command from the folder in which the run was started"
        raise UsageError(
            f"{shown(path)} is not in the folder {shown(given)}; nothing was replaced; give the folder of the "
            f"references{where}"
        )
    place = folder / below
    if any((folder / part).is_symlink() for part in (below, *below.parents)):
        raise UsageError(f"{shown(place)} is a link, or is in a folder that is a link; nothing was replaced")
    if place.exists() and not stat.S_ISREG(place.lstat().st_mode):
        raise UsageError(f"{shown(place)} is not a regular file; nothing was replaced")
    return place


def _below(path: Path, folder: Path) -> Path | None:
    """Return a path relative to a folder, without reading links. None if the path is not inside the folder."""
    try:
        below = Path(os.path.abspath(path)).relative_to(os.path.abspath(folder))  # noqa: PTH100  # removes `..`, keeps links
    except ValueError:
        return None
    return below if below.parts else None


def _check(change: _Change) -> None:
    """Raise ImageError unless the candidate is a regular file with an image, and has the suffix of the reference."""
    path = change.candidate
    try:
        regular = stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError) as error:
        where = "" if path.is_absolute() else "; call this command from the folder in which the run was started"
        raise ImageError(f"{shown(path)} cannot be read ({getattr(error, 'strerror', error)}){where}") from error
    if not regular:
        raise ImageError(f"{shown(path)} is not a regular file; expected an image")
    if path.suffix.lower() != change.reference.suffix.lower():
        raise ImageError(
            f"{shown(path)} does not have the suffix of {shown(change.reference)}; save the candidate in that format"
        )
    read(path)


def _replace(place: Path, candidate: Path) -> None:
    try:
        make_folders(place.parent)
    except OSError as error:
        raise OutputError(f"the folder {shown(place.parent)} cannot be created ({error.strerror or error})") from error
    with atomic_path(place) as part:
        shutil.copyfile(candidate, part)

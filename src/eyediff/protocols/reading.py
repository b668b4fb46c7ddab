"""Read evaluation protocols from TOML files.

Some files are in the package, and users can write their own. A file is checked completely before it is used.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from ..errors import UsageError, shown
from ..images import check_alpha
from ..metrics.registry import find_metric
from ..records import Averaging
from .protocol import EvaluationProtocol, Rounding, check_border

FOLDER = Path(__file__).parent / "published"
"""Folder with the protocols that are in the package. Each protocol is one TOML file."""

SUFFIX = ".toml"

MOST_BYTES = 1 << 16
"""Largest size in bytes that the file of a protocol may have."""

_KEYS = ("name", "version", "about", "metrics", "border", "alpha", "rounding", "averaging", "source")


@cache
def published() -> Mapping[str, EvaluationProtocol]:
    """Return the protocols that are in the package, by their names."""
    found = [read_protocol(path) for path in sorted(FOLDER.glob(f"*{SUFFIX}"))]
    return {protocol.name: protocol for protocol in found}


def find_protocol(requested: str | Path) -> EvaluationProtocol:
    """Return a protocol of the package, or the protocol in a TOML file.

    Parameters
    ----------
    requested
        Name of a protocol of the package, such as `sr-y` or, with its version, `sr-y@1`; or path of a `.toml` file.

    Raises
    ------
    UsageError
        If the package has no protocol of this name or version, or if the file is not a valid protocol.

    Examples
    --------
    >>> find_protocol("sr-y").metrics
    ('psnr@y', 'ssim@y', 'lpips-vgg')
    """
    if isinstance(requested, Path) or requested.endswith(SUFFIX):
        return read_protocol(Path(requested))
    known = published()
    name, at, version = requested.partition("@")
    if name not in known:
        close = difflib.get_close_matches(name.casefold(), known, 1)
        hint = f"did you mean {close[0]}?" if close else f"the protocols are {', '.join(known)};"
        raise UsageError(f"there is no protocol {shown(name)}; {hint} the name of your own file must end in {SUFFIX}")
    if at and version != known[name].version:
        raise UsageError(
            f"the protocol {name} has no version {shown(version)}; give {known[name].qualified_name}, or {name}"
        )
    return known[name]


def protocol_text(name: str) -> str:
    """Return the TOML text of a protocol of the package. You can save the text to a file and change it.

    Raises UsageError if the package has no protocol of this name.
    """
    return (FOLDER / f"{find_protocol(name).name}{SUFFIX}").read_text("utf-8")


def read_protocol(path: Path) -> EvaluationProtocol:
    """Return the protocol in a TOML file.

    Raises
    ------
    UsageError
        If the file cannot be read, or if it is not a valid protocol. The message states the wrong key.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"the file has more than {MOST_BYTES} bytes")
        return _protocol(tomllib.loads(content.decode()))
    except OSError as error:
        raise UsageError(
            f"cannot read the protocol {shown(path)}: {error.strerror or error}; check the path"
        ) from error
    except (ValueError, RecursionError, UsageError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{shown(path)} is not a valid protocol: {shown(reason)}; docs/protocols.md shows an example"
        ) from error


def _protocol(table: dict[str, object]) -> EvaluationProtocol:
    if unknown := [key for key in table if key not in _KEYS]:
        raise ValueError(f"the file has the unknown key {unknown[0]!r}; the known keys are {', '.join(_KEYS)}")
    if missing := [key for key in ("name", "version", "metrics") if key not in table]:
        raise ValueError(f"the file lacks the key {missing[0]!r}")
    metrics, source = table["metrics"], table.get("source", {})
    if not isinstance(metrics, list) or not metrics:
        raise ValueError("`metrics` must be a list of names with at least one name")
    names = tuple(_text("metrics", name) for name in metrics)
    for name in names:
        find_metric(name)
    if len(set(names)) < len(names):
        raise ValueError("`metrics` has the same name twice")
    if not isinstance(source, dict):
        raise ValueError("`source` must be a table in which each value is a text")  # noqa: TRY004  # not an argument
    return EvaluationProtocol(
        name=_text("name", table["name"]),
        version=_text("version", table["version"]),
        about=_text("about", table.get("about", "a protocol of the user")),
        metrics=names,
        border=check_border(table.get("border", 0)),
        alpha=check_alpha(_text("alpha", table.get("alpha", "refuse"))),
        rounding=_one_of("rounding", table.get("rounding", "none"), get_args(Rounding)),
        averaging=_one_of("averaging", table.get("averaging", "images"), get_args(Averaging)),
        source={key: _text("source", value) for key, value in source.items()},
    )


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(f"`{key}` is {value!r}; expected a text of one line")
    return value


def _one_of(key: str, value: object, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"`{key}` is {value!r}; expected one of {', '.join(choices)}")
    return value

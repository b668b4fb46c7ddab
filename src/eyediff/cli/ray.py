"""`--ray [ADDRESS]`: compute a run on all machines of a Ray cluster."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from ..errors import UsageError
from ..optional import import_optional

if TYPE_CHECKING:
    from .. import run

RayOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="[ADDRESS]",
        help="Compute with Ray on the cluster at ADDRESS (HOST:PORT or auto), or at RAY_ADDRESS, or on this machine.",
        show_default=False,
    ),
]

_ADDRESS = re.compile(r"auto|local|ray://\S+|[\w.\-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")


_ANSWER = 5.0
"""Time limit for the answer of a cluster, in seconds."""


def with_address(arguments: Sequence[str]) -> list[str]:
    """Replace `--ray` without an address by `--ray=`, because the parser does not support optional values."""
    found = list(arguments)
    for place, argument in enumerate(found):
        if argument == "--":
            break
        if argument == "--ray" and not _ADDRESS.fullmatch(found[place + 1] if place + 1 < len(found) else ""):
            found[place] = "--ray="
    return found


def source_of(address: str | None, options: run.ComparisonOptions) -> run.RowSource | None:
    """Return the row source for --ray, or None without --ray. Raises UsageError if Ray is missing or unreachable."""
    if address is None:
        return None
    import_optional("ray.data", "--ray")
    import ray

    from ..ray import row_source

    if not ray.is_initialized():
        _knock(address)
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # hide its plans and progress; eyediff shows its own
        try:
            ray.init(address or None, include_dashboard=None if address else False, logging_level=logging.ERROR)
        except Exception as error:  # if Ray does not start in time, it raises Exception itself
            reason = str(error).strip().split("\n", 1)[0]
            raise UsageError(f"--ray {address}: Ray cannot be started or reached: {reason}") from error
    return row_source(options)


def _knock(address: str) -> None:
    """Raise UsageError if there is no answer at the address. Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"--ray {address}: there is no answer ({error}); check the address") from error

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
        help="Compute with Ray on the cluster at ADDRESS (HOST:PORT or auto). Without ADDRESS, use the cluster that "
        "the environment variable RAY_ADDRESS names, or this machine if the variable is not set.",
        show_default=False,
    ),
]

_ADDRESS = re.compile(r"auto|local|ray://\S+|[\w.\-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")


_ANSWER = 5.0
"""Number of seconds to wait for an answer of the cluster."""


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
    """Return the function that computes the rows with Ray, or None if --ray was not given.

    Raises UsageError if Ray is missing or cannot be reached.
    """
    if address is None:
        return None
    import_optional("ray.data", "--ray")
    import ray

    from ..ray import row_source

    if not ray.is_initialized():
        _knock(address)
        logging.getLogger("ray.data").setLevel(
            logging.ERROR
        )  # hide the plans and progress bars of Ray; eyediff shows a bar
        try:
            ray.init(address or None, include_dashboard=None if address else False, logging_level=logging.ERROR)
        except Exception as error:  # Ray raises an object of the class Exception if it does not start in time
            reason = str(error).strip().split("\n", 1)[0]
            raise UsageError(f"--ray {address}: Ray cannot be started or reached ({reason})") from error
    return row_source(options)


def _knock(address: str) -> None:
    """Raise UsageError if nothing answers at the address. Without this check, Ray would try to connect for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"--ray {address}: there is no answer at this address ({error}); check the address") from error

"""The command line: arguments in, exit codes out. Each command is a file of its own; this one joins them.

Exit codes: 0 done; 1 a threshold was crossed, or a pair is worse than in the baseline; 2 the call or the configuration
is wrong, nothing was computed; 3 done, but some pairs failed or were unmatched; 130 interrupted, what was computed is
kept.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from .. import __version__
from ..engines.select_runner import engine_description
from ..errors import EyediffError, shown
from .compare import compare
from .demo import demo
from .distill import distill
from .diversity import diversity
from .evaluate import app as evaluate
from .exit_codes import INTERRUPTED, USAGE_ERROR
from .export import export
from .matrix import matrix
from .merge import merge
from .metrics import metrics
from .nearest import nearest
from .optimize import optimize
from .ray import with_address
from .supervision import strengths, supervision
from .train import train
from .video import video
from .weights import app as weights

app = typer.Typer(
    name="eyediff",
    help="How different do these two images look to a person?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(compare)
app.command()(matrix)
app.command()(nearest)
app.command()(diversity)
app.command()(merge)
app.command()(metrics)
app.command()(demo)
app.command()(distill)
app.command()(train)
app.command()(optimize)
app.command()(export)
app.command()(video)
evaluate.command()(supervision)
evaluate.command()(strengths)
app.add_typer(evaluate, name="eval")
app.add_typer(weights, name="weights")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eyediff {__version__} (networks on the CPU: {engine_description()})")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """How different do these two images look to a person?"""


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; every expected error becomes one line on stderr."""
    try:
        arguments = with_address(sys.argv[1:] if argv is None else argv)
        code = typer.main.get_command(app).main(args=arguments, standalone_mode=False)
    except EyediffError as error:
        return _complain(str(error))
    except TyperException as error:  # an unknown option, a missing argument
        return _complain(f"{error.format_message()}; `eyediff --help` shows how")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our stdout has gone, as `head` does: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def _complain(message: str) -> int:
    print(f"eyediff: {shown(' '.join(message.split()))}", file=sys.stderr)  # noqa: T201 - this is the command line
    return USAGE_ERROR


def main() -> None:
    """The entry point of the `eyediff` command."""
    sys.exit(run())

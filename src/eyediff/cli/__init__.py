"""Run the command line. Each command has a file of its own; this file joins the commands and handles their errors.

Exit codes: 0 done; 1 a limit was crossed, or a pair is worse than in the baseline; 2 the call or the configuration is
wrong, and nothing was computed; 3 some results are missing: pairs failed or have no partner, the run stopped at an
error and kept the complete rows, or standard output could not be written; 70 an internal error; 130 interrupted,
computed rows are kept.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import typer

from .._version import __version__
from ..errors import EyediffError, UsageError, shown
from .exit_codes import INCOMPLETE, INTERNAL_ERROR, INTERRUPTED, USAGE_ERROR, spell_option
from .option_rules import CheckedCommand
from .ray import with_address

GROUPS: Mapping[str, str] = {"eval": "evaluate", "weights": "weights"}
"""For each group of commands, the name of the module that has the Typer object `app` with these commands."""

COMMANDS: Sequence[str] = (
    *("compare", "accept", "table", "matrix", "nearest", "diversity", "merge", "metrics", "protocols", "explain"),
    *("demo", "distill", "train", "optimize", "export", "video"),
    *GROUPS,
)
"""All commands and groups of commands, in the order of the help.

The module and the function of a command have the name of the command.
"""


def create_app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return the command line with the named commands. Modules of other commands are not imported, to save time."""
    app = typer.Typer(
        name="eyediff",
        help="How different do these two images look to a person?",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        module = import_module(f".{GROUPS.get(name, name)}", __name__)
        if name in GROUPS:
            app.add_typer(module.app, name=name)
        else:
            app.command(name, cls=CheckedCommand)(getattr(module, name))
    return app


def _needed(arguments: Sequence[str]) -> Iterable[str]:
    """Return the commands whose modules must be imported for these arguments.

    The help, and the message about a misspelled command, need all commands.
    """
    first = next((argument for argument in arguments if not argument.startswith("-")), "")
    if first in COMMANDS:
        return (first,)
    return () if list(arguments) == ["--version"] else COMMANDS


def _version(wanted: bool) -> None:
    if wanted:
        from ..engines.cpu_engine import engine_description

        typer.echo(f"eyediff {__version__} (networks and SSIM on the CPU: {engine_description()})")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """How different do these two images look to a person?"""


_MARKUP = re.compile(r"\[[a-z#/@][^\[]*?\]")
"""Pattern of the text that rich would interpret as markup. The parser of rich has the same pattern."""


def create_command(names: Iterable[str] = COMMANDS) -> Any:
    """Return the parser of the command line for the named commands."""
    app = create_app(names)
    command = typer.main.get_command(app)
    _prepare_help(command, escaped=app.rich_markup_mode == "rich")
    return command


def _prepare_help(command: Any, *, escaped: bool) -> None:
    """Prepare the help of a command, its options and its subcommands for the terminal.

    The lines of a paragraph are joined, so that they are wrapped at the width of the terminal. If `escaped` is True,
    brackets are escaped, as in `eyediff[video]`.
    """
    for owner in (command, *command.params):
        if help_text := getattr(owner, "help", None):
            joined = "\n\n".join(" ".join(part.split()) for part in cleandoc(help_text).split("\n\n"))
            owner.help = _MARKUP.sub(r"\\\g<0>", joined) if escaped else joined
    for subcommand in getattr(command, "commands", {}).values():
        _prepare_help(subcommand, escaped=escaped)


@contextmanager
def _paused_collector() -> Iterator[None]:
    """Pause the garbage collector. Afterwards, it ignores all objects that were created before.

    Imports are faster without it: they create many objects and hardly any garbage.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


_PARSER_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
"""The base class of all errors that the argument parser raises.

Some releases of typer keep this class in the module click, and others in typer._click. All export only its subclass
BadParameter.
"""


def run(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911  # one return for each way to end
    """Run the command line and return its exit code.

    An expected error becomes one line on stderr. Any other exception is a defect of eyediff: it becomes one line that
    asks for a report, and exit code 70. With EYEDIFF_TRACEBACK=1, the traceback is printed before that line.
    """
    _open_missing_streams()
    try:
        given = sys.argv[1:] if argv is None else argv
        _check_arguments(given)
        arguments = with_address(given)
        with _paused_collector():
            command = create_command(_needed(arguments))
        code = command.main(args=arguments, standalone_mode=False)
        sys.stdout.flush()
    except EyediffError as error:
        _complain(error.spelled(spell_option))
        return INCOMPLETE if isinstance(error.__cause__, BrokenPipeError) else USAGE_ERROR
    except _PARSER_ERROR as error:  # an unknown option, a missing argument
        if message := error.format_message().rstrip("."):  # empty if the help was printed
            _complain(f"{message}; `eyediff --help` explains the commands")
        return USAGE_ERROR
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return _end_without_reader()
    except SystemExit as error:  # the parser uses exit code 1 for a broken pipe, but here 1 means a crossed limit
        if isinstance(error.__context__, BrokenPipeError):
            return _end_without_reader()
        raise
    except Exception as error:  # noqa: BLE001  # every other error is a defect of eyediff
        if isinstance(error, OSError) and error.filename is None and error.errno in _CANNOT_WRITE:
            if not _is_of_command_line(error):
                _complain(f"cannot write a file: {error.strerror or error}")
                return INCOMPLETE
            _complain(f"cannot write <stdout>: {error.strerror or error}")
            _discard_stdout()
            return INCOMPLETE
        if os.environ.get("EYEDIFF_TRACEBACK") == "1":
            traceback.print_exc()
        _complain(
            f"internal error: {''.join(traceback.format_exception_only(error))}; this is a defect of "
            "eyediff; report it on the page of the project, with the traceback that EYEDIFF_TRACEBACK=1 prints"
        )
        return INTERNAL_ERROR
    finally:
        gc.unfreeze()
    return code if isinstance(code, int) else 0


def _check_arguments(arguments: Sequence[str]) -> None:
    """Raise UsageError if an argument contains NUL, or is empty.

    The cause of an empty argument is often a variable of the shell that is not set. The parser would take an empty path
    for the current folder.
    """
    if any("\0" in argument for argument in arguments):  # some releases of typer accept NUL in a path
        raise UsageError("an argument contains a NUL character, which is not allowed in names; remove it")
    for before, argument in pairwise(["eyediff", *arguments]):
        if not argument or re.fullmatch(r"--[a-z0-9-]+=", argument):
            place = f"the argument after {shown(before)}" if not argument else f"the value of {argument[:-1]}"
            raise UsageError(f"{place} is empty; give a value, and check that the variables of the shell are set")


def _open_missing_streams() -> None:
    """Replace standard streams that the caller closed (`>&-`): stderr discards its text, and writing to stdout fails.

    Otherwise the next opened file would get the number of the closed stream, and a library that writes to stderr would
    write into that file.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            continue
        os.close(descriptor)
        sys.stdout = sys.stdout or _closed_stream()
        sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # open until exit


def _closed_stream() -> TextIO:
    """Return a stream on which every write fails, because it is an error if nobody receives the results."""
    file = io.FileIO(os.open(os.devnull, os.O_RDONLY), "w")
    file.name = "<stdout>"
    return io.TextIOWrapper(io.BufferedWriter(file), encoding="utf-8")


_CANNOT_WRITE = (errno.EBADF, errno.ENOSPC, errno.EIO, errno.EFBIG)
"""Error numbers of a write to a standard output that is closed or full, or to an open file."""


def _is_of_command_line(error: BaseException) -> bool:
    """Return whether code of the command line caused an error. Only this code writes directly to standard output."""
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [name for name in modules if name.startswith("eyediff.")]
    return str(own[-1]).startswith(__name__)


def _end_without_reader() -> int:
    """Return the exit code if the reader of standard output, such as `head`, has closed the pipe. Print no message.

    The code is not 0. Otherwise, with `set -o pipefail`, a step of CI would pass although a limit was crossed or was
    not yet checked.
    """
    _discard_stdout()
    return INCOMPLETE


def _discard_stdout() -> None:
    """Discard the text that is not yet written to standard output. Otherwise the interpreter would write it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _complain(message: str) -> None:
    with suppress(OSError):  # stderr may be full or closed; Python would then exit with 1, which means a crossed limit
        print(f"eyediff: {shown(' '.join(message.split()))}", file=sys.stderr)  # noqa: T201 - this is the command line


def main() -> None:
    """Run the command line as the entry point of `eyediff`."""
    code = run()
    gc.freeze()  # otherwise, the interpreter would search all objects for garbage at exit: as long as numpy's import
    sys.exit(code)

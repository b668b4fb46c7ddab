"""Rules for options that need another option or exclude one. They are checked before a command begins."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typer.core import TyperCommand

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class OptionRule:
    """A rule: the options that some options of a command need, or the options that exclude them.

    An option is named as on the command line, an argument by the name of its parameter, such as "data". A value behind
    a name restricts the rule to this value: "--init kmeans". "--size fit" also includes "--size fit:64x64".

    Parameters
    ----------
    options
        Options that are refused if the rule does not hold, even if they have their default values.
    why
        The purpose of the options, or the reason why the others exclude them.
    needs
        Options of which at least one must be given. If empty, the rule needs no option.
    without
        Options that must not be given, except with their default values.
    """

    options: Sequence[str]
    why: str
    needs: Sequence[str] = ()
    without: Sequence[str] = ()


_ROWS = OptionRule(
    ["--rows"],
    "it limits only text rows on stdout",
    without=["--output", "--format csv", "--format json", "--format jsonl"],
)
_LEVELS = OptionRule(["--range"], "both set the value of white", without=["--bits"])
_RESAMPLING = OptionRule(["--resampling"], "nothing is resized", needs=["--size resize", "--size fit"])
_SCALE = OptionRule(["--scale"], "it sets the border of a protocol", needs=["--protocol"])
_PROTOCOL = OptionRule(["--crop-border", "--alpha"], "a protocol sets it", without=["--protocol"])
_STUDY = (OptionRule(["--seed"], "without resamples there is nothing random", without=["--bootstrap 0"]),)
_TRAINING = (
    *("--mode", "--taps", "--epochs", "--decay", "--batch", "--rate", "--dropout", "--side", "--hold-out"),
    *("--resume", "--plot", "--device", "--workers"),
)
_DISTILLING = ("--steps", "--minutes", "--seed", "--batch", "--groups", "--work", "--resume", "--device", "--output")

RULES: Mapping[str, Sequence[OptionRule]] = {
    "compare": (
        OptionRule(["--map-format"], "it sets the format of --maps", needs=["--maps"]),
        OptionRule(["--tolerance"], "there is nothing to compare with", needs=["--baseline"]),
        OptionRule(["--resume", "--resume-by"], "it continues a file", needs=["--output"]),
        OptionRule(["--overwrite"], "it replaces files of results", needs=["--output", "--junit", "--summary"]),
        _RESAMPLING,
        OptionRule(["--match"], "a list names both files of each pair", without=["--pairs"]),
        OptionRule(["--baseline"], "it checks a whole run; merge the shards, then check them", without=["--shard"]),
        OptionRule(
            ["--max-mean", "--min-mean"],
            "a mean needs the whole run; give it to `eyediff merge`",
            without=["--shard"],
        ),
        OptionRule(["--report", "--maps"], "pictures are drawn where the images are read", without=["--ray"]),
        OptionRule(["--gate"], "they name different metrics", without=["--protocol"]),
        _SCALE,
        _PROTOCOL,
        _LEVELS,
        _ROWS,
    ),
    "table": (
        OptionRule(["--resume", "--resume-by"], "it continues a file", needs=["--scores"]),
        OptionRule(["--per-group"], "there are no groups", needs=["--groups"]),
        OptionRule(["--crop", "--image"], "it describes a figure", needs=["--figure"]),
        OptionRule(["--report"], "pictures are drawn where the images are read", without=["--ray"]),
        OptionRule(["--plot", "--bd"], "a curve needs bitrates", needs=["--bytes"]),
        OptionRule(["--digits"], "these formats have all digits", without=["--format csv", "--format json"]),
        _RESAMPLING,
        _SCALE,
        _PROTOCOL,
        _LEVELS,
    ),
    "video": (_ROWS,),
    "merge": (_ROWS,),
    "explain": (_LEVELS,),
    "nearest": (
        OptionRule(["--rebuild"], "it computes an index again", needs=["--index"]),
        OptionRule(["-k"], "all pairs of FOLDER are compared", without=["--duplicates"]),
    ),
    "2afc": _STUDY,
    "jnd": _STUDY,
    "mos": _STUDY,
    "supervision": _STUDY,
    "train": (
        OptionRule(_TRAINING, "only the first weights are written", needs=["data"]),
        OptionRule(["--photos"], "kmeans uses them", needs=["--init kmeans"]),
    ),
    "distill": (
        OptionRule(["--weights", "--held-out"], "they are what is measured", needs=["--evaluate"]),
        OptionRule(_DISTILLING, "nothing is trained", without=["--evaluate"]),
        OptionRule(["--steps"], "the run takes a time instead of a number of steps", without=["--minutes"]),
    ),
    "optimize": (OptionRule(["--size"], "noise has the size of the target", without=["start noise"]),),
    "protocols": (OptionRule(["--toml"], "it prints one protocol", needs=["name"]),),
}
"""The rules of each command. Rules that depend on a metric, a file or a number are checked in other modules."""


class CheckedCommand(TyperCommand):
    """A command that checks its rules before it begins."""

    def invoke(self, ctx: Any) -> Any:
        """Raise UsageError if the options that were given break a rule."""
        for rule in RULES.get(self.name or "", ()):
            _check(rule, ctx)
        return super().invoke(ctx)


def _check(rule: OptionRule, ctx: Any) -> None:
    stated = [param for param in (find_parameter(text, ctx.command) for text in rule.options) if _is_stated(param, ctx)]
    if not stated:
        return
    option = _spell(stated[0], ctx)
    if rule.needs and not any(_holds(text, ctx) for text in rule.needs):
        needs = " or ".join(text if text.startswith("-") else text.upper() for text in rule.needs)
        raise UsageError(f"{option}: {rule.why}; add {needs}, or leave it out")
    for text in rule.without:
        if _holds(text, ctx):
            other = _spell(find_parameter(text, ctx.command), ctx)
            raise UsageError(f"{option} and {other}: {rule.why}; leave out one of them")


def find_parameter(text: str, command: Any) -> Any:
    """Return the parameter of a command that a rule names. Raises StopIteration if there is none."""
    name = text.partition(" ")[0]
    return next(param for param in command.params if name in (*param.opts, *param.secondary_opts, param.name))


def _is_stated(param: Any, ctx: Any) -> bool:
    source = ctx.get_parameter_source(param.name)
    return source is not None and source.name == "COMMANDLINE"  # releases of typer keep the enumeration elsewhere


def _holds(text: str, ctx: Any) -> bool:
    """Return whether a parameter has the value that a rule names, or any other value than its default."""
    param, value = find_parameter(text, ctx.command), text.partition(" ")[2]
    actual = ctx.params.get(param.name)
    if value:
        return str(actual).partition(":")[0] == value
    return _is_stated(param, ctx) and actual != param.get_default(ctx)


def _spell(param: Any, ctx: Any) -> str:
    """Return the text of an option with its first value; for an argument, the text of the value."""
    value = ctx.params.get(param.name)
    values = value[:1] if isinstance(value, list) else value if isinstance(value, tuple) else [value]
    text = " ".join(shlex.quote(str(each)) for each in values)
    if param.param_type_name == "argument":
        return text
    name = max(param.opts, key=len)
    return name if isinstance(value, bool) else f"{name} {text}"

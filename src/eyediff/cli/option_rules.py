"""Rules for options that need another option or exclude one. They are checked before a command begins."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from ..defaults import OWN_FILES
from ..errors import UsageError
from ..locations import check_distinct_paths


@dataclass(frozen=True, slots=True)
class OptionRule:
    """A rule of a command: some options need one of several other options, or exclude other options.

    The rule names an option as on the command line, and an argument by the name of its parameter, such as "data". A
    value after the name restricts the rule to this value: "--init kmeans". "--size fit" also includes "--size
    fit:64x64".

    Parameters
    ----------
    options
        Options that are refused if the rule does not hold, even if their default values are given.
    why
        Reason of the rule, in the form of a clause after the word "because".
    needs
        Options of which at least one must be given. If it is empty, `options` need no other option.
    without
        Options that must not be given together with `options`, unless they have their default values.
    """

    options: Sequence[str]
    why: str
    needs: Sequence[str] = ()
    without: Sequence[str] = ()


_ROWS = OptionRule(
    ["--rows"],
    "--rows limits only rows of text on stdout",
    without=["--output", "--format csv", "--format json", "--format jsonl"],
)
_LEVELS = OptionRule(["--range"], "both options set the value of a white pixel", without=["--bits"])
_RESAMPLING = OptionRule(["--resampling"], "images are resized only then", needs=["--size resize", "--size fit"])
_SCALE = OptionRule(["--scale"], "the scale sets the border of a protocol", needs=["--protocol"])
_PROTOCOL = OptionRule(["--crop-border", "--alpha"], "the protocol sets this value", without=["--protocol"])
_STUDY = (OptionRule(["--seed"], "nothing is random without resamples", without=["--bootstrap 0"]),)
_TRAINING = (
    *("--mode", "--taps", "--epochs", "--decay", "--batch", "--rate", "--dropout", "--side", "--hold-out"),
    *("--resume", "--plot", "--device", "--workers"),
)
_DISTILLING = (
    *("--steps", "--minutes", "--seed", "--batch", "--groups", "--rate", "--start", "--work", "--resume", "--device"),
    "--output",
)

_SCORING = (
    *("ground_truth", "methods", "--metric", "--protocol", "--scale", "--match", "--groups", "--missing", "--scores"),
    *("--resume", "--resume-by", "--size", "--resampling", "--alpha", "--range", "--bits", "--crop-border", "--region"),
    *("--ignore", "--mask", "--workers", "--shard", "--ray", "--device", "--memory"),
)
_TABLE = ("--output", "--format", "--per-group", "--digits", "--bytes", "--bd", "--plot")

RULES: Mapping[str, Sequence[OptionRule]] = {
    "compare": (
        OptionRule(["--map-format"], "it sets the format of --maps", needs=["--maps"]),
        OptionRule(["--tolerance"], "it applies to the comparison with a baseline", needs=["--baseline"]),
        OptionRule(["--resume", "--resume-by"], "it continues a file of results", needs=["--output"]),
        OptionRule(["--overwrite"], "it replaces files of results", needs=["--output", "--junit", "--summary"]),
        _RESAMPLING,
        OptionRule(["--match"], "the list names both files of each pair", without=["--pairs"]),
        OptionRule(["--baseline"], "a shard has only a part of the pairs in the baseline", without=["--shard"]),
        OptionRule(
            ["--max-mean", "--min-mean"],
            "the mean is known only after `eyediff merge`, which also has this option",
            without=["--shard"],
        ),
        OptionRule(["--report", "--maps"], "pictures need images that this process has read", without=["--ray"]),
        OptionRule(["--gate"], "each of them names the metrics to compute", without=["--protocol"]),
        _SCALE,
        _PROTOCOL,
        _LEVELS,
        _ROWS,
    ),
    "table": (
        OptionRule(_SCORING, "the file of --from already has the scores", without=["--from"]),
        OptionRule(["--report", "--figure"], "the file of --from has no images", without=["--from"]),
        OptionRule(["--max-pixels"], "--from reads images only for sizes", needs=["ground_truth", "--bytes"]),
        OptionRule(["--resume", "--resume-by"], "it continues a file of scores", needs=["--scores"]),
        OptionRule(["--shard"], "it writes the scores of one part to a file", needs=["--scores"]),
        OptionRule(
            [*_TABLE, "--report", "--figure"],
            "a table needs all parts: `eyediff merge` merges them, and --from makes the table",
            without=["--shard"],
        ),
        OptionRule(["--per-group"], "it adds a table for each group", needs=["--groups", "--from"]),
        OptionRule(["--crop", "--image"], "it selects what the figure shows", needs=["--figure"]),
        OptionRule(["--report"], "pictures need images that this process has read", without=["--ray"]),
        OptionRule(["--plot", "--bd"], "rate-distortion curves need bitrates", needs=["--bytes"]),
        OptionRule(["--digits"], "this format always has all digits", without=["--format csv", "--format json"]),
        _RESAMPLING,
        _SCALE,
        _PROTOCOL,
        _LEVELS,
    ),
    "video": (_ROWS,),
    "merge": (_ROWS,),
    "explain": (_LEVELS,),
    "nearest": (
        OptionRule(["--rebuild"], "it computes the embeddings in an index again", needs=["--index"]),
        OptionRule(["--index-by"], "it shows which files of an index have changed", needs=["--index"]),
        OptionRule(["-k"], "duplicates are found among all pairs of FOLDER", without=["--duplicates"]),
    ),
    "2afc": _STUDY,
    "jnd": _STUDY,
    "mos": _STUDY,
    "supervision": _STUDY,
    "train": (
        OptionRule(_TRAINING, "nothing is trained without votes", needs=["data"]),
        OptionRule(["--photos"], "photos are used only for kmeans", needs=["--init kmeans"]),
    ),
    "distill": (
        OptionRule(["--weights", "--held-out"], "it selects what is measured", needs=["--evaluate"]),
        OptionRule(_DISTILLING, "--evaluate only measures, and trains nothing", without=["--evaluate"]),
        OptionRule(["--steps"], "each of them sets the length of the training", without=["--minutes"]),
    ),
    "optimize": (OptionRule(["--size"], "noise always has the size of the target", without=["start noise"]),),
    "protocols": (OptionRule(["--toml"], "it prints one protocol", needs=["name"]),),
}
"""The rules of each command. Rules that depend on a metric, a file or a number are not here, but in other modules."""


OUTPUTS = ("output", "scores", "report", "maps", "figure", "plot", "junit", "summary", "by-item")
"""Options that name a file or a folder to write."""

INPUTS = ("baseline", "from", "bytes", "index")
"""Options that name a file to read, which no output may replace."""


class CheckedCommand(TyperCommand):
    """A command that checks its options before it begins: the rules, and the paths of its outputs."""

    def invoke(self, ctx: Any) -> Any:
        """Raise UsageError if the options that were given break a rule, or if two outputs have the same path."""
        for rule in RULES.get(self.name or "", ()):
            _check(rule, ctx)
        given = {max(param.opts, key=len).removeprefix("--"): ctx.params.get(param.name) for param in self.params}
        outputs, inputs = (
            {
                name: Path(given[name])
                for name in names
                if isinstance(given.get(name), (str, Path)) and given[name] != OWN_FILES
            }
            for names in (OUTPUTS, INPUTS)
        )
        check_distinct_paths(outputs, inputs)
        return super().invoke(ctx)


def _check(rule: OptionRule, ctx: Any) -> None:
    stated = [param for param in (find_parameter(text, ctx.command) for text in rule.options) if _is_stated(param, ctx)]
    if not stated:
        return
    option = _spell(stated[0], ctx)
    if rule.needs and not any(_holds(text, ctx) for text in rule.needs):
        needs = " or ".join(text if text.startswith("-") else text.upper() for text in rule.needs)
        raise UsageError(f"{option} needs {needs}, because {rule.why}; add {needs}, or leave out {option}")
    for text in rule.without:
        if _holds(text, ctx):
            other = _spell(find_parameter(text, ctx.command), ctx)
            raise UsageError(f"{option} and {other} exclude each other, because {rule.why}; leave out one of them")


def find_parameter(text: str, command: Any) -> Any:
    """Return the parameter of a command that a rule names. Raises StopIteration if there is none."""
    name = text.partition(" ")[0]
    return next(param for param in command.params if name in (*param.opts, *param.secondary_opts, param.name))


def _is_stated(param: Any, ctx: Any) -> bool:
    source = ctx.get_parameter_source(param.name)
    return source is not None and source.name == "COMMANDLINE"  # releases of typer keep the enumeration elsewhere


def _holds(text: str, ctx: Any) -> bool:
    """Return whether a parameter has the value that the text of a rule names.

    If the text names no value, return whether the parameter was given with a value other than its default.
    """
    param, value = find_parameter(text, ctx.command), text.partition(" ")[2]
    actual = ctx.params.get(param.name)
    if value:
        return str(actual).partition(":")[0] == value
    return _is_stated(param, ctx) and actual != param.get_default(ctx)


def _spell(param: Any, ctx: Any) -> str:
    """Return an option with its first value, as on the command line; for an argument, return only its value."""
    value = ctx.params.get(param.name)
    values = value[:1] if isinstance(value, list) else value if isinstance(value, tuple) else [value]
    text = " ".join(shlex.quote(str(each)) for each in values)
    if param.param_type_name == "argument":
        return text
    name = max(param.opts, key=len)
    return name if isinstance(value, bool) else f"{name} {text}"

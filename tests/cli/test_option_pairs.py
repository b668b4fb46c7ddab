"""Tests of pairs of options: both options have their effects, or the call is refused and writes nothing.

The tests observe the exit code, the rows, the files and the printed text of a run. Each option has an effect alone.
Together with another option, both effects must remain. `ALL_OPTION_PAIRS=1` tests all pairs of each command. Otherwise,
the tests use a sample of the pairs.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from eyediff.cli import create_command, option_rules, run
from eyediff.records import Row
from eyediff.run import plan as planning
from eyediff.run.summary import Collector
from eyediff.scoring.batches import score_pairs

SAMPLE = {"compare": 12, "table": 4, "codecs": 2, "video": 2, "merge": 3, "nearest": 2, "matrix": 2, "diversity": 2}
SAMPLE |= {"explain": 0, "2afc": 1, "jnd": 1, "mos": 0}
"""Number of pairs of each command in the sample.

Commands with 0 take long, because they import scipy or compute many metrics.
"""


@dataclass(frozen=True)
class Use:
    """One way to give an option.

    Parameters
    ----------
    args
        The option and its value on the command line. `{in}` stands for the folder of inputs.
    effect
        What the option changes: "rows", "code" (the exit code), "text" (printed text), "files", or "none" (nothing that
        the tests observe).
    files
        Names of the files that the option writes.
    columns
        Whether the option removes columns to which a limit of another option may refer.
    """

    args: str
    effect: str
    files: tuple[str, ...] = ()
    columns: bool = False

    @property
    def option(self) -> str:
        return self.args.split()[0]


class Command(NamedTuple):
    """A command, its arguments, and the uses of its options."""

    path: str
    inputs: str
    uses: Sequence[Use]
    elsewhere: frozenset[str] = frozenset()
    """Options that take too long here, or that have their own tests."""


_LIMITS = (
    Use("--max l2=0", "code"),
    Use("--min psnr=99", "code"),
    Use("--max-mean l2=0", "code"),
    Use("--min-mean psnr=99", "code"),
)
_SCORED = (
    Use("--size fit:24x24", "rows"),
    Use("--alpha white", "rows"),
    Use("--range 0,200", "rows"),
    Use("--bits 8", "none"),
    Use("--device cpu", "none"),
    Use("--memory 600MB", "none"),
    Use("--max-pixels 9000", "none"),
    Use("--workers 1", "none"),
    Use("--ray=", "none"),
    Use("--match stem", "rows"),
    Use("--groups subfolder", "rows"),
    Use("--protocol derain", "rows", columns=True),
    Use("--protocol sr-y", "rows", columns=True),
    Use("--scale 2", "rows"),
)
_ROWS = (
    Use("--format json", "text"),
    Use("--format csv", "text"),
    Use("--output out.csv", "files", ("out.csv",)),
    Use("--output out.json", "files", ("out.json",)),
    Use("--rows none", "text"),
    Use("--summary s.json", "files", ("s.json",)),
)

_OF_SETS = (
    Use("--size crop", "text"),
    Use("--workers 1", "none"),
    Use("--device cpu", "none"),
)
_OF_VOTES = (
    Use("--metric gmsd", "text"),
    Use("--output v.csv", "files", ("v.csv",)),
    Use("--format json", "text"),
    Use("--side 16", "text"),
    Use("--bootstrap 0", "text"),
    Use("--seed 5", "text"),
    Use("--by-item items.csv", "files", ("items.csv",)),
    Use("--plot p.svg", "files", ("p.svg",)),
    Use("--workers 1", "none"),
    Use("--device cpu", "none"),
)

COMMANDS = {
    "compare": Command(
        "compare",
        "{in}/before {in}/after -m psnr,ssim,l2",
        (
            *_SCORED,
            *_ROWS,
            *_LIMITS,
            Use("--metric gmsd", "rows"),
            Use("--output out.parquet", "files", ("out.parquet",)),
            Use("--gate ui", "rows", columns=True),
            Use("--tolerate-shift 2", "rows"),
            Use("--baseline {in}/better.jsonl", "code"),
            Use("--tolerance 1000", "code"),
            Use("--junit j.xml", "files", ("j.xml",)),
            Use("--plot p.svg", "files", ("p.svg",)),
            Use("--pairs {in}/pairs.csv", "rows"),
            Use("--resampling box", "rows"),
            Use("--crop-border 2", "rows"),
            Use("--region 0,0,20,20", "rows"),
            Use("--ignore 4,4,8,8", "rows"),
            Use("--mask {in}/mask.png", "rows"),
            Use("--resume", "none"),
            Use("--resume-by hash", "none"),
            Use("--overwrite", "none"),
            Use("--shard 1/2", "rows"),
            Use("--report r.html", "files", ("r.html",)),
            Use("--maps maps", "files", ("maps/maps.json",)),
            Use("--map-format npy", "files"),
        ),
    ),
    "table": Command(
        "table",
        "{in}/before one={in}/after two={in}/third -m psnr,ssim",
        (
            *_SCORED,
            Use("--metric gmsd", "rows"),
            Use("--format csv", "text"),
            Use("--format json", "text"),
            Use("--output t.md", "files", ("t.md",)),
            Use("--output t.tex", "files", ("t.tex",)),
            Use("--per-group", "text"),
            Use("--missing common", "none"),
            Use("--digits psnr=5", "text"),
            Use("--scores s.csv", "files", ("s.csv",)),
            Use("--from {in}/scores.jsonl", "rows"),
            Use("--shard 1/2", "rows"),
            Use("--resume", "none"),
            Use("--resume-by hash", "none"),
            Use("--report r.html", "files", ("r.html",)),
            Use("--figure f.png", "files", ("f.png",)),
            Use("--crop 2,2,8,8", "none"),
            Use("--image a.png", "none"),
            Use("--resampling box", "rows"),
            Use("--crop-border 2", "rows"),
            Use("--region 0,0,20,20", "rows"),
            Use("--ignore 4,4,8,8", "rows"),
            Use("--mask {in}/mask.png", "rows"),
        ),
        frozenset({"--bytes", "--bd", "--plot"}),
    ),
    "codecs": Command(
        "table",
        "{in}/before jpeg@*={in}/rd/jpeg/* webp@*={in}/rd/webp/* --match stem --missing common -m psnr,ssim",
        (
            Use("--bytes files", "text"),
            Use("--bytes {in}/sizes.csv", "text"),
            Use("--bd cubic", "text"),
            Use("--plot p.svg", "files", ("p.svg",)),
            Use("--groups subfolder", "rows"),
            Use("--per-group", "text"),
            Use("--format csv", "text"),
            Use("--format json", "text"),
            Use("--output t.tex", "files", ("t.tex",)),
            Use("--scores s.jsonl", "files", ("s.jsonl",)),
            Use("--from {in}/rd.jsonl", "none"),
            Use("--alpha white", "none"),
            Use("--crop-border 2", "rows"),
            Use("--max-pixels 9000", "none"),
        ),
    ),
    "merge": Command(
        "merge",
        "{in}/1.jsonl {in}/2.jsonl",
        (*_ROWS, *_LIMITS, Use("--output out.parquet", "files", ("out.parquet",))),
    ),
    "video": Command(
        "video",
        "{in}/before.gif {in}/after.gif -m psnr,ssim,l2",
        (
            *_ROWS,
            *_LIMITS,
            Use("--output out.parquet", "files", ("out.parquet",)),
            Use("--metric gmsd", "rows"),
            Use("--size fit:24x24", "rows"),
            Use("--every 2", "rows"),
            Use("--offset 1", "rows"),
            Use("--report r.html", "files", ("r.html",)),
            Use("--plot p.svg", "files", ("p.svg",)),
            Use("--device cpu", "none"),
            Use("--memory 600MB", "none"),
        ),
    ),
    "nearest": Command(
        "nearest",
        "{in}/plain -m lpips-mini",
        (
            Use("-k 1", "text"),
            Use("--duplicates 0.5", "text"),
            Use("--index i.index", "files", ("i.index",)),
            Use("--rebuild", "none"),
            Use("--index-by hash", "none"),
            Use("--format json", "text"),
            Use("--output n.csv", "files", ("n.csv",)),
            *_OF_SETS,
        ),
        frozenset({"--metric"}),
    ),
    "matrix": Command(
        "matrix",
        "{in}/plain -m lpips-mini",
        (
            Use("--to {in}/third/sub", "text"),
            Use("--format json", "text"),
            Use("--output m.csv", "files", ("m.csv",)),
            Use("--output m.npy", "files", ("m.npy",)),
            Use("--output m.parquet", "files", ("m.parquet",)),
            Use("--plot p.svg", "files", ("p.svg",)),
            *_OF_SETS,
        ),
        frozenset({"--metric"}),
    ),
    "diversity": Command(
        "diversity",
        "{in}/plain -m lpips-mini",
        (
            Use("--groups .*(png)", "text"),
            Use("--format json", "text"),
            Use("--output d.csv", "files", ("d.csv",)),
            *_OF_SETS,
        ),
        frozenset({"--metric"}),
    ),
    "explain": Command(
        "explain",
        "{in}/before/a.png {in}/after/a.png",
        (
            Use("--scale 2", "text"),
            Use("--expect psnr=20", "text"),
            Use("--alpha white", "none"),
            Use("--range 0,200", "text"),
            Use("--bits 8", "none"),
            Use("--format json", "text"),
            Use("--output e.csv", "files", ("e.csv",)),
            Use("--device cpu", "none"),
        ),
    ),
    "2afc": Command("eval 2afc", "{in}/votes.csv -m l2,psnr", (*_OF_VOTES, Use("--split val", "none"))),
    "jnd": Command("eval jnd", "{in}/same.csv -m l2,psnr", (*_OF_VOTES, Use("--convention step", "text"))),
    "mos": Command("eval mos", "{in}/mos.csv -m l2,psnr", _OF_VOTES),
}


@dataclass(frozen=True)
class Outcome:
    """Observed results of a run."""

    code: int
    rows: tuple[Row, ...]
    files: Mapping[str, bytes]
    out: str
    err: str

    @property
    def scores(self) -> object:
        """Return the rows without the fields that limits add to them."""
        return [(row.pair, row.scores, row.regions, getattr(row, "reasons", row)) for row in self.rows]

    @property
    def text(self) -> object:
        """Return the printed text and the written files."""
        return self.out, sorted(self.files.items())


class Runs:
    """Runner of commands, each in its own folder."""

    def __init__(self, inputs: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._inputs, self._folder, self._patch = inputs, folder, monkeypatch
        self._count, self._rows = 0, list[Row]()
        self._done: dict[tuple[str, tuple[Use, ...]], Outcome] = {}
        add = Collector.add

        def seen(collector: Collector, row: Row) -> None:
            if collector._header.groups is not None or row.pair.group is None:  # not the collector of a single group
                self._rows.append(row)
            add(collector, row)

        monkeypatch.setattr(Collector, "add", seen)
        for name in ("compare", "table"):  # other tests cover the computation by Ray's workers
            monkeypatch.setattr(f"eyediff.cli.{name}.source_of", _source)

    def __call__(self, name: str, *uses: Use) -> Outcome:
        if name == "video":
            pytest.importorskip("av")
        if any(use.args.endswith(".parquet") for use in uses):
            pytest.importorskip("pyarrow")
        key = name, uses
        if key not in self._done:
            self._done[key] = self._run(COMMANDS[name], uses)
        return self._done[key]

    def _run(self, command: Command, uses: Sequence[Use]) -> Outcome:
        inputs = command.inputs
        if any(use.option == "--protocol" for use in uses):
            inputs = inputs.partition(" -m ")[0]
        if any(use.option == "--from" for use in uses):
            inputs = ""
        if any(use.option == "--pairs" for use in uses):
            inputs = "-m psnr,ssim,l2"
        if command.path == "nearest" and not any(use.option == "--duplicates" for use in uses):
            inputs = "{in}/plain/a.png " + inputs
        return self.call(f"{command.path} {inputs} {' '.join(use.args for use in uses)}")

    def call(self, line: str) -> Outcome:
        """Run a command line in a new folder. `{in}` stands for the folder of inputs."""
        self._count += 1
        place = self._folder / str(self._count)
        place.mkdir()
        self._patch.chdir(place)
        self._rows.clear()
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([word.replace("{in}", str(self._inputs)) for word in line.split()])
        files = {path.relative_to(place).as_posix(): path.read_bytes() for path in _files(place)}
        return Outcome(code, tuple(self._rows), files, out.getvalue(), err.getvalue())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _source(address: str | None, options: planning.ComparisonOptions) -> Any:  # the parameters of the replaced function
    if address is None:
        return None
    return lambda plan, recall, stop: score_pairs(plan.pairs, plan.metrics, plan.loader, recall=recall, stop=stop)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write pairs of 32x32 pixels (plain, transparent, moved, in a subfolder) and the other inputs of the commands."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(5)
    for side in ("before", "after", "third"):
        (folder / side / "sub").mkdir(parents=True)
    for name in ("a.png", "b.png", "sub/c.png", "moved.png"):
        coarse = Image.fromarray(rng.integers(30, 170, (6, 6, 3), np.uint8)).resize((32, 32), Image.Resampling.BICUBIC)
        levels = np.asarray(coarse).clip(20, 180)
        for side, noise in (("before", 0), ("after", 9), ("third", 14)):
            shown = (levels + rng.integers(-noise, noise + 1, levels.shape)).astype(np.uint8)
            if name == "moved.png":
                shown = np.full_like(levels, 180)
                left = 10 + (side != "before")
                shown[12:20, left : left + 8] = 40
            if name == "b.png":
                alpha = np.full((32, 32, 1), 255, np.uint8)
                alpha[:, :9] = 0
                shown = np.concatenate([shown, alpha], 2)
            Image.fromarray(shown).save(folder / side / name)
    for side in ("before", "after"):
        frames = [Image.open(folder / side / name).convert("RGB") for name in ("a.png", "sub/c.png", "moved.png")]
        frames[0].save(folder / f"{side}.gif", save_all=True, append_images=frames[1:], duration=100)
    (folder / "plain").mkdir()
    for name in ("a.png", "c.png", "d.png"):
        levels = rng.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(levels).save(folder / "plain" / name)
    mask = np.zeros((32, 32), np.uint8)
    mask[3:30, 1:27] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    (folder / "pairs.csv").write_text("reference,candidate\nbefore/a.png,after/a.png\nbefore/b.png,after/b.png\n")
    for codec, point in itertools.product(("jpeg", "webp"), (10, 60, 75, 95)):
        for name in ("a.png", "sub/c.png"):
            path = (folder / "rd" / codec / str(point) / name).with_suffix(f".{codec}")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.open(folder / "before" / name).save(path, quality=point)
    methods = [f"{codec}@*={folder}/rd/{codec}/*" for codec in ("jpeg", "webp")]
    sizes = [
        f"{codec}@{point},{name},{point}"
        for codec in ("jpeg", "webp")
        for point in (10, 60, 75, 95)
        for name in ("a", "sub/c")
    ]
    (folder / "sizes.csv").write_text("\n".join(["method,name,bytes", *sizes]))
    names = ("a.png", "sub/c.png", "moved.png")
    (folder / "same.csv").write_text(
        "a,b,same,total\n" + "".join(f"before/{name},after/{name},{place},3\n" for place, name in enumerate(names))
    )
    (folder / "mos.csv").write_text(
        "reference,candidate,mos\n"
        + "".join(
            f"before/{name},{side}/{name},{place}\n"
            for place, (name, side) in enumerate(itertools.product(names, ("after", "third")))
        )
    )
    votes = [f"before/{name},after/{name},third/{name},{place},2" for place, name in enumerate(names)]
    (folder / "votes.csv").write_text("\n".join(["reference,a,b,votes_a,votes_b", *votes]))
    sides = [str(folder / side) for side in ("before", "after")]
    with redirect_stderr(io.StringIO()):
        for part in (1, 2):
            made = ["-m", "psnr,ssim,l2", "--shard", f"{part}/2", "-o", str(folder / f"{part}.jsonl")]
            assert run(["compare", *sides, *made]) == 0
        assert run(["compare", *sides, "-m", "psnr,ssim,l2", "-o", str(folder / "better.jsonl")]) == 0
        made = ["-m", "psnr,ssim", "--scores", str(folder / "scores.jsonl"), "-o", str(folder / "table.csv")]
        assert run(["table", sides[0], str(folder / "third"), *made]) == 0
        made = [
            "-m",
            "psnr,ssim",
            "--scores",
            str(folder / "rd.jsonl"),
            "-o",
            str(folder / "rd.csv"),
            "--match",
            "stem",
        ]
        assert run(["table", sides[0], *methods, "--missing", "common", *made]) == 0
    lines = (folder / "better.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines[1:]]
    for row in rows:
        row["scores"]["l2"] = 0
    (folder / "better.jsonl").write_text("\n".join([lines[0], *map(json.dumps, rows)]) + "\n")
    return folder


@pytest.fixture(scope="module")
def runs(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Return the runner for the whole module, so that each option is run alone only once."""
    with pytest.MonkeyPatch.context() as patch:
        yield Runs(inputs, tmp_path_factory.mktemp("runs"), patch)


def _chosen(name: str) -> list[tuple[Use, Use]]:
    uses = COMMANDS[name].uses
    pairs = [(one, two) for one, two in itertools.combinations(uses, 2) if one.option != two.option]
    if os.environ.get("ALL_OPTION_PAIRS"):
        return pairs
    quick = [pair for pair in pairs if not any(use.option in ("--plot", "--figure") for use in pair)]
    return random.Random(3).sample(quick, SAMPLE[name])


CHOSEN = [(name, one, two) for name in COMMANDS for one, two in _chosen(name)]


@pytest.mark.parametrize(("name", "one", "two"), CHOSEN, ids=[f"{n}: {a.args} {b.args}" for n, a, b in CHOSEN])
def test_two_options(name: str, one: Use, two: Use, runs: Runs) -> None:
    """Each option keeps its effect beside the other, or the call is refused."""
    alone = {use: runs(name, use) for use in (one, two)}
    both = runs(name, one, two)
    assert both.code in (0, 1, 2, 3), both.err
    assert "Traceback" not in both.err
    if both.code == 2:
        _check_refusal(both, alone, one, two)
        return
    for use, other in ((one, two), (two, one)):
        beside = alone[other] if alone[other].code != 2 else runs(name)
        _check_effect(use, both, beside, other)
    if "rows" not in (one.effect, two.effect) and 2 not in {found.code for found in alone.values()}:
        order = [0, 3, 1]
        assert both.code == max((found.code for found in alone.values()), key=order.index), both.err


def _check_refusal(both: Outcome, alone: Mapping[Use, Outcome], one: Use, two: Use) -> None:
    """Check that nothing is written or printed, and that the error names an option.

    If neither option is refused alone and neither removes columns, the error names both options.
    """
    assert not both.files
    assert not both.out
    said = both.err.strip()
    assert said.startswith("eyediff: "), said
    refused = [use for use, found in alone.items() if found.code == 2]
    named = [use for use in (one, two) if _is_named(use, said)]
    assert named, said
    if not refused and not any(use.columns for use in (one, two)):
        assert len(named) == 2, said


def _is_named(use: Use, text: str) -> bool:
    words = use.args.replace("{in}/", "").replace("=", " ").split()
    return any(word.lstrip("-").replace("-", sign) in text for word in words for sign in "-_ ")


def _check_effect(use: Use, both: Outcome, beside: Outcome, other: Use) -> None:
    """Check the effect of an option: compare the run of both options with the run of the other option alone."""
    if use.effect == "rows":
        assert both.scores != beside.scores, f"{use.args} is ignored"
    elif "rows" not in (use.effect, other.effect) or use.effect == "none":
        assert both.scores == beside.scores, f"{use.args} changes scores"
    for name in use.files:
        assert any(path.startswith(name) for path in both.files), f"{use.args} writes no file"
    always_shown = use.option == "--rows" and other.effect == "code"  # rows beyond a limit are always printed
    named_twice = use.option == "--format" and other.args.endswith(f".{use.args.split()[-1]}")
    no_settings = other.args.endswith(".csv") and not both.rows  # the file has only results, and stderr has the rest
    if (use.effect == "text" and not (always_shown or named_twice or no_settings)) or use.args.startswith(
        ("--map-format",)
    ):
        assert both.text != beside.text, f"{use.args} is ignored"
    if use.effect == "none":
        assert both.code == beside.code, both.err
        assert both.rows or both.out == beside.out
        assert {*beside.files} <= {*both.files}


ALONE = list(dict.fromkeys((name, use) for name, *both in CHOSEN for use in both))


@pytest.mark.parametrize(("name", "use"), ALONE, ids=[f"{name}: {use.args}" for name, use in ALONE])
def test_one_option(name: str, use: Use, runs: Runs) -> None:
    """An option alone has the effect that its pairs are tested for, or is refused because it needs another option."""
    plain, found = runs(name), runs(name, use)
    if found.code == 2:
        assert not found.files
        assert _is_named(use, found.err), found.err
        return
    _check_effect(use, found, plain, use)
    if use.effect == "code":
        assert found.code == 1 != plain.code


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("compare a b --map-format png", "--map-format png needs --maps, because"),
        ("compare a b --tolerance 1", "--tolerance 1 needs --baseline, because"),
        ("compare a b --resampling lanczos", "add --size resize or --size fit"),
        ("compare a b --shard 1/2 -o x.csv --max-mean l2=1", "--max-mean l2=1 and --shard 1/2"),
        ("compare --pairs l.csv --match name", "--match name and --pairs l.csv"),
        ("compare a b --protocol derain --alpha worst", "--alpha worst and --protocol derain"),
        ("video a b -o x.csv --rows 5", "--rows 5 and --output x.csv"),
        ("eval mos t.csv --bootstrap 0 --seed 1", "--seed 1 and --bootstrap 0"),
        ("eval 2afc {in}/votes.csv --split val", "is a table without splits"),
        ("compare {in}/plain/a.png {in}/plain/c.png --match stem", "pairs the images of two folders"),
        ("nearest f --duplicates 1 -k 2", "-k 2 and --duplicates 1"),
        ("nearest q f --rebuild", "--rebuild needs --index, because"),
        ("nearest q f --index-by time", "--index-by time needs --index, because"),
        ("train -o x --epochs 3 --init gaussian", "--epochs 3 needs DATA, because"),
        ("train -o x votes.csv --photos p", "add --init kmeans"),
        ("train -o x votes.csv --photos p --init gaussian", "add --init kmeans"),
        ("distill f --weights w", "--weights w needs --evaluate, because"),
        ("distill f --evaluate --steps 5", "--steps 5 and --evaluate"),
        ("distill f --evaluate --start w", "--start w and --evaluate"),
        ("distill f --evaluate --rate 1e-3", "--rate 0.001 and --evaluate"),
        ("distill f -o x --steps 5 --minutes 1", "--steps 5 and --minutes 1"),
        ("optimize noise t -o x --size crop", "--size crop and noise"),
        ("protocols --toml", "add NAME"),
    ],
)
def test_an_option_without_effect_is_refused(call: str, named: str, runs: Runs) -> None:
    """An option without effect is refused with exit code 2, and nothing is written.

    The error names the option that is needed or excluded, or the reason.
    """
    found = runs.call(call)
    assert (found.code, found.files, found.out) == (2, {}, "")
    assert named in found.err


def test_every_option_of_a_table_knows_scores_that_were_kept() -> None:
    """With --from, an option of `table` sets the output for stored scores, or a rule refuses it."""
    shown = {"--from", "--help", "--output", "--format", "--per-group", "--digits", "--bytes", "--bd", "--plot"}
    figure = {"--crop", "--image"}  # options of --figure, which a rule refuses
    rules = option_rules.RULES["table"]
    refused = {text for rule in rules if "--from" in (*rule.without, *rule.why.split()) for text in rule.options}
    for param in create_command().commands["table"].params:
        assert (shown | figure | refused) & {*param.opts, param.name}, param.opts


def test_every_option_of_distill_trains_or_measures() -> None:
    """With --evaluate, an option of `distill` sets the measurement, or a rule refuses it."""
    measures = {"folders", "--evaluate", "--held-out", "--weights", "--plot", "--workers", "--help"}
    refused = {text for rule in option_rules.RULES["distill"] if "--evaluate" in rule.without for text in rule.options}
    for param in create_command().commands["distill"].params:
        assert (measures | refused) & {*param.opts, param.name}, param.opts


def test_every_option_has_a_use() -> None:
    """Each option of these commands has a use in these tests. Each rule names only options that exist."""
    root = create_command()
    commands = {**root.commands, **root.commands["eval"].commands}
    for name, command in COMMANDS.items():
        known = {use.option.rstrip("=") for use in command.uses} | command.elsewhere
        for param in commands[name].params if name in commands else ():
            if param.param_type_name == "option" and "--help" not in param.opts:
                assert known & {*param.opts, *param.secondary_opts}, f"{name} {param.opts}"
    for name, rules in option_rules.RULES.items():
        for rule in rules:
            for text in (*rule.options, *rule.needs, *rule.without):
                option_rules.find_parameter(text, commands[name])  # raises StopIteration if there is none

"""Tests of metric files: each command accepts the name of the file as a metric, and invalid files are refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import eyediff
from eyediff import weights
from eyediff.metrics.backbones import MINI
from eyediff.scoring import metric_spec
from eyediff.weights import write_metric
from tests.unit.weights.files import call as reduced
from tests.unit.weights.files import name, text, write_zip

from .test_compare import AFTER, BEFORE, call, one_line  # noqa: F401 - a fixture

FILE = "./mine.safetensors"
PAIR = (Path(BEFORE) / "cat.png", Path(AFTER) / "cat.png")


def write(path: Path, factor: float = 1.0, **changes: object) -> Path:
    """Write a metric file with the heads of Mini times a factor. Its backbone is Mini, which is in the package.

    The distance is `factor` times the distance of lpips-mini.
    """
    mini = weights.load_trunk("mini")
    heads = [head * np.float32(factor) for head in weights.load_heads("mini")]
    about = {"trunk": "mini", "mode": "head", "provenance": {"data": "study.csv", "seed": 3}, "heads": heads}
    return write_metric(path, **(about | {"trunk_sha256": mini.sha256} | changes)).path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a metric file with doubled heads to the current folder. Return its path."""
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "mine.safetensors", 2)


def shipped(*images: Path) -> float:
    return eyediff.distance(*(images or PAIR), metric="lpips-mini")


def test_compare_in_every_format(call, file: Path) -> None:  # noqa: F811
    """The column and the key are the name of the metric as it was given.

    Doubled heads give twice the distance, within the rounding of float32 (1e-6).
    """
    said = call("compare", *PAIR, "-m", f"{FILE},psnr", "-f", "csv")
    (header, row) = csv.reader(said.out.splitlines())
    assert said.code == 0 and header[5:] == [FILE, "psnr", "error", "notes"]
    assert float(row[5]) == pytest.approx(2 * shipped(), rel=1e-6)
    said = call("compare", *PAIR, "-m", FILE, "-f", "jsonl")
    header, row = map(json.loads, said.out.splitlines())
    network = weights.read_metric(file).network()
    assert header["metrics"][FILE]["weights_sha256"] == weights.metric_sha256(network.parameters, network.heads)
    assert header["metrics"][FILE]["version"] == "0.1" and list(row["scores"]) == [FILE]
    assert FILE in call("compare", *PAIR, "-m", FILE).out


def test_limits_take_the_name(call, tmp_path: Path, file: Path) -> None:  # noqa: F811
    """A limit accepts the name of a metric file, also if the name contains an equals sign."""
    other = file.rename(tmp_path / "a=b.safetensors").name
    distance = 2 * shipped()
    assert call("compare", *PAIR, "-m", f"./{other}", "--max", f"./{other}={distance * 0.9}").code == 1
    assert call("compare", *PAIR, "-m", f"./{other}", "--max", f"./{other}={distance * 1.1}").code == 0
    assert call("compare", *PAIR, "-m", f"./{other}", "--max", f"{other}={distance * 0.9}").code == 1  # without the ./
    one_line(call("compare", *PAIR, "-m", f"./{other}", "--max", "other=1"), "--max", "other")


def test_pictures_and_pages_take_any_name(call, tmp_path: Path, file: Path) -> None:  # noqa: F811
    """A name that contains markup is shown as text in the page. Maps, plot, JUnit and Parquet are written."""
    other = f"./{shutil.move(file, tmp_path / '<b>$^$&.safetensors').name}"
    outputs = ["--report", "r.html", "--maps", "maps", "--plot", "p.svg", "--junit", "j.xml"]
    said = call("compare", BEFORE, AFTER, "-m", f"{other},psnr", *outputs)
    assert said.code == 0, said.err
    page = (tmp_path / "r.html").read_text()
    assert "$^$" in page and "<b>" not in page.replace('"<b>', "")
    assert "$^$" in (tmp_path / "p.svg").read_text()  # as text, not as a formula
    assert json.loads((tmp_path / "maps" / "maps.json").read_text())["metric"] == other
    assert call("compare", BEFORE, AFTER, "-m", other, "-o", "rows.parquet").code == 0


def test_a_file_that_changed_is_noticed(call, tmp_path: Path, file: Path) -> None:  # noqa: F811
    """A metric file with new content is another metric.

    It is refused for an unfinished run, a baseline, other parts of a run and an index. A copy with the same content is
    accepted.
    """
    broken = tmp_path / "before"
    shutil.copytree(BEFORE, broken)
    (broken / "cat.png").write_bytes(b"none")
    rows, index = ("compare", broken, AFTER, "-m", FILE), ("nearest", PAIR[0], BEFORE, "-m", FILE, "--size", "resize")
    assert call(*rows, "-o", "rows.csv").code == 3
    assert call("compare", BEFORE, AFTER, "-m", FILE, "-o", "base.jsonl").code == 0
    assert call("compare", BEFORE, AFTER, "-m", FILE, "--shard", "1/2", "-o", "1.jsonl").code == 0
    assert call(*index, "--index", "points").code == 0
    shutil.copy(file, tmp_path / "same.safetensors")
    assert call(*(each.replace(FILE, "same.safetensors") if each == FILE else each for each in map(str, index)),
                "--index", "points").code == 0  # fmt: skip
    write(file, 3)
    one_line(call(*rows, "-o", "rows.csv", "--resume"), "cannot continue", FILE, "weights")
    one_line(call("compare", BEFORE, AFTER, "-m", FILE, "--baseline", "base.jsonl"), FILE, "has weights")
    one_line(call(*index, "--index", "points"), "was made with other settings")
    assert call("compare", BEFORE, AFTER, "-m", FILE, "--shard", "2/2", "-o", "2.jsonl").code == 0
    one_line(call("merge", "1.jsonl", "2.jsonl"), "does not belong to the same run", "weights")


def test_sets(call, file: Path) -> None:  # noqa: F811
    """`matrix` and `diversity` accept a metric file."""
    cells = list(csv.reader(call("matrix", BEFORE, "-m", FILE, "--size", "resize", "-f", "csv").out.splitlines()))
    mini = call("matrix", BEFORE, "-m", "lpips-mini", "--size", "resize", "-f", "csv")
    plain = list(csv.reader(mini.out.splitlines()))
    found, expected = (np.array([row[1:] for row in table[1:]], float) for table in (cells, plain))
    np.testing.assert_allclose(found, 2 * expected, rtol=1e-5)  # float32 points, as in tests/cli/test_sets.py
    assert call("diversity", BEFORE, "-m", FILE, "--size", "resize").code == 0


def test_optimize_follows_it(call, file: Path) -> None:  # noqa: F811
    """`optimize` accepts a metric file, and its output names the file. The test makes two steps."""
    pytest.importorskip("torch")
    said = call("optimize", *PAIR, "-m", FILE, "--steps", "2", "--size", "resize", "-o", "pulled")
    assert said.code == 0, said.err
    assert FILE in said.out


def test_metrics_describes_it(call, file: Path) -> None:  # noqa: F811
    """`metrics` shows the backbone and the heads of a metric file, and how and from which data it was made."""
    said = call("metrics", FILE)
    lines = dict(line.split("  ", 1) for line in (line.strip() for line in said.out.splitlines()))
    assert said.code == 0 and {key: lines[key].strip() for key in ("trunk", "mode", "data", "seed", "version")} == {
        "trunk": "Mini (mini)", "mode": "head", "data": "study.csv", "seed": "3", "version": "0.1"
    }  # fmt: skip
    assert "not in this file" in lines["weights"] and f"{len(MINI.taps)} with {sum(MINI.taps)} values" in lines["heads"]


def test_what_is_no_metric_is_one_line(call, tmp_path: Path, file: Path) -> None:  # noqa: F811
    """An invalid metric is refused with one line. Nothing is computed, and no code in a file is executed.

    The cases are a hostile pickle, a missing file, another backbone, a module, an unknown version and a repeated
    metric.
    """
    canary = tmp_path / "canary"
    write_zip(tmp_path / "bad.safetensors", reduced(name("os", "mkdir"), text(str(canary))))
    one_line(call("compare", *PAIR, "-m", "bad.safetensors"), "bad.safetensors", "not unpacked")
    one_line(call("compare", *PAIR, "-m", "./none"), "none: there is no such file", "eyediff metrics")
    write(tmp_path / "other.safetensors", trunk_sha256="0" * 64)
    one_line(call("compare", *PAIR, "-m", "other.safetensors"), "made for another backbone")
    write(tmp_path / "module.safetensors", trunk="module:evil", taps=["x"], heads=[np.ones(3, np.float32)])
    one_line(call("compare", *PAIR, "-m", "module.safetensors"), "whose code is not in the file", "from_module")
    one_line(call("compare", *PAIR, "-m", "mine.safetensors@0.0"), "has only one version")
    one_line(call("compare", *PAIR, "-m", f"{FILE},{file}"), "are the same metric; use only one")
    assert not canary.exists()


def test_the_api_takes_it_and_sees_it_change(file: Path) -> None:
    """The Python functions accept a metric file.

    `distance` keeps metrics between calls, but not if the content of the file changes.
    """
    assert eyediff.distance(*PAIR, metric=FILE) == pytest.approx(2 * shipped(), rel=1e-6)
    write(file, 3)
    assert eyediff.distance(*PAIR, metric=FILE) == pytest.approx(3 * shipped(), rel=1e-6)
    found = eyediff.compare(*PAIR, metrics=[FILE])
    assert found.rows[0].scores[FILE] == pytest.approx(3 * shipped(), rel=1e-6)
    metric = eyediff.Metric(FILE)
    assert metric.map(*PAIR).shape and metric.name == FILE
    assert metric.distance(metric.embed([PAIR[0]]), metric.embed([PAIR[1]])) == pytest.approx(3 * shipped(), rel=1e-5)


def test_the_official_heads_are_the_official_metric(file: Path) -> None:
    """A file with the original heads of Mini gives exactly the distance of lpips-mini, and has the same hash."""
    write(file, 1)
    one, other = eyediff.Metric(FILE), eyediff.Metric("lpips-mini")
    assert one.distance(*PAIR) == other.distance(*PAIR) and one.weights_sha256 == other.weights_sha256


def test_alexnets_heads_are_lpips_alex(file: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with the AlexNet heads that papers use gives exactly the distance of lpips-alex, and has the same hash."""
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(shared / "weights"))
    trunk = weights.load_trunk("alex")
    write(file, trunk="alex", trunk_sha256=trunk.sha256, heads=weights.load_heads("alex"))
    one, other = eyediff.Metric(FILE), eyediff.Metric("lpips-alex")
    assert one.distance(*PAIR) == other.distance(*PAIR) and one.weights_sha256 == other.weights_sha256


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list that receives the path of each metric file that is read."""
    found: list[Path] = []
    read_metric = weights.read_metric

    def counted(path: Path) -> weights.MetricFile:
        found.append(path)
        return read_metric(path)

    monkeypatch.setattr(metric_spec, "read_metric", counted)
    return found


def test_the_api_reads_a_file_once(file: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """`distance` in a loop does not read or hash a metric file again, until the file changes."""
    monkeypatch.setattr(metric_spec, "_SETTLED", -1e9, raising=False)
    first = eyediff.distance(*PAIR, FILE)
    count = len(reads)
    assert [eyediff.distance(*PAIR, FILE) for _ in range(3)] == [first] * 3
    assert len(reads) == count
    write(file, 3)
    assert eyediff.distance(*PAIR, FILE) != first and len(reads) > count


def test_a_file_that_has_just_changed_is_read_each_time(
    file: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that has just changed is read in each call.

    Within the resolution of the file system's clock, the times of the file do not show a further change.
    """
    monkeypatch.setattr(metric_spec, "_SETTLED", 1e9)
    first = eyediff.distance(*PAIR, FILE)
    count = len(reads)
    assert eyediff.distance(*PAIR, FILE) == first and len(reads) == count + 1


def test_a_run_reads_a_file_once(file: Path, reads: list[Path]) -> None:
    """A run reads a metric file once. The names are parsed before the folders are walked, and not again after that."""
    eyediff.compare(*PAIR, [FILE])
    assert len(reads) == 1

"""Tests of metrics as ONNX files: a process without eyediff computes the same scores as the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime as ort
import pytest
from packaging.version import Version
from PIL import Image

import eyediff
from eyediff.cli import run
from eyediff.engines import export as models
from eyediff.engines.export import OPSETS, ExportFormat
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.metrics.backbones import TRUNKS
from eyediff.metrics.lpips import Network
from eyediff.onnx_export import exportable_names
from eyediff.records import Pixels
from eyediff.weights import load_heads
from tests.golden import lpips_cases
from tests.golden.lpips_cases import EXAMPLES, Case
from tests.golden.test_lpips import CLOSE, GOLDENS, network

NAMES = ("lpips-mini@3", *(name if "@" in name else f"{name}@1" for name in exportable_names()))
MAPPED = ("lpips-mini@3", "ssim@wang", "ssim@skimage", "dssim@1")
CASES = [
    case
    for case in lpips_cases.cases()
    if case.images == "odd" and (case.net != "vgg" or case.name.startswith("lpips-vgg@0.1"))
]
ABOUT = {"eyediff": "0", "metric": "seeded"}

SAME = {"rtol": 1e-6, "atol": 1e-6}
"""Tolerance that the issue requires.

ONNX Runtime computes the same float32 sums for the file and in eyediff. The file uses whole images instead of tiles of
160 windows. The other order changes a mean of values up to 1 by some 6e-8, and a PSNR in double precision by 1e-14.
"""


LEVEL = 2 * 2.0**-24 / (0.03 * 2) ** 2
"""Tolerance at a pixel of an SSIM map.

SSIM subtracts the mean before it squares: of the image in the file, of a tile in eyediff. Each rounds the variance of a
flat window by 2^-24. The divisor is at least (0.03 * 2)^2, which gives 3.4e-5.
"""

RUNNABLE = [opset for opset in OPSETS if opset < 22 or Version(ort.__version__) >= Version("1.21")]
"""The opsets that the installed ONNX Runtime computes."""


def assert_agree(one: Any, other: Any, rtol: float, atol: float, message: str = "") -> None:
    """Check that two arrays have the same shape and type and agree within a tolerance."""
    one, other = np.asarray(one), np.asarray(other)
    assert (one.shape, one.dtype) == (other.shape, other.dtype), message
    np.testing.assert_allclose(one, other, rtol=rtol, atol=atol, err_msg=message)


def cat() -> tuple[Pixels, Pixels]:
    """Return two pairs: a photo and its distorted copy, and the photo twice.

    SSIM's engine tiles images of 256 x 256.
    """
    before, after = (np.asarray(Image.open(EXAMPLES / side / "cat.png")) for side in ("before", "after"))
    return np.stack([before, before]), np.stack([after, before])


def feed(a: Any, b: Any) -> dict[str, Any]:
    return {"reference": np.ascontiguousarray(a), "candidate": np.ascontiguousarray(b)}


def session(model: bytes | Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(model if isinstance(model, bytes) else str(model), options)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Compute every model in a process without eyediff.

    Return the outputs by name, for each metric and opset and for each golden case.
    """
    folder = tmp_path_factory.mktemp("models")
    for name in NAMES:
        for opset in RUNNABLE:
            path = folder / f"{name}.{opset}.onnx"
            assert run(["export", "--metric", name, "--opset", str(opset), "-o", str(path)]) == 0
            np.savez(path.with_suffix(".npz"), **feed(*cat()))
    for case in CASES:
        exported = models.network_program(network(case, lpips_cases.seeded_parameters(TRUNKS[case.net])))
        path = folder / f"{case.name}.onnx"
        path.write_bytes(models.build_model(exported, ExportFormat(), ABOUT).SerializeToString())
        np.savez(path.with_suffix(".npz"), **feed(*lpips_cases.pair(case.net, case.images)))
    places = {str(Path(module.__file__).parents[1]) for module in (np, ort)}
    script = Path(__file__).with_name("exported.py")
    told = subprocess.run(
        [sys.executable, "-I", "-S", script, os.pathsep.join(places), folder],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.split() == ["[]"]  # the process imported neither eyediff nor onnx nor torch
    return {path.name.removesuffix(".out.npz"): dict(np.load(path)) for path in folder.glob("*.out.npz")}


def test_files_say_what_the_command_line_says(alone: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """Every exportable metric gives the scores of the command line in the oldest and the newest opset.

    The PSNR of equal images is infinite.
    """
    for side, images in zip(("a", "b"), cat(), strict=True):
        (tmp_path / side).mkdir()
        for name, pixels in zip(("0.png", "1.png"), images, strict=True):
            Image.fromarray(pixels).save(tmp_path / side / name)
    output = tmp_path / "scores.json"
    assert run(["compare", f"{tmp_path}/a", f"{tmp_path}/b", "-m", ",".join(NAMES), "-o", str(output)]) == 0
    rows = json.loads(output.read_text())["rows"]
    for name in NAMES:
        said = np.array([float(row["scores"][name]) for row in rows])
        for opset in RUNNABLE:
            assert_agree(alone[f"{name}.{opset}"]["distance"], said, **SAME, message=name)
    assert alone["psnr@1.18"]["distance"][1] == np.inf


@pytest.mark.parametrize("name", NAMES)
def test_maps_are_those_of_the_library(name: str, alone: dict[str, dict[str, Any]]) -> None:
    """A file has a map exactly if the metric has one, and both maps are the same."""
    assert all(("map" in alone[f"{name}.{opset}"]) == (name in MAPPED) for opset in RUNNABLE)
    if name in MAPPED:
        metric = eyediff.Metric(name)
        said = np.stack([np.asarray(metric.map(*pair)) for pair in zip(*cat(), strict=True)])
        for opset in RUNNABLE:
            assert_agree(alone[f"{name}.{opset}"]["map"], said, rtol=1e-6, atol=LEVEL if "ssim" in name else 1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_networks_equal_the_recorded_peer(case: Case, alone: dict[str, dict[str, Any]]) -> None:
    """Every backbone, version and kind of linear weights agrees with lpips 0.1.4.

    The goldens and the tolerance are those of test_lpips.py. The images are a batch of two, and no stride divides their
    sides.
    """
    golden, said = GOLDENS["cases"][case.name], alone[case.name]
    np.testing.assert_allclose(said["distance"], np.sum(golden["layers"], 1), **CLOSE)
    np.testing.assert_allclose(lpips_cases.sample(said["map"]), golden["map"], **CLOSE)


def test_strips_give_the_same_numbers() -> None:
    """The file computes an image as a whole that eyediff, with little memory, computes strip by strip.

    A strip may sum a feature in another order. Pixels of the map agree to 1e-5, as with the peer, and the mean evens
    this out.
    """
    trunk = TRUNKS["squeeze"]
    seeded = Network(trunk, lpips_cases.seeded_parameters(trunk), load_heads("squeeze"))
    random = np.random.RandomState(0)
    a = random.randint(0, 256, (1, 300, 200, 3)).astype(np.uint8)
    b = (a // 2 + random.randint(0, 100, a.shape)).astype(np.uint8)
    engine = NetworkEngine(OnnxRunner("cpu"), seeded, memory=4_000_000)
    assert engine._pairs_that_fit(a) == 0  # not even one pair fits
    said = session(models.build_model(models.network_program(seeded), ExportFormat(), ABOUT).SerializeToString()).run(
        None, feed(a, b)
    )
    assert_agree(said[0], engine.distances(a, b), **SAME)
    np.testing.assert_allclose(said[1], engine.maps(a, b), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["lpips-mini", "ssim", "dssim", "psnr", "ms-ssim"])
def test_another_runtime_agrees(name: str, tmp_path: Path) -> None:
    """The reference evaluator of onnx is plain numpy and shares no code with ONNX Runtime.

    The tolerance is 1e-5, because float32 sums have another order.
    """
    model = eyediff.export(name, tmp_path / "metric.onnx")
    side = 64 if name != "ms-ssim" else 165  # 165 is odd at the first halving
    a, b = (x[:, 40 : 40 + side, 30 : 30 + side] for x in cat())
    with np.errstate(divide="ignore"):  # PSNR divides by zero for equal images
        found = onnx.reference.ReferenceEvaluator(model).run(None, feed(a, b))
    for one, other in zip(found, session(tmp_path / "metric.onnx").run(None, feed(a, b)), strict=True):
        assert_agree(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["lpips-mini", "psnr"])
def test_what_goes_in_may_be_stored_otherwise(name: str, tmp_path: Path) -> None:
    """The same images in every storage type, range and layout have the same score to 1e-5.

    float32 rounds pixels by 6e-8. It rounds PSNR's mean square, of differences of some hundredths, ten to a hundred
    times as much.
    """
    a, b = (x[:1, :70, :80].astype(np.float64) for x in cat())
    path = tmp_path / "metric.onnx"
    eyediff.export(name, path)
    expected = session(path).run(["distance"], feed(a.astype(np.uint8), b.astype(np.uint8)))[0]
    for kind, ends, scale, shift in (
        ("uint16", None, 257, 0),
        ("float32", None, 1 / 255, 0),
        ("float32", (-1, 1), 2 / 255, -1),
        ("float32", (0, 255), 1, 0),
    ):
        for layout in ("nhwc", "nchw"):
            eyediff.export(name, path, input=kind, layout=layout, range=ends)
            given = [(x * scale + shift).astype(kind) for x in (a, b)]
            given = [x.transpose(0, 3, 1, 2) if layout == "nchw" else x for x in given]
            found = session(path).run(["distance"], feed(*given))[0]
            np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=f"{kind} {ends} {layout}")


def test_points_of_an_embedding_are_as_far_apart_as_the_metric_says(tmp_path: Path) -> None:
    """The squared distance of two embeddings is the score of the metric, at sizes that differ from call to call.

    The tolerance of 1e-6 allows for sums of 20,000 squares.
    """
    path = tmp_path / "points.onnx"
    eyediff.export("lpips-mini", path, embed=True)
    points, metric = session(path), eyediff.Metric("lpips-mini")
    for side in (64, 101):
        a, b = (np.ascontiguousarray(x[:1, :side]) for x in cat())
        (of_a,), (of_b,) = (points.run(["embedding"], {"image": x})[0] for x in (a, b))
        assert abs(np.square(of_a - of_b, dtype=np.float64).sum() - metric.distance(a[0], b[0])) < 1e-6


def test_what_is_no_pair_is_refused(tmp_path: Path) -> None:
    """Images of different sizes and images that are too small fail in the model.

    64 and 65 columns give the same number of features. Without a node that fails, the model would return a score. The
    runtime's message has the name of the node, which states the reason.
    """
    eyediff.export("lpips-mini", tmp_path / "metric.onnx")
    run_it, smallest = session(tmp_path / "metric.onnx"), eyediff.Metric("lpips-mini").smallest
    wide, one, low = (np.zeros((1, *sides, 3), np.uint8) for sides in ((64, 65), (64, 64), (smallest - 1, 64)))
    with pytest.raises(Exception, match="reference_and_candidate_must_be_of_one_shape"):
        run_it.run(None, feed(one, wide))
    with pytest.raises(Exception, match=f"sides_must_be_{smallest}_pixels_at_least"):
        run_it.run(None, feed(low, low))


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    """The same call writes the same bytes. Names, types, axes and metadata are those of docs/export.md."""
    paths = [tmp_path / name for name in ("one.onnx", "two.onnx")]
    for path in paths:
        eyediff.export("lpips-mini", path, layout="nchw", map=False)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    model = onnx.load(paths[0])
    assert (model.producer_name, model.producer_version) == ("eyediff", eyediff.__version__)
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)  # both versions are those of ONNX 1.13
    assert not {node.op_type for node in model.graph.node} & {"Resize"}  # only a map needs this operator
    found = session(paths[0])
    assert [(x.name, x.type, x.shape) for x in found.get_inputs()] == [
        (name, "tensor(uint8)", ["n", 3, "h", "w"]) for name in ("reference", "candidate")
    ]
    assert [(x.name, x.type, x.shape) for x in found.get_outputs()] == [("distance", "tensor(double)", ["n"])]
    about = found.get_modelmeta().custom_metadata_map
    assert about["weights_sha256"] == eyediff.Metric("lpips-mini").weights_sha256
    assert about["smallest_side"] == str(eyediff.Metric("lpips-mini").smallest)
    told = {"metric": "lpips-mini@3", "better": "lower", "identity": "0", "white": "255"}
    assert told.items() <= about.items() and {"licence", "citation", "range", "layout", "black"} <= set(about)

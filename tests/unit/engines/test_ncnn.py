"""ncnn as the engine of networks: what it writes, that it says what the others say, and when it is used.

Winograd's F(4x4, 3x3) multiplies by figures up to 8 and 1/24 on the way in and out, so that a sum is rounded some three
to ten times as much as a direct one: features are right to 1e-6 of the largest where ONNX Runtime's are to 2e-7. That
is within what goldens allow either side of (1e-5 of a share, 1e-6 near zero), so ncnn is held to the same.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from eyediff import lpips, weights
from eyediff.api import Metric
from eyediff.cli import app
from eyediff.engines import runners
from eyediff.engines.metrics import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnxrt import OnnxRunner
from eyediff.engines.strips import Strips
from eyediff.engines.torch_runner import TorchRunner
from eyediff.errors import DeviceError, EyediffError, UsageError
from eyediff.trunks import TRUNKS
from eyediff.values import Pixels
from tests.golden import lpips_cases
from tests.golden.test_lpips import check, network

from .test_verbs import PROGRAMS, RANDOM

if importlib.util.find_spec("ncnn") is None:
    pytest.skip("the extra ncnn is not installed", allow_module_level=True)

from eyediff.engines import ncnn_net
from eyediff.engines.ncnn_net import Draft, Loaded
from eyediff.engines.ncnn_runner import NcnnRunner

CASES = [case for case in lpips_cases.cases() if case.heads or case.images == "odd"]


def runner(threads: int = 1) -> NcnnRunner:
    """ncnn beside ONNX Runtime."""
    return NcnnRunner(OnnxRunner("cpu", threads))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_equals_the_recorded_peer(case: lpips_cases.Case) -> None:
    """Total, each tap's share and the map against lpips 0.1.4, as closely as ONNX Runtime is held to them."""
    check(case, runner())


@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_official_weights_score_what_onnx_runtime_scores(net: str, shared: Path) -> None:
    """On photos, whose features are not those of noise: distance, shares, map, and what embeddings say."""
    parameters = dict(weights.load_trunk(net, file=next((shared / "weights").glob(f"{net}*.pth"))).parameters)
    a, b = lpips_cases.pair(net, "photo")
    made = network(lpips_cases.Case(net, "0.1", True, "photo"), parameters)
    ours, theirs = NetworkEngine(runner(), made), NetworkEngine(OnnxRunner("cpu", 1), made)
    for what in ("distances", "layers", "maps"):
        np.testing.assert_allclose(getattr(ours, what)(a, b), getattr(theirs, what)(a, b), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_verb_means_what_numpy_means(name: str, dtype: type) -> None:
    """Whichever half it falls to, for every storage type; 1e-5, as for ONNX Runtime."""
    a, b = (RANDOM.randint(0, 256, (2, 2, 9, 13, 3)) / (255 if dtype is np.float32 else 1)).astype(dtype)
    found = runner().compile(PROGRAMS[name], 2)(a, b)
    np.testing.assert_allclose(found, NumpyRunner().compile(PROGRAMS[name], 2)(a, b), rtol=1e-5, atol=1e-5)


def of(net: str) -> lpips.Network:
    """Seeded weights and the published heads."""
    heads = None if net == "mini" else weights.load_heads(net)
    return lpips.Network(TRUNKS[net], lpips_cases.seeded_parameters(TRUNKS[net]), heads)


def noise(net: str, count: int, height: int, width: int) -> tuple[Pixels, Pixels]:
    """Two batches that differ a little."""
    random = np.random.RandomState(height)
    a = random.randint(0, 256, (count, height, width, 3))
    return a.astype(np.uint8), (a + random.randint(-20, 21, a.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("net", TRUNKS)
def test_laws(net: str) -> None:
    """Identity is exactly 0; order, neighbours in a batch and strides change nothing at all: an image goes alone."""
    engine = NetworkEngine(runner(), of(net))
    a, b = noise(net, 2, 37, 51)
    scores = engine.distances(a, b)
    assert (scores > 0).all() and scores.dtype == np.float64
    assert engine.distances(a, a.copy()).tolist() == [0, 0]
    np.testing.assert_allclose(engine.distances(b, a), scores, rtol=1e-6)  # sums of taps in the same order
    assert [engine.distances(a[i : i + 1], b[i : i + 1])[0] for i in (0, 1)] == scores.tolist()
    poison = np.full((2, 74, 51, 5), 7, np.uint8)
    poison[:, ::2, :, 1:4] = a
    assert np.array_equal(engine.distances(poison[:, ::2, :, 1:4], b), scores)
    assert engine.distances(a[:0], b[:0]).shape == (0,) and engine.maps(a[:0], b[:0]).shape == (0, 37, 51)


def test_what_was_looked_at_says_what_pixels_say() -> None:
    """Bit for bit where a reference was looked at once. Two looked-at batches go through ONNX Runtime together, which
    may share its sums among threads otherwise, and points are near ONNX Runtime's: 1e-6."""
    engine = NetworkEngine(runner(), of("squeeze"))
    a, b = noise("squeeze", 3, 40, 33)
    seen = engine.look(a[:1])
    assert seen is not None
    scores = engine.distances(a[[0, 0, 0]], b)
    assert np.array_equal(engine.against(seen, b), scores)
    np.testing.assert_allclose(engine.between(engine.features(a[[0, 0, 0]]), engine.features(b)), scores, rtol=1e-6)
    expected = NetworkEngine(OnnxRunner("cpu", 1), of("squeeze")).embeddings(a)
    np.testing.assert_allclose(engine.embeddings(a), expected, rtol=0, atol=1e-6 * expected.max())


@pytest.mark.parametrize("net", TRUNKS)
@pytest.mark.parametrize(("height", "width"), [(150, 33), (34, 139)])
def test_strips_of_a_large_image_score_what_the_whole_scores(net: str, height: int, width: int) -> None:
    """Tiles of Winograd's fall elsewhere in a strip, so features differ in their rounding: 5e-6 of the distance."""
    made, (a, b) = of(net), noise(net, 1, height, width)
    kept = runner()
    cut, whole = Strips(kept, made), NetworkEngine(kept, made)
    assert cut.shares(a, b, 0).sum() == pytest.approx(whole.distances(a, b)[0], rel=5e-6)
    assert cut.shares(a, a, 0).sum() == 0
    expected = whole.maps(a, b)[0]
    np.testing.assert_allclose(cut.map(a, b, 0), expected, rtol=0, atol=2e-5 * expected.max())


def test_threads_and_callers_change_nothing() -> None:
    """Work shared among ncnn's threads, and among callers of one engine."""
    a, b = noise("squeeze", 1, 60, 70)
    one, three = (NetworkEngine(runner(threads), of("squeeze")) for threads in (1, 3))
    expected = one.distances(a, b)
    np.testing.assert_allclose(three.distances(a, b), expected, rtol=1e-6)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(found, expected) for found in pool.map(lambda _: one.distances(a, b), range(8)))


def test_one_network_is_loaded_for_all_that_is_asked_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances, maps, embeddings, of both images, by one network in ncnn's memory; strips by others in its place."""
    loaded = list[str]()
    init = Loaded.__init__
    monkeypatch.setattr(Loaded, "__init__", lambda self, *given: (loaded.append(given[0]), init(self, *given))[1])
    kept, made, (a, b) = runner(), of("mini"), noise("mini", 1, 90, 40)
    engine = NetworkEngine(kept, made)
    engine.distances(a, b), engine.maps(b, a), engine.embeddings(a), engine.look(a)
    assert len(loaded) == 1
    Strips(kept, made).shares(a, b, 0)
    assert len(loaded) == 4 and len(set(loaded)) == 4  # the first strip, those between, and the last: padded otherwise
    del engine
    gc.collect()
    assert kept._last is not None and kept._last[0] == loaded[-1]


def test_a_draft_divides_what_is_read_twice_and_joins_relus() -> None:
    """ncnn lets a value be read once, and in no other form than it was said."""
    draft = Draft()
    x = draft.say("Input")
    made = draft.say("Convolution", x, settings="0=1")
    relu = draft.say("ReLU", made)
    both = draft.say("Concat", relu, x)
    assert draft.text([relu, both]).splitlines() == [
        "7767517",
        "5 7",
        "Input l0 0 1 v0 ",
        "Split l1 1 2 v0 v0_0 v0_1 ",
        "Convolution l2 1 1 v0_0 v2_whole 0=1 9=1",
        "Split l3 1 2 v2_whole v2_0 v2 ",
        "Concat l4 2 1 v2_0 v0_1 v3 ",
    ]
    assert "ReLU" in draft.text([made, relu])  # somebody wants it before the ReLU


def test_what_ncnn_cannot_do_is_told() -> None:
    """It answers with numbers, and with memory that crashes whoever reads it: errors of ours instead."""
    draft = Draft()
    x, above = draft.say("Input"), draft.say("Input")
    both = draft.say("Concat", above, x, settings="0=1")
    net = Loaded(draft.text([both]), [], 1)
    image = np.ones((3, 4, 5), np.float32)
    assert net.run({x: image, above: image[:, :1]}, [both])[0].shape == (3, 5, 5)
    with pytest.raises(EyediffError, match="gave up on 5x4"):
        net.run({x: image, above: image[:, :0]}, [both])
    with pytest.raises(EyediffError, match="not take an array"):
        net.run({"other": image}, [both])
    draft.say("Scale", both, settings="0=3 1=0", figures=(np.ones(2, np.float32),))
    with pytest.raises(EyediffError, match="does not take this network"):
        Loaded(draft.text(["v3"]), draft.figures(), 1)


def test_loading_it_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its threads sleep while they wait, unless the user has said otherwise; other libraries are not told."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with ncnn_net._patient():
        assert os.environ["OMP_WAIT_POLICY"] == "passive"
    assert "OMP_WAIT_POLICY" not in os.environ
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    with ncnn_net._patient():
        assert os.environ["OMP_WAIT_POLICY"] == "active"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Ask for an engine."""
    return lambda name: monkeypatch.setenv(runners.ENGINE, name)


def test_it_computes_networks_where_it_is_asked_for_alone(asked: Callable[[str], None]) -> None:
    """Never because it is installed; SSIM stays where it was; the header says what computed."""
    onnx = Metric("lpips-mini", device="cpu").engine
    assert "ncnn" not in onnx
    asked("ncnn")
    assert Metric("lpips-mini", device="cpu", threads=1).engine == f"ncnn {ncnn_net.VERSION} + {onnx}"
    assert Metric("ssim", device="cpu").engine == onnx
    asked("")
    assert Metric("lpips-mini", device="cpu").engine == onnx


def test_it_is_never_replaced(asked: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """No other engine where it is missing or the network is on a GPU, and no other name is taken for it."""
    asked("NCNN")
    with pytest.raises(UsageError, match=r"EYEDIFF_ENGINE=NCNN was set, expected one of auto, ncnn"):
        runners.for_network(OnnxRunner("cpu"))
    asked("ncnn")
    with pytest.raises(DeviceError, match=r"not by torch .*: use --device cpu"):
        runners.for_network(TorchRunner("cpu"))
    monkeypatch.setitem(sys.modules, "eyediff.engines.ncnn_runner", None)
    with pytest.raises(DeviceError, match=r"pip install 'eyediff\[ncnn\]', or unset it"):
        runners.for_network(OnnxRunner("cpu"))


def test_compare_says_it_in_the_header(asked: Callable[[str], None]) -> None:
    """As people meet it: the engine of each metric, and the score of the other engine to 1e-5."""
    files = [str(lpips_cases.EXAMPLES / side / "cat.png") for side in ("before", "after")]
    said = {}
    for name in ("auto", "ncnn"):
        asked(name)
        done = CliRunner().invoke(app, ["compare", *files, "-m", "lpips-mini,ssim", "-f", "json"])
        assert done.exit_code == 0, done.output
        said[name] = json.loads(done.stdout)
    engines = {name: metric["engine"] for name, metric in said["ncnn"]["metrics"].items()}
    assert engines["lpips-mini"].startswith("ncnn ") and engines["ssim"].startswith("onnxruntime ")
    scores = [said[name]["rows"][0]["scores"] for name in ("auto", "ncnn")]
    assert scores[0]["ssim"] == scores[1]["ssim"]
    assert scores[1]["lpips-mini"] == pytest.approx(scores[0]["lpips-mini"], rel=1e-5)

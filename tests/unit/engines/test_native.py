"""The native engine in comparison with the numpy engine in double precision, under sanitizers, and if it is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eyediff import weights
from eyediff.engines import cpu_engine, select_runner
from eyediff.engines.native import library
from eyediff.engines.native.calls import make_readable
from eyediff.engines.native.network import NativeNetwork
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.errors import DeviceError, EyediffError, UsageError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import TRUNKS
from eyediff.records import PEAKS, Pixels
from tests.golden.lpips_cases import seeded_parameters

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "src/eyediff/engines/native"
CLOSE = {"rtol": 1e-5, "atol": 1e-6}
"""Tolerances, as for the recorded scores: 1e-5 of a distance, and 1e-6 near zero."""

HEALTH = list(HealthCheck)

try:
    library.load_library()
    MISSING = ""
except library.NativeEngineError as error:
    MISSING = str(error)
built = pytest.mark.skipif(bool(MISSING), reason=f"no native engine: {MISSING}")


def variants() -> list[str]:
    """Return the instruction sets of this build that this processor supports."""
    return [] if MISSING else [name for name in ("baseline", "avx2", "avx512") if library.find_variant(name)]


def network(name: str, *, heads: bool = True) -> lpips.Network:
    """Return a network with seeded parameters, and with the published linear weights if there are any.

    Without linear weights, the input is not scaled either.
    """
    trunk, random = TRUNKS[name], np.random.RandomState(0)
    drawn = tuple(random.rand(channels).astype(np.float32) for channels in trunk.taps)
    published = drawn if name == "mini" else weights.load_heads(name, "0.1")
    return lpips.Network(
        trunk, seeded_parameters(trunk), published if heads else None, lpips.PUBLISHED if heads else None
    )


@cache
def native(name: str, threads: int = 2, variant: str | None = None, heads: bool = True) -> NativeNetwork:
    return NativeNetwork(network(name, heads=heads), threads, variant)


def pair(count: int, height: int, width: int, dtype: type, seed: int) -> tuple[Pixels, Pixels]:
    """Return noise, and the same images with more noise."""
    random = np.random.RandomState(seed)
    a = random.rand(count, height, width, 3)
    b = (a + 0.2 * random.standard_normal(a.shape)).clip(0, 1)
    peak = PEAKS[np.dtype(dtype)]
    return (a * peak).astype(dtype), (b * peak).astype(dtype)


@built
@pytest.mark.parametrize("variant", variants())
@pytest.mark.parametrize("name", TRUNKS)
def test_it_says_what_the_oracle_says(name: str, variant: str) -> None:
    """Shares, maps, features and embeddings equal those of the numpy engine, with and without linear weights.

    This holds for images of any size, storage type and order in memory.
    """
    smallest = TRUNKS[name].smallest
    oracles = {heads: NetworkEngine(NumpyRunner(), network(name, heads=heads)) for heads in (True, False)}
    sides = st.integers(smallest, smallest + (25 if name == "vgg" else 45))

    @settings(max_examples=2 if name == "vgg" else 6, deadline=None, derandomize=True, suppress_health_check=HEALTH)
    @given(
        st.integers(1, 2),
        sides,
        sides,
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        st.booleans(),
        st.booleans(),
    )
    def law(count: int, height: int, width: int, dtype: type, heads: bool, turned: bool) -> None:
        a, b = pair(count, height, width, dtype, height * 1000 + width)
        if turned:  # rows and columns are exchanged in memory, but not in the image
            a, b = (np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2) for x in (a, b))
        engine, oracle = native(name, 2, variant, heads), oracles[heads]
        scale = 1 if heads else 10  # without weights, terms are sums over hundreds of channels
        close = {"rtol": CLOSE["rtol"], "atol": CLOSE["atol"] * scale}
        np.testing.assert_allclose(engine.layers(a, b), oracle.layers(a, b), **close)
        np.testing.assert_allclose(engine.layers(a, b).sum(1), oracle.distances(a, b), **close)
        np.testing.assert_allclose(engine.maps(a, b), oracle.maps(a, b), rtol=3e-5, atol=1e-5 * scale)
        features = engine.features(a)
        for ours, theirs in zip(features, oracle.features(a), strict=True):
            np.testing.assert_allclose(ours.transpose(0, 3, 1, 2), theirs, atol=5e-6)
        np.testing.assert_allclose(engine.points(features), oracle.embeddings(a), atol=5e-6)

    law()


@built
@pytest.mark.parametrize("name", TRUNKS)
def test_neither_batch_nor_threads_nor_order_change_a_bit(name: str) -> None:
    """The result is the same to the last bit for pairs alone and in a batch, and for one, two and four threads.

    It is also the same if the images are exchanged, and if kept features are used instead of pixels.
    """
    a, b = pair(3, 50, 77, np.uint8, 1)
    want = native(name, 1).layers(a, b)
    for threads in (2, 4):
        np.testing.assert_array_equal(native(name, threads).layers(a, b), want)
    engine = native(name, 4)
    np.testing.assert_array_equal(np.concatenate([engine.layers(a[i : i + 1], b[i : i + 1]) for i in range(3)]), want)
    np.testing.assert_array_equal(engine.layers(b, a), want)
    kept = engine.features(a)
    np.testing.assert_array_equal(engine.against(kept, b), want)
    np.testing.assert_array_equal(engine.between(kept, engine.features(b)), want)
    np.testing.assert_array_equal(engine.against(tuple(tap[:1] for tap in kept), b)[:1], want[:1])
    assert not engine.layers(a, a).any()


@built
def test_calls_from_several_threads_do_not_meet() -> None:
    """Calls from several threads do not affect each other, because each has its own memory."""
    a, b = pair(1, 60, 60, np.uint8, 2)
    engine = native("mini", 2)
    want, found = engine.layers(a, b), list[Any]()
    threads = [threading.Thread(target=lambda: found.append(engine.layers(a, b))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for one in found:
        np.testing.assert_array_equal(one, want)


@built
@pytest.mark.parametrize(
    ("name", "height", "width"),
    [(name, *size) for name in ("alex", "squeeze", "mini") for size in ((190, 45), (40, 171))] + [("vgg", 130, 60)],
)
def test_strips_are_the_whole(name: str, height: int, width: int) -> None:
    """Strips give the distance of the whole images to 2e-6.

    Rounding differs, because the tiles of Winograd's algorithm begin at other rows in a strip.
    """
    a, b = pair(1, height, width, np.uint8, 3)
    engine = native(name)
    assert engine.strip_layers(a, b, 0).sum() == pytest.approx(engine.layers(a, b).sum(), rel=2e-6)
    assert engine.strip_layers(a, a, 0).sum() == 0
    whole = engine.maps(a, b)[0]
    np.testing.assert_allclose(engine.strip_map(a, b, 0), whole, atol=1e-5 * whole.max())


def test_images_are_read_in_place() -> None:
    """A single image, whose stride is 0, and exchanged axes are not copied. A copy for each strip would take long."""
    image = np.zeros((30, 40, 3), np.uint8)
    for batch in (image[None], image[None].swapaxes(1, 2), np.broadcast_to(image, (2, 30, 40, 3))):
        assert np.shares_memory(make_readable(batch), image)
    for batch in (image[None, ::-1], image[None, ..., ::-1], image[None].astype(">u2")):
        assert not np.shares_memory(make_readable(batch), image)


@built
def test_broadcast_images_are_read() -> None:
    """A batch that repeats one image in memory, and an image that repeats one row or column, have the right scores."""
    a, b = pair(2, 40, 50, np.uint8, 6)
    engine = native("mini")
    for x in (
        np.broadcast_to(a[:1], a.shape),
        np.broadcast_to(a[:, :1], a.shape),
        np.broadcast_to(a[:, :, :1], a.shape),
    ):
        np.testing.assert_array_equal(engine.layers(x, b), engine.layers(np.ascontiguousarray(x), b))
        np.testing.assert_array_equal(
            engine.layers(x, x[::-1]), engine.layers(*map(np.ascontiguousarray, (x, x[::-1])))
        )


@built
def test_what_is_not_a_number_stays_so() -> None:
    """A NaN in an image gives a NaN. It does not vanish in a ReLU or a maximum."""
    a, b = pair(1, 40, 40, np.float32, 4)
    a[0, 20, 20] = np.nan
    for name in ("alex", "squeeze", "mini"):
        assert np.isnan(native(name).layers(a, b).sum())


@built
def test_the_weights_are_in_the_budget() -> None:
    """The memory of a pair grows with its size and includes the weights.

    A transformed 3x3 kernel has 36 numbers instead of 9.
    """
    engine = native("vgg")
    plain = sum(parameter.nbytes for parameter in network("vgg").parameters.values())
    assert 3.9 * plain < engine.weight_bytes < 4.1 * plain
    assert engine.weight_bytes < engine.peak_bytes(64, 64) < engine.peak_bytes(512, 512)


@built
def test_too_small_images_are_refused_not_read() -> None:
    """The library refuses images that are too small, although its callers also check sizes."""
    a, b = pair(1, 15, 15, np.uint8, 5)
    with pytest.raises(EyediffError, match="does not support images of 15x15"):
        native("vgg").layers(a, b)
    empty = np.zeros((2, 64, 0, 3), np.uint8)
    with pytest.raises(EyediffError, match="does not support images of 0x64"):
        native("mini").layers(empty, empty)


@built
def test_an_unsupported_layer_is_named() -> None:
    """The error names the layer and no images, because the network has not got images yet."""
    first, *others = TRUNKS["mini"].layers
    trunk = replace(TRUNKS["mini"], layers=(replace(first, kernel=99), *others))
    parameters = {name: np.zeros(shape, np.float32) for name, shape in trunk.shapes.items()}
    with pytest.raises(EyediffError, match=r"does not support the layer Conv\(key='features.0'.*kernel=99"):
        NativeNetwork(lpips.Network(trunk, parameters, None), 1)


def test_transforms_are_those_of_the_generator() -> None:
    """The files in the repository equal the output of their generator script."""
    code = "import generate_transforms as g; print([p for p, c in g.FILES.items() if open(p).read() != c()])"
    done = subprocess.run([sys.executable, "-c", code], cwd=SOURCES, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_engine_that_is_named_is_used_or_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The engine of EYEDIFF_ENGINE is used, or an error gives the reason.

    If EYEDIFF_ENGINE is not set, a missing native engine is not an error.
    """
    monkeypatch.setenv("EYEDIFF_ENGINE", "onnxruntime")
    assert cpu_engine.engine_description() == "onnxruntime"
    monkeypatch.setenv("EYEDIFF_ENGINE", " native")
    with pytest.raises(UsageError, match="EYEDIFF_ENGINE is set to ' native'; expected native or onnxruntime"):
        select_runner.create_runner("cpu")
    monkeypatch.setattr(library, "FILE", tmp_path / "none.so")
    library.load_library.cache_clear()
    try:
        monkeypatch.setenv("EYEDIFF_ENGINE", "native")
        with pytest.raises(DeviceError, match=r"EYEDIFF_ENGINE is set to 'native', but .* library was not built"):
            select_runner.create_runner("cpu")
        monkeypatch.delenv("EYEDIFF_ENGINE")
        assert select_runner.create_runner("cpu").description.startswith("onnxruntime")
    finally:
        library.load_library.cache_clear()


@built
def test_a_library_of_other_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of other sources is refused, such as an editable installation that was updated but not built again."""
    monkeypatch.setattr(library, "INTERFACE", library.INTERFACE + 1)
    library.load_library.cache_clear()
    try:
        with pytest.raises(library.NativeEngineError, match="built from other sources; install eyediff again"):
            library.load_library()
    finally:
        library.load_library.cache_clear()


def build(target: Path, flags: list[str]) -> list[str]:
    """Compile the engine with some flags, and return the command of the compiler.

    The test is skipped if the build tools are missing or the compiler does not support the flags.
    """
    pytest.importorskip("hatchling")
    sys.path.insert(0, str(ROOT))
    try:
        import hatch_build
    finally:
        sys.path.remove(str(ROOT))
    try:
        compiler = hatch_build.find_compiler()
        hatch_build.compile_library(target, flags)
    except hatch_build.BuildError as error:
        pytest.skip(f"the compiler does not do {' '.join(flags)}: {error}")
    return compiler


def run(code: str, *arguments: object, **environment: str) -> None:
    """Run code in a separate process that can import the tests and the package. Show its output if it fails."""
    told = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), **environment}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "Sanitizer" not in done.stderr, done.stderr[-4000:]


# The sanitizers ignore leaks, because Python keeps its memory until it ends. They also ignore ONNX Runtime's threads,
# which are not tested.
SANITIZED = """
import sys
import time
from pathlib import Path
import numpy as np
from eyediff.engines.native import library
library.FILE = Path(sys.argv[1])
from tests.unit.engines.test_native import native, pair
for name in ("alex", "squeeze", "mini"):
    for height, width in ((50, 34),) if name == "alex" else ((31, 47), (50, 34)):
        a, b = pair(2, height, width, np.uint8, 1)
        engine = native(name, 3, sys.argv[2])
        assert np.isfinite(engine.maps(a, b)).all() and np.isfinite(engine.layers(a, b)).all()
        kept = engine.features(a)
        engine.against(kept, b), engine.between(kept, kept), engine.points(kept)
engine = native("mini", 3, sys.argv[2])
for count in range(1, 8):  # in a batch of 3 or more, each thread computes pairs of its own
    engine.layers(*pair(count, 31, 31, np.uint8, 1))
    time.sleep(0.002 * (count % 2))  # the threads of the engine fall asleep
from eyediff.engines.native.similarity import NativeSimilarity
from tests.unit.engines.test_native_similarity import PROGRAMS
for name, program in PROGRAMS.items():
    for height, width in ((11, 11), (31, 47)):
        similarity = NativeSimilarity(program.similarity, sys.argv[2])
        for kind in (np.uint8, np.uint16, np.float32):
            a, b = pair(2, height, width, kind, 1)
            assert np.isfinite(similarity.means(a, b)).all() and np.isfinite(similarity.maps(a, b)).all()
a, b = pair(1, 150, 40, np.float32, 1)
for x, y in ((a, b), (a.swapaxes(1, 2), b.swapaxes(1, 2))):
    native("squeeze", 3, sys.argv[2]).strip_map(x, y, 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sanitizer", "runtime", "options"),
    [("address,undefined", "libasan.so", ["-O0", "-DVECTOR_BYTES=64"]), ("thread", "libtsan.so", ["-O1"])],
)
def test_sanitizers_find_nothing(sanitizer: str, runtime: str, options: list[str], tmp_path: Path) -> None:
    """ASan, UBSan and TSan find nothing in networks, strips, features and SSIM. Networks use three threads.

    ASan makes the compiler slow, and TSan makes the compiled code slow. So only the build for TSan is optimised. The
    build for ASan has the blocking of AVX-512, which needs the most memory.
    """
    target = tmp_path / "sanitized.so"
    flags = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", *options]
    compiler = build(target, flags)
    found = subprocess.run([*compiler, f"-print-file-name={runtime}"], capture_output=True, text=True, check=True)
    if not Path(found.stdout.strip()).is_absolute():
        pytest.skip(f"the compiler has no {runtime}")
    # ONNX Runtime throws an exception while it is loaded. The sanitizer must find the C++ library before that.
    command = [*compiler, "-print-file-name=libstdc++.so.6"]
    exceptions = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    environment = {"LD_PRELOAD": f"{found.stdout.strip()} {exceptions}", "OPENBLAS_NUM_THREADS": "1"}
    environment |= {"ASAN_OPTIONS": "detect_leaks=0", "TSAN_OPTIONS": "ignore_noninstrumented_modules=1"}
    run(SANITIZED, target, "avx2" if "avx2" in variants() else "baseline", **environment)


WIDE = """
import sys
from pathlib import Path
from eyediff.engines.native import library
library.FILE = Path(sys.argv[1])
from tests.unit.engines import test_native, test_native_similarity
for name in ("alex", "mini"):
    test_native.test_it_says_what_the_oracle_says(name, "baseline")
for name in ("wang", "skimage"):
    test_native_similarity.test_it_equals_the_formula(name, "baseline")
test_native.test_neither_batch_nor_threads_nor_order_change_a_bit("mini")
test_native.test_strips_are_the_whole("alex", 130, 60)
"""


@pytest.mark.slow
def test_vectors_of_avx512_compute_the_same(tmp_path: Path) -> None:
    """Vectors of 64 bytes, with the blocking of AVX-512, give the same results on any processor.

    If the processor has shorter vectors, the compiler splits the vectors.
    """
    target = tmp_path / "wide.so"
    build(target, ["-DVECTOR_BYTES=64", "-O0"])  # -O1 takes twelve times as long to compile
    run(WIDE, target)

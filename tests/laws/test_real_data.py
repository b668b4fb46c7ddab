"""The laws of metrics on real photos, and on arrays in different memory layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyediff import images
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.errors import ImageError
from eyediff.interfaces import Engine
from eyediff.metrics import lpips
from eyediff.metrics.backbones import MINI
from eyediff.records import Pixels
from eyediff.scoring import factory as wiring
from eyediff.scoring.metric_spec import parse_metric
from eyediff.weights.heads import load_mini
from tests.unit.images.make import RGB, noise, png

RUNNER = OnnxRunner("cpu", 1)
STRUCTURE = ("gmsd", "ms-gmsd", "mdsi", "haarpsi", "vsi", "vif", "flip", "ssimulacra2")
NAMES = ("lpips-mini", "psnr", "ssim", "ms-ssim", "l2", "l2-lab", "fsim", "fsimc", *STRUCTURE)


@pytest.fixture(scope="module")
def engines() -> dict[str, Engine]:
    return {name: wiring.build_metric(parse_metric(name), RUNNER).engine for name in NAMES}


def photos(shared: Path) -> list[Pixels]:
    """Return two of Kodak's photos and two others, cut to one odd size."""
    paths = [*sorted((shared / "images/kodak").glob("*.png"))[:2], *sorted((shared / "images/photos").glob("*"))[:2]]
    return [np.ascontiguousarray(images.read(path).pixels[11:208, 17:206]) for path in paths]


def arrangements(x: Pixels) -> dict[str, Pixels]:
    """Return the values in other memory layouts, between values that must never be read: NaN, or white for integers."""
    poison = np.nan if x.dtype.kind == "f" else np.iinfo(x.dtype.type).max  # type: ignore[type-var]
    wide = np.full((x.shape[0], 2 * x.shape[1], 3 * x.shape[2], 5), poison, x.dtype)
    wide[:, ::2, ::3, 1:4] = x
    mirrored = np.ascontiguousarray(x[:, ::-1, ::-1, ::-1])
    return {
        "every second row, every third column": wide[:, ::2, ::3, 1:4],
        "negative strides": mirrored[:, ::-1, ::-1, ::-1],
        "columns first": np.asfortranarray(x),
        "one image seen many times": np.broadcast_to(x[:1], x.shape),
    }


@pytest.mark.parametrize("name", NAMES)
def test_laws_on_photos(name: str, shared: Path, engines: dict[str, Engine]) -> None:
    """The identity is exact. Symmetry and batches agree to 1e-6 relative, as in test_metrics.py."""
    found, metric = photos(shared), engines[name]
    a, b = np.stack(found[:3]), np.stack(found[1:])
    scores = metric.distances(a, b)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(metric.distances(a, a), [parse_metric(name).info.identity] * 3)
    if parse_metric(name).info.symmetric:
        np.testing.assert_allclose(metric.distances(b, a), scores, rtol=1e-6)
    np.testing.assert_allclose(metric.distances(a[::-1], b[::-1])[::-1], scores, rtol=1e-6)
    np.testing.assert_allclose([metric.distances(a[i : i + 1], b[i : i + 1])[0] for i in range(3)], scores, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_memory_does_not_matter(name: str, engines: dict[str, Engine]) -> None:
    """Negative and odd strides, and NaN or white beside the view, give exactly the same scores.

    hypothesis draws the shapes.
    """
    metric = engines[name]

    # The metrics of STRUCTURE share the code that reads images; vsi computes at 256x256 whatever the size.
    @settings(max_examples=2 if name in STRUCTURE else 5, deadline=None, derandomize=True, database=None)
    @given(
        st.tuples(*[st.integers(metric.smallest, metric.smallest + 24)] * 2),
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        st.integers(0, 2**31),
    )
    def same(shape: tuple[int, int], dtype: type, seed: int) -> None:
        random = np.random.RandomState(seed)
        peak = 1 if dtype is np.float32 else np.iinfo(dtype).max
        a, b = ((random.rand(2, *shape, 3) * peak).astype(dtype) for _ in range(2))
        for how, view in arrangements(a).items():
            want = metric.distances(np.ascontiguousarray(view), b)
            np.testing.assert_array_equal(metric.distances(view, b), want, how)
            np.testing.assert_array_equal(metric.distances(b, view), metric.distances(b, np.array(view)), how)

    same()


@pytest.mark.parametrize("threads", [1, 2])
def test_engines_agree_on_photos(threads: int, shared: Path) -> None:
    """ONNX Runtime and torch agree with the oracle in double precision to 1e-5 relative.

    float32 has 6e-8, and the sums of a layer, with some thousand terms, lose two digits of it.
    """
    torch_runner = pytest.importorskip("eyediff.engines.torch_runner")
    network = lpips.Network(MINI, *load_mini())
    found = [photo[:96, :80] for photo in photos(shared)]
    a, b = np.stack(found[:2]), np.stack(found[2:])
    oracle = NetworkEngine(NumpyRunner(), network).distances(a, b)
    for runner in (OnnxRunner("cpu", threads), torch_runner.TorchRunner("cpu")):
        np.testing.assert_allclose(NetworkEngine(runner, network).distances(a, b), oracle, rtol=1e-5)


def test_no_decode_file_crashes_or_hangs(shared: Path) -> None:
    """Every file of the collections is read as an image, or refused in one line that begins with its name."""
    outcomes = {"read": 0, "refused": 0}
    for path in sorted(path for path in (shared / "images/decode").rglob("*") if path.is_file()):
        try:
            found = images.read(path, max_pixels=20_000_000)
        except ImageError as error:
            assert str(error).startswith(f"{path}: ") and str(error).isprintable()
            outcomes["refused"] += 1
        else:
            assert found.pixels.ndim == 3 and found.pixels.shape[2] == 3
            outcomes["read"] += 1
    assert outcomes["read"] > 200 and outcomes["refused"] > 14


def test_pngsuite_by_names_and_by_opencv(shared: Path) -> None:
    """Images have the size, depth and gray that the names of the suite document.

    They have the pixels of a second decoder where it gives them completely: files without transparency or palette.
    test_pngsuite.py of the images checks all files against the standard.
    """
    cv2 = pytest.importorskip("cv2")
    compared = 0
    for path in sorted((shared / "images/decode/pngsuite").glob("[!xP]*.png")):
        image, name = images.read(path), path.stem
        colour, depth = name[4], int(name[6:8])
        assert image.pixels.dtype == (np.uint16 if depth == 16 else np.uint8), name
        if name[0] == "s":
            assert image.pixels.shape[:2] == (int(name[1:3]),) * 2, name
        if colour in "02" and image.over_white is None and name != "exif2c08":  # this file states its rotation
            assert colour == "2" or (image.pixels == image.pixels[..., :1]).all(), name
            other = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
            np.testing.assert_array_equal(image.pixels, other[..., ::-1], name)
            compared += 1
    assert compared == 75


def test_noise_is_no_photo_and_obeys(tmp_path: Path, engines: dict[str, Engine]) -> None:
    """A file of noise that is written and read scores as identical in every metric.

    This test does not need the photos.
    """
    (tmp_path / "x.png").write_bytes(png(noise(200, 180), RGB))
    read = images.read(tmp_path / "x.png").pixels[None]
    for name, metric in engines.items():
        np.testing.assert_array_equal(metric.distances(read, noise(200, 180)[None]), [parse_metric(name).info.identity])

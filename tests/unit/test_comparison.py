"""Tests of the Python API: paths, PIL images and arrays, one metric for many images, and folders."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff import defaults, errors
from eyediff.cli import run
from eyediff.engines.cpu_engine import engine_name
from eyediff.engines.network_engine import NetworkEngine
from eyediff.records import Failure, ScoredPair

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BEFORE, AFTER = EXAMPLES / "before" / "cat.png", EXAMPLES / "after" / "cat.png"


@pytest.fixture
def seeded(tmp_path: Path) -> eyediff.Metric:
    """Create LPIPS on SqueezeNet with seeded weights, which need no download."""
    from safetensors.numpy import save_file

    from eyediff.metrics.backbones import SQUEEZE
    from tests.golden.lpips_cases import seeded_parameters

    file = tmp_path / "squeeze.safetensors"
    save_file(seeded_parameters(SQUEEZE), file)
    return eyediff.Metric("lpips-squeeze", weights=file, trust=True, device="cpu")


def test_paths_images_and_arrays_are_the_same_images() -> None:
    """A path, a PIL image and arrays of every storage type give one score."""
    whole = eyediff.distance(BEFORE, str(AFTER), "psnr")
    with Image.open(BEFORE) as a, Image.open(AFTER) as b:
        pixels = [np.asarray(image.convert("RGB")) for image in (a, b)]
        assert eyediff.distance(a, b, "psnr") == whole
    assert eyediff.distance(*pixels, "psnr") == whole
    assert eyediff.distance(*(x.astype(np.uint16) * 257 for x in pixels), "psnr") == pytest.approx(whole, rel=1e-12)
    # float32 has 24 bits: it rounds each level by 1e-7, and the mean difference is 1e-2
    for low, high in ((0, 1), (-1, 1), (0, 255)):
        scaled = [x / 255 * (high - low) + low for x in pixels]
        assert eyediff.distance(*scaled, "psnr", range=(low, high)) == pytest.approx(whole, rel=1e-5)


def test_floats_without_a_range_are_refused() -> None:
    """Floats without a range are the most frequent mistake of users.

    The error states the range of the values and the argument to add.
    """
    a = np.zeros((8, 8, 3)) + np.linspace(0, 255, 3)
    with pytest.raises(errors.RangeError, match=r"candidate: .*0 to 255.*range=\(0, 255\)"):
        eyediff.distance(BEFORE, a, "l2")


def test_a_metric_keeps_what_it_is(seeded: eyediff.Metric) -> None:
    """A metric has its name, version, engine and hash of the weights, which can be printed beside a score."""
    assert (seeded.name, seeded.version, seeded.higher_is_better) == ("lpips-squeeze", "0.1", False)
    assert seeded.engine.startswith(("native", "onnxruntime"))
    assert seeded.weights_sha256 is not None and len(seeded.weights_sha256) == 64
    assert "lpips-squeeze" in repr(seeded)


def test_the_distance_is_the_sum_of_its_layers_and_of_the_embeddings(seeded: eyediff.Metric) -> None:
    """The distance is the sum of the layers' shares, and it equals |e(a) - e(b)|^2.

    The tolerance of 1e-5 allows for float32 sums of some 10,000 values.
    """
    distance = seeded.distance(BEFORE, AFTER)
    assert distance > 0
    assert seeded.layers(BEFORE, AFTER).sum() == pytest.approx(distance, rel=1e-12)
    a, b = np.asarray(seeded.embed([BEFORE, AFTER]), np.float64)
    assert (a - b) @ (a - b) == pytest.approx(distance, rel=1e-5)


def test_the_map_has_the_size_of_the_image_and_lies_around_the_distance(seeded: eyediff.Metric) -> None:
    """The map has the size of the image.

    Enlarging changes its mean only near the borders: here by less than a tenth.
    """
    found = seeded.map(BEFORE, AFTER)
    assert found.shape == (256, 256) and found._repr_png_(), "a notebook shows it as a picture"
    assert found.mean() == pytest.approx(seeded.distance(BEFORE, AFTER), rel=0.1)


def test_a_matrix_equals_pair_by_pair(seeded: eyediff.Metric) -> None:
    """A matrix from N passes and a product equals N x N calls.

    It is symmetric, its diagonal is 0, and a duplicate has distance 0.
    """
    paths = [BEFORE, AFTER, EXAMPLES / "before" / "coffee.png", BEFORE]
    found = seeded.matrix(paths)
    by_hand = [[seeded.distance(a, b) for b in paths] for a in paths]
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)
    np.testing.assert_array_equal(found, found.T)
    assert (found.diagonal() == 0).all()
    assert found[0, 3] == 0


def test_batches_need_one_size(seeded: eyediff.Metric) -> None:
    """Batches of different sizes are refused with both sizes.

    Images that are too small for the network are refused too.
    """
    small, large = np.zeros((2, 20, 20, 3), np.uint8), np.zeros((2, 24, 20, 3), np.uint8)
    assert seeded.distances(small, small).tolist() == [0, 0]
    with pytest.raises(errors.SizeError, match=r"20x20.*20x24"):
        seeded.distances(small, large)
    with pytest.raises(errors.SizeError, match="at least 17 pixels"):
        seeded.distances(small[:, :16], small[:, :16])


def test_sizes_that_differ_are_told_without_settings_that_are_not_there() -> None:
    """The error of `distance` does not mention `size`, because `distance` has no such parameter.

    Batches of 2 and 1 images are refused for their number, not for their size.
    """
    black = np.zeros((2, 16, 16, 3), np.uint8)
    with pytest.raises(
        errors.SizeError, match=r"differ in size: .* is 16x16, candidate is 16x15; resize or crop"
    ) as caught:
        eyediff.distance(black[0], black[0, 1:], "psnr")
    assert not caught.value.settings
    with pytest.raises(errors.UsageError, match="2 references, but 1 candidates"):
        eyediff.Metric("psnr").distances(black, black[:1])


def test_a_url_is_an_image() -> None:
    """A text that is a URL is read through fsspec. A scheme that no library opens is a usage error."""
    files = pytest.importorskip("fsspec").filesystem("memory")
    files.pipe("/cat.png", AFTER.read_bytes())
    assert eyediff.distance(BEFORE, "memory://cat.png", "psnr") == eyediff.distance(BEFORE, AFTER, "psnr")
    with pytest.raises(errors.UsageError, match="nothing:// cannot be opened"):
        eyediff.distance(BEFORE, "nothing://cat.png", "psnr")


def test_a_limit_of_pixels_is_a_parameter() -> None:
    """`compare` and `table` have the parameter `max_pixels`."""
    (row,) = eyediff.compare(BEFORE, AFTER, ["psnr"], max_pixels=99).rows
    assert isinstance(row, Failure) and "more than the limit of 99 pixels" in row.message
    with pytest.raises(errors.UsageError, match="max_pixels=0"):
        eyediff.table(BEFORE.parent, {"after": AFTER.parent}, ["psnr"], max_pixels=0)


def test_transparent_images_get_the_worse_of_two_grounds(tmp_path: Path) -> None:
    """A transparent image is scored on black and on white, and the worse score counts.

    A black shape equals an empty image on black and differs on white. A map of transparent images is refused.
    """
    shape, nothing = np.zeros((16, 16, 4), np.uint8), np.zeros((16, 16, 4), np.uint8)
    shape[4:12, 4:12, 3] = 255
    a, b = Image.fromarray(shape), Image.fromarray(nothing)
    assert eyediff.distance(a, b, "l2") == pytest.approx(0.25)
    assert eyediff.distance(a, b, "psnr") == pytest.approx(10 * np.log10(4))
    with pytest.raises(errors.UsageError, match="transparent"):
        eyediff.Metric("lpips-squeeze@0.0", weights=_blank(tmp_path), trust=True).map(a, b)


def _blank(folder: Path) -> Path:
    from safetensors.numpy import save_file

    from eyediff.metrics.backbones import SQUEEZE

    file = folder / "blank.safetensors"
    save_file({name: np.zeros(shape, np.float32) for name, shape in SQUEEZE.shapes.items()}, file)
    return file


def test_what_a_metric_cannot_do_is_said() -> None:
    """PSNR refuses `layers`, `map` and weights, and the error states that PSNR has none."""
    metric = eyediff.Metric("psnr")
    with pytest.raises(errors.UsageError, match=r"psnr does not support `layers`; use an lpips"):
        metric.layers(BEFORE, AFTER)
    with pytest.raises(errors.UsageError, match=r"psnr has no map; the metrics with a map are lpips-mini, .*ssim"):
        metric.map(BEFORE, AFTER)
    with pytest.raises(errors.UsageError, match="no weights"):
        eyediff.Metric("psnr", weights=BEFORE)


def test_unknown_metrics_and_versions_are_named() -> None:
    """The error for an unknown metric suggests a similar name.

    The error for an unknown version lists the known versions.
    """
    with pytest.raises(errors.UnknownMetricError, match="did you mean 'lpips-squeeze'"):
        eyediff.Metric("lpips-sqeeze")
    with pytest.raises(errors.UnknownMetricError, match=r"lpips@0\.1, lpips@0\.0"):
        eyediff.Metric("lpips@0.2")


def test_compare_gives_rows_and_a_summary(tmp_path: Path) -> None:
    """Folders are matched by file name.

    Each pair gives a row in order, and a failure has a reason. The summary lists files without a partner.
    """
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for name in ("cat", "coffee"):
            (tmp_path / side / f"{name}.png").write_bytes((EXAMPLES / "before" / f"{name}.png").read_bytes())
    (tmp_path / "b" / "coffee.png").write_bytes(b"no picture")
    (tmp_path / "b" / "more.png").write_bytes(BEFORE.read_bytes())
    result = eyediff.compare(tmp_path / "a", tmp_path / "b", ["psnr", "ssim"])
    same, broken = result.rows
    assert isinstance(same, ScoredPair) and dict(same.scores) == {"psnr": float("inf"), "ssim": 1.0}
    assert isinstance(broken, Failure) and broken.stage == "read" and "coffee.png" in broken.message
    assert [item.path.name for item in result.summary.unmatched] == ["more.png"]
    assert (result.summary.count, result.summary.failed) == (2, 1)


def test_what_a_comparison_used_goes_with_it(tmp_path: Path) -> None:
    """No reference cycle keeps weights or sessions alive until the garbage collector runs."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (32, 32)).save(tmp_path / name)
    gc.collect()
    gc.disable()
    try:
        eyediff.compare(tmp_path / "a.png", tmp_path / "b.png", ["lpips-mini", "ssim", "fsim"])
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kinds = {f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.garbage}
        assert not [kind for kind in kinds if kind.startswith(("eyediff", "onnxruntime", "numpy"))]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_importing_loads_neither_torch_nor_onnxruntime() -> None:
    """Importing eyediff loads no slow package, because a program that imports eyediff may never call it."""
    code = (
        "import sys, eyediff; dir(eyediff)\n"
        "print(sorted({'torch', 'onnxruntime', 'onnx', 'PIL', 'numpy', 'rich', 'typer'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_the_version_needs_no_numpy() -> None:
    """A call that computes nothing does not import numpy, so it answers in a tenth of a second."""
    code = "import sys\nfrom eyediff.cli import run\nrun(['--version'])\nprint('numpy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split()[-1] == "False"


def test_comparing_loads_no_torch() -> None:
    """A comparison does not import torch, even if torch is installed."""
    code = (
        "import sys, eyediff\n"
        f"eyediff.compare({str(BEFORE)!r}, {str(AFTER)!r}, ['psnr', 'ssim'])\n"
        "print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"


@pytest.mark.skipif(engine_name() != "native", reason="ONNX Runtime computes networks and SSIM here")
def test_the_native_engine_needs_no_onnxruntime(tmp_path: Path) -> None:
    """The command imports no slow package that it does not use."""
    code = (
        "import sys, numpy\n"
        "before = set(sys.modules)\n"  # numpy 1 imports numpy.ma itself
        "from eyediff.cli import run\n"
        f"code = run(['compare', {str(BEFORE)!r}, {str(AFTER)!r}, '-o', {str(tmp_path / 'x.csv')!r}])\n"
        "heavy = {'torch', 'onnxruntime', 'onnx', 'numpy.ma', 'rich', 'matplotlib', 'scipy', 'eyediff.votes', 'ssl', "
        "'pydantic', 'PIL.ImageDraw'}\n"
        "print(code, sorted(heavy & set(sys.modules) - before))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip().endswith("0 []")


@pytest.mark.parametrize("enabled", [True, False])
def test_a_command_leaves_the_garbage_collector_as_it_was(enabled: bool) -> None:
    """A command leaves the garbage collector as it was, because a program may call the command in its own process."""
    (gc.enable if enabled else gc.disable)()
    try:
        for arguments, code in ((["protocols"], 0), (["compare", "missing", "missing"], 2)):
            assert run(arguments) == code
            assert gc.isenabled() is enabled and gc.get_freeze_count() == 0
    finally:
        gc.enable()


def test_all_names_exist() -> None:
    """Every name in `__all__` can be imported.

    An unknown name raises AttributeError, and `dir` lists no internal class.
    """
    for name in eyediff.__all__:
        assert getattr(eyediff, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'distanse'"):
        _ = eyediff.distanse
    assert NetworkEngine.__name__ not in dir(eyediff)


def test_a_white_mask_of_another_size_is_refused() -> None:
    """A mask of another size is refused, even if all its pixels count, because it belongs to other images."""
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(errors.SizeError, match=r"3x3|\(3, 3\)"):
        eyediff.distance(image, image, "psnr", mask=np.ones((3, 3), bool))


def test_one_metric_is_a_name(tmp_path: Path) -> None:
    """A metric given as text equals a list of one name. The text is not split into letters or at commas."""
    black, gray = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 9, np.uint8)
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file, image in zip(files, (black, gray), strict=True):
        Image.fromarray(image).save(file)
    assert eyediff.scores(black, gray, "psnr") == eyediff.scores(black, gray, ["psnr"])
    assert eyediff.scores(black, gray, "psnr", protocol="derain").keys() == {"psnr@y8"}
    assert eyediff.compare(*files, "psnr").rows == eyediff.compare(*files, ["psnr"]).rows
    for name in ("psnx", "psnr,ssim"):
        with pytest.raises(errors.UnknownMetricError, match=f"{name}'"):
            eyediff.compare(*files, name)


def test_files_count_against_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoded bytes of a file count against the memory limit before any pixel is decoded, as in `compare`.

    The files of a list count together. Arrays do not count.
    """
    fits, large = tmp_path / "fits.png", tmp_path / "large.png"
    Image.new("RGB", (100, 100)).save(fits)
    Image.new("RGB", (100, 101)).save(large)
    metric = eyediff.Metric("lpips-mini", memory="512MB", device="cpu")
    monkeypatch.setattr(defaults, "LIBRARIES", defaults.LEAST_MEMORY - 2 * 30_000)
    assert metric.distance(fits, fits) == metric.distances([fits], [fits])[0] == 0
    assert metric.map(fits, fits).max() == 0 and len(metric.embed(fits)) == 1
    for call in (
        lambda: metric.distance(fits, large),
        lambda: metric.distance(large.read_bytes(), fits),
        lambda: metric.distances([large], [large]),
        lambda: metric.distances([fits, fits], [fits, fits]),
        lambda: metric.map(large, large),
        lambda: metric.layers(large, large),
        lambda: metric.embed([fits, fits]),
        lambda: metric.matrix([fits, fits]),
        lambda: metric.distance(metric.embed(fits), large),
    ):
        with pytest.raises(errors.ImageError, match="decoded, but the memory limit leaves 0 MB for it"):
            call()
    several = np.zeros((2, 100, 100, 3), np.uint8)
    assert not metric.distances(several, list(several)).any()
    monkeypatch.setattr(defaults, "memory", lambda: defaults.LEAST_MEMORY)
    for measure in (eyediff.scores, eyediff.explain):
        with pytest.raises(errors.ImageError, match="the memory limit leaves"):
            measure(large, large)


def test_what_has_no_masks_refuses_masked_arrays() -> None:
    """`layers`, `map` and `explain` would count the masked pixels, so they refuse such arrays."""
    plain = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    masked = np.ma.masked_array(plain, np.arange(40)[:, None, None] + np.zeros_like(plain) < 20)
    metric = eyediff.Metric("lpips-mini")
    for call in (metric.layers, metric.map, eyediff.explain):
        for pair in ((masked, plain), (plain, masked)):
            with pytest.raises(errors.RangeError, match="masked arrays are not supported here"):
                call(*pair)
    assert metric.distance(masked, 255 - plain) != metric.distance(plain, 255 - plain)
    half = eyediff.scores(plain[20:], 255 - plain[20:], ["psnr"])
    assert eyediff.scores(masked, 255 - plain, ["psnr"]) == pytest.approx(half)


def test_an_embedding_reaches_another_process() -> None:
    """A copy gives the same distances and vectors."""
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)
    metric = eyediff.Metric("lpips-mini")
    embedding = metric.embed(images)
    for copied in (pickle.loads(pickle.dumps(embedding)), copy.deepcopy(embedding)):  # noqa: S301
        np.testing.assert_array_equal(np.asarray(copied), np.asarray(embedding))
        assert metric.distances(copied[:1], images[1:]) == metric.distances(embedding[:1], images[1:])
    with pytest.raises(errors.UsageError, match="references: the list has an embedding"):
        metric.distances([embedding[0]], [images[1]])


@pytest.mark.parametrize("call", ["size", "missing", "index_by"])
def test_a_value_that_is_not_listed_is_refused(call: str, tmp_path: Path) -> None:
    """In an earlier version, other texts counted as one of the listed values."""
    folder = EXAMPLES / "before"
    with pytest.raises(errors.UsageError) as caught:
        if call == "size":
            eyediff.matrix(folder, metric="lpips-mini", size="pad")  # type: ignore[arg-type]
        elif call == "missing":
            eyediff.table(folder, {"m": EXAMPLES / "after"}, metrics=["psnr"], missing="strict")  # type: ignore[arg-type]
        else:
            eyediff.nearest(BEFORE, folder, index=tmp_path / "index", index_by="size")  # type: ignore[arg-type]
    assert [setting.name for setting in caught.value.settings] == [call]


@pytest.mark.parametrize("types", [(">f8", "<f8"), (">f4", "f8"), (">f8", "u1"), ("f2", ">f4")])
def test_the_byte_order_of_floats_is_no_matter(types: tuple[str, str]) -> None:
    """The range applies to the float arrays, in any byte order."""
    a, b = np.full((16, 16, 3), 0.25), np.full((16, 16, 3), 0.5)
    expected = eyediff.distance(a, np.full((16, 16, 3), 127, np.uint8) if types[1] == "u1" else b, "l2", range=(0, 1))
    second = np.full((16, 16, 3), 127, np.uint8) if types[1] == "u1" else b.astype(types[1])
    assert eyediff.distance(a.astype(types[0]), second, "l2", range=(0, 1)) == expected

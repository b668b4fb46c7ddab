"""Tests of the metric `cvvdp`, which a package computes: the calls of the package, and the errors without it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import eyediff
from eyediff import cli
from eyediff.errors import MissingModuleError, UsageError
from eyediff.metrics import cvvdp
from eyediff.metrics.registry import METRICS
from eyediff.optional import is_installed

from .made import noisy_pair

A, B = noisy_pair(1, 2, 40, 48)


class Source:
    """A stand-in for the object that the package makes from two images."""

    def __init__(self, candidate: Any, reference: Any, rate: int, dim_order: str, display_photometry: str) -> None:
        assert (rate, dim_order, display_photometry) == (0, "HWC", "light of standard_fhd")
        self.images, self.warning_shown = (candidate, reference), False


class Predictor:
    """A stand-in for the metric of the package.

    The score is 10 minus the mean of reference - candidate, which has a sign.
    """

    def __init__(self, display_name: str, device: Any, quiet: bool) -> None:
        assert device.type == "cpu" and quiet
        self.display_photometry = f"light of {display_name}"

    def predict_video_source(self, source: Source) -> tuple[Any, dict[str, Any]]:
        assert source.warning_shown
        candidate, reference = source.images
        return np.float32(10 - (reference.astype(float) - candidate).mean()), {}


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Create a stand-in for the package. Like the package, it adds its folder to the search path."""
    (tmp_path / "pycvvdp").mkdir()
    (tmp_path / "pycvvdp/__init__.py").write_text(
        "import os, sys\nsys.path.append(os.path.dirname(__file__))\nfrom pycvvdp.stand_in import cvvdp\n"
    )
    for name, content in (("stand_in", {"cvvdp": Predictor}), ("video_source", {"video_source_array": Source})):
        module = ModuleType(f"pycvvdp.{name}")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "pycvvdp", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(cvvdp, "version", lambda name: {"cvvdp": "9.8"}[name])
    yield tmp_path / "pycvvdp"
    sys.modules.pop("pycvvdp", None)


def test_what_the_package_is_asked(package: Path) -> None:
    """The package gets reference and candidate in the right order, pair by pair.

    The engine is named by the versions of the packages. The version of the metric is the display. The search path does
    not keep the folder of the package.
    """
    pytest.importorskip("torch")
    metric = eyediff.Metric("cvvdp@standard_fhd")
    expected = [10 - (a.astype(float) - b).mean() for a, b in zip(A, B, strict=True)]
    np.testing.assert_allclose(metric.distances(A, B), expected, rtol=1e-6)
    assert metric.distance(A[0], A[0]) == METRICS["cvvdp"].identity == 10
    _, about = cvvdp.load("standard_4k")
    assert about.startswith("cvvdp 9.8 on torch ") and about.endswith(" cpu")
    assert str(package) not in sys.path


@pytest.mark.parametrize("missing", ["pycvvdp", "torchvision"])
def test_a_missing_package_is_told_before_any_work(
    missing: str, package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A missing package, or a missing package that it imports, is reported before any work.

    The error is one line that names the extra. The exit code is 2, and there is no output.
    """
    (package / "__init__.py").write_text("import torchvision\n")
    monkeypatch.setitem(sys.modules, missing, None)
    output = tmp_path / "out.csv"
    assert cli.run(["compare", "no-such-a", "no-such-b", "-m", "cvvdp"]) == 2
    capsys.readouterr()
    images = [str(tmp_path / f"{side}.png") for side in "ab"]
    from PIL import Image

    for path, pixels in zip(images, (A[0], B[0]), strict=True):
        Image.fromarray(pixels).save(path)
    assert cli.run(["compare", *images, "-m", "psnr,cvvdp", "-o", str(output)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "pip install 'eyediff[cvvdp]'" in said and not output.exists()
    with pytest.raises(MissingModuleError):
        eyediff.Metric("cvvdp")


def test_a_broken_package_is_told(package: Path) -> None:
    """A package that cannot be imported is reported.

    For example, a torchvision for another torch raises a RuntimeError when it is imported.
    """
    (package / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    with pytest.raises(UsageError, match=r"RuntimeError: operator torchvision::nms does not exist.*fit together"):
        eyediff.Metric("cvvdp")


def test_a_peak_is_refused() -> None:
    """`cvvdp@peak` is refused, because the metric has no map."""
    with pytest.raises(UsageError, match="has no map"):
        eyediff.Metric("cvvdp@peak")


def test_the_package_itself() -> None:
    """The score equals that of a direct call to the last bit, and is 10 for equal images.

    Images with the smallest side have a score, too.
    """
    if not is_installed("pycvvdp"):
        pytest.skip("the package cvvdp is not installed")
    torch, direct = pytest.importorskip("torch"), cvvdp.import_package()
    for display in METRICS["cvvdp"].versions:
        predictor = direct.cvvdp(display_name=display, device=torch.device("cpu"), quiet=True)
        metric = eyediff.Metric(f"cvvdp@{display}")
        with torch.inference_mode():
            expected = [float(predictor.predict(b, a, dim_order="HWC")[0]) for a, b in zip(A, B, strict=True)]
        np.testing.assert_array_equal(metric.distances(A, B), expected)
        assert (metric.distances(A, A.copy()) == 10).all()
        side = cvvdp.SMALLEST_SIDE
        assert np.isfinite(metric.distance(A[0, :side, :side], B[0, :side, :side]))

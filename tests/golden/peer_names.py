"""Writes names.json: `peer_names.py`. The file has the scores of the libraries of docs/names.md for names_cases.py.

PYTHONPATH must contain this repository and its src, torchmetrics 1.9.0, piq 0.8.0, scikit-image 0.26.0, kornia 0.9.0,
pyiqa 0.1.16, pytorch-msssim 1.0.0, basicsr 1.4.2, lpips 0.1.4, and a torchvision.

The networks get the seeded parameters of lpips_cases.py. They get the published linear weights from `lpips`, because
piq and pyiqa download theirs. pyiqa and basicsr import packages that the functions here never call. `NOT_CALLED` lists
the packages that are replaced by empty modules if they are not installed.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import torch
import torchmetrics.image as tm
import torchvision
from torch import Tensor, nn

from eyediff.metrics.backbones import ALL_TRUNKS
from tests.golden.lpips_cases import seeded_parameters
from tests.golden.names_cases import EVEN, LARGE, ODD, SCALES, SMALL, images, levels, volumes

NOT_CALLED = ("torchvision.utils", "torchvision.transforms.functional", "huggingface_hub")


def stand_in(name: str) -> None:
    """Create a module in which every name is a function that returns None."""
    module = types.ModuleType(name)
    module.__dict__["__getattr__"] = lambda _: lambda *_, **__: None
    sys.modules[name] = module


def skip_initialisation(*packages: str) -> None:
    """Make the modules of a package importable without its __init__.py, which imports all modules of the package."""
    for package in packages:
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.submodule_search_locations is not None
        module = types.ModuleType(package)
        module.__path__ = list(found.submodule_search_locations)
        sys.modules[package] = module


for absent in NOT_CALLED:
    try:
        importlib.import_module(absent)
    except ImportError:
        stand_in(absent)
sys.modules.setdefault("torchvision.models.vgg", torchvision.models)
skip_initialisation("basicsr", "basicsr.archs", "basicsr.losses", "basicsr.utils")

import kornia  # noqa: E402 - pyiqa and basicsr need what stands above
import piq  # noqa: E402
import pyiqa  # noqa: E402
import pytorch_msssim  # noqa: E402
from basicsr.losses.basic_loss import PerceptualLoss  # noqa: E402
from skimage import metrics as sk  # noqa: E402

HEADS = Path(lpips.__file__).parent / "weights/v0.1"


def seeded(module: nn.Module, net: str) -> nn.Module:
    """Give every convolution of a backbone the seeded parameters, in order. Other parameters do not change."""
    parameters = iter(seeded_parameters(ALL_TRUNKS[net]).values())
    for conv in (part for part in module.modules() if isinstance(part, nn.Conv2d)):
        conv.weight.data, conv.bias.data = (torch.from_numpy(next(parameters)) for _ in range(2))
    return module


def published(net: str) -> dict[str, Tensor]:
    """Return the linear weights of LPIPS 0.1."""
    found: dict[str, Tensor] = torch.load(HEADS / f"{net}.pth", map_location="cpu", weights_only=True)
    return found


def tensors(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    x, y = (torch.from_numpy(image) for image in images(rows, columns))
    return x, y


X, Y = tensors(*SMALL)
A, B = levels()
VOLUMES = [torch.from_numpy(volume) for volume in volumes()]


def each(metric: Callable[[Tensor, Tensor], Tensor], *sizes: tuple[int, int]) -> list[float]:
    """Return the result of a function for each pair of these sizes. Each call gets one pair."""
    pairs = [pair for size in sizes or (SMALL,) for pair in zip(*tensors(*size), strict=True)]
    return [float(metric(x[None], y[None])) for x, y in pairs]


def torchmetrics_lpips(net: str, scaled: bool, **options: Any) -> list[float]:
    metric = tm.lpip.LearnedPerceptualImagePatchSimilarity(net_type=net, **options)
    seeded(metric.net.net, net)
    return [float(metric(X, Y) if scaled else metric(2 * X - 1, 2 * Y - 1))]


def pyiqa_lpips(name: str, net: str) -> list[float]:
    metric = pyiqa.create_metric(name, pretrained=False, device="cpu")
    assert not metric.net.load_state_dict(published(net), strict=False).unexpected_keys
    seeded(metric.net.net, net)
    return metric(X, Y).flatten().tolist()


def piq_content(loss: nn.Module) -> list[float]:
    seeded(loss.model, "vgg")
    return loss(X, Y).tolist()


def piq_lpips() -> list[float]:
    torch.hub.load_state_dict_from_url = lambda *_, **__: list(published("vgg").values())
    return piq_content(piq.LPIPS(reduction="none"))


def basicsr_loss() -> list[float]:
    loss = PerceptualLoss({"conv5_4": 1})
    seeded(loss.vgg.vgg_net, "vgg19")
    return [float(loss(X, Y)[0])]


def by_scikit_image(function: Callable[..., Any], **options: Any) -> list[float]:
    return [float(function(a, b, **options)) for a, b in zip(A, B, strict=True)]


WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
GRAY = {"data_range": 1.0, **WANG}
W = torch.tensor(SCALES)

SAID: Mapping[str, Mapping[str, Callable[[], Iterable[float]]]] = {
    "torchmetrics": {
        'LearnedPerceptualImagePatchSimilarity(net_type="alex")': lambda: torchmetrics_lpips("alex", False),
        'LearnedPerceptualImagePatchSimilarity(net_type="squeeze", normalize=True)': lambda: torchmetrics_lpips(
            "squeeze", True, normalize=True
        ),
        'LearnedPerceptualImagePatchSimilarity(reduction="sum")': lambda: torchmetrics_lpips(
            "alex", False, reduction="sum"
        ),
        "StructuralSimilarityIndexMeasure(data_range=1.0)": lambda: each(
            tm.StructuralSimilarityIndexMeasure(data_range=1.0)
        ),
        "StructuralSimilarityIndexMeasure(gaussian_kernel=False, kernel_size=7, data_range=1.0)": lambda: each(
            tm.StructuralSimilarityIndexMeasure(gaussian_kernel=False, kernel_size=7, data_range=1.0)
        ),
        "StructuralSimilarityIndexMeasure(data_range=1.0) of volumes": lambda: [
            float(tm.StructuralSimilarityIndexMeasure(data_range=1.0)(x[None], y[None]))
            for x, y in zip(*VOLUMES, strict=True)
        ],
        'MultiScaleStructuralSimilarityIndexMeasure(betas=w, normalize="relu", data_range=1.0)': lambda: each(
            tm.MultiScaleStructuralSimilarityIndexMeasure(betas=SCALES, normalize="relu", data_range=1.0), EVEN, ODD
        ),
        "PeakSignalNoiseRatio(data_range=1.0)": lambda: [float(tm.PeakSignalNoiseRatio(data_range=1.0)(X, Y))],
    },
    "piq": {
        'piq.LPIPS(reduction="none")': piq_lpips,
        "piq.ssim(x, y, downsample=False)": lambda: each(lambda x, y: piq.ssim(x, y, downsample=False), SMALL, LARGE),
        "piq.ssim(x, y)": lambda: each(piq.ssim, SMALL, LARGE),
        "piq.SSIMLoss()": lambda: each(piq.SSIMLoss(), SMALL, LARGE),
        "piq.multi_scale_ssim(x, y, scale_weights=w)": lambda: each(
            lambda x, y: piq.multi_scale_ssim(x, y, scale_weights=2 * W), EVEN, ODD
        ),
        "piq.psnr(x, y)": lambda: [*each(piq.psnr), float(piq.psnr(X, X))],
        "piq.gmsd(x, y)": lambda: each(piq.gmsd),
        "piq.fsim(x, y, chromatic=False)": lambda: each(lambda x, y: piq.fsim(x, y, chromatic=False)),
        "piq.fsim(x, y)": lambda: each(piq.fsim),
        'piq.ContentLoss(layers=("relu3_3",))': lambda: piq_content(
            piq.ContentLoss(layers=("relu3_3",), reduction="none")
        ),
        'piq.StyleLoss(layers=("relu3_3",))': lambda: piq_content(piq.StyleLoss(layers=("relu3_3",), reduction="none")),
    },
    "basicsr": {'basicsr.losses.PerceptualLoss({"conv5_4": 1})': basicsr_loss},
    "scikit-image": {
        "structural_similarity(a, b, channel_axis=2)": lambda: by_scikit_image(
            sk.structural_similarity, channel_axis=2
        ),
        "structural_similarity(a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)": (
            lambda: by_scikit_image(sk.structural_similarity, channel_axis=2, **WANG)
        ),
        "the same on a volume, without channel_axis": lambda: [
            float(sk.structural_similarity(x[0].double().numpy(), y[0].double().numpy(), **GRAY))
            for x, y in zip(*VOLUMES, strict=True)
        ],
        "structural_similarity(..., full=True)": lambda: np.concatenate(
            [
                sk.structural_similarity(a, b, channel_axis=2, full=True, **WANG)[1].mean(2)[20, 6:43:6]
                for a, b in zip(A, B, strict=True)
            ]
        ),
        "peak_signal_noise_ratio(a, b)": lambda: by_scikit_image(sk.peak_signal_noise_ratio),
        "mean_squared_error(a, b)": lambda: by_scikit_image(sk.mean_squared_error),
    },
    "kornia": {
        "kornia.losses.ssim_loss(x, y, 11)": lambda: each(lambda x, y: kornia.losses.ssim_loss(x, y, 11)),
        'kornia.losses.ssim_loss(x, y, 11, padding="valid")': lambda: each(
            lambda x, y: kornia.losses.ssim_loss(x, y, 11, padding="valid")
        ),
        'kornia.metrics.ssim(x, y, 11, padding="valid")': lambda: (
            kornia.metrics.ssim(X, Y, 11, padding="valid").mean(1)[:, 20, ::6].flatten().tolist()
        ),
        "kornia.losses.psnr_loss(x, y, 1.0)": lambda: [float(kornia.losses.psnr_loss(X, Y, 1.0))],
    },
    "pyiqa": {
        'create_metric("lpips")': lambda: pyiqa_lpips("lpips", "alex"),
        'create_metric("lpips-vgg")': lambda: pyiqa_lpips("lpips-vgg", "vgg"),
        'create_metric("ssimc")': lambda: each(pyiqa.create_metric("ssimc")),
        'create_metric("ssim")': lambda: each(pyiqa.create_metric("ssim")),
        'create_metric("ms_ssim")': lambda: each(pyiqa.create_metric("ms_ssim"), EVEN, ODD),
        'create_metric("psnr")': lambda: each(pyiqa.create_metric("psnr")),
        'create_metric("psnry")': lambda: each(pyiqa.create_metric("psnry")),
        'create_metric("psnry", color_space="ycbcr")': lambda: each(pyiqa.create_metric("psnry", color_space="ycbcr")),
    },
    "pytorch-msssim": {
        "ssim(x, y, data_range=1, size_average=False)": lambda: pytorch_msssim.ssim(
            X, Y, data_range=1, size_average=False
        ).tolist(),
        "ssim(x, y, data_range=1, size_average=False, nonnegative_ssim=True)": lambda: pytorch_msssim.ssim(
            X, Y, data_range=1, size_average=False, nonnegative_ssim=True
        ).tolist(),
        "ms_ssim(x, y, data_range=1, weights=w)": lambda: each(
            lambda x, y: pytorch_msssim.ms_ssim(x, y, data_range=1, weights=SCALES), EVEN, ODD
        ),
    },
}


def main() -> None:
    """Compute the scores of each library for each row of the page, and write the file."""
    logging.disable()
    found = {}
    with torch.no_grad():
        for library, rows in SAID.items():
            found[library] = {row: [float(f"{score:.10g}") for score in say()] for row, say in rows.items()}
    (Path(__file__).parent / "names.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

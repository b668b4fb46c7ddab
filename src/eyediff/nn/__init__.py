"""Perceptual distances as torch modules, for training. They need torch: pip install 'eyediff[torch]'

    loss = eyediff.nn.LPIPS("vgg")
    loss(output, target).backward()

All modules take N x C x H x W tensors with values in a stated range. Their argument `reduction` has the same meaning
as that of torch's own losses. A loss is lower if images are more similar. `score` returns the metric itself, one value
for each pair.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ..optional import import_optional

import_optional("torch", "eyediff.nn")  # before other imports, so that a user without torch reads a short message

from .classical import DSSIM, L2, MSSSIM, PSNR, SSIM, SSIM3D
from .distance import LPIPS, Prepared
from .perceptual import PerceptualLoss
from .presets import load_perceptual_loss
from .texture import DISTS
from .whole_images import FLIP, GMSD, MDSI, MSGMSD, SSIMULACRA2, VIF, HaarPSI

if TYPE_CHECKING:
    from .metric import ModuleMetric

__all__ = [
    "DISTS",
    "DSSIM",
    "FLIP",
    "GMSD",
    "L2",
    "LPIPS",
    "MDSI",
    "MSGMSD",
    "MSSSIM",
    "PSNR",
    "SSIM",
    "SSIM3D",
    "SSIMULACRA2",
    "VIF",
    "HaarPSI",
    "ModuleMetric",
    "PerceptualLoss",
    "Prepared",
    "load_perceptual_loss",
]


def __getattr__(name: str) -> object:
    if name == "ModuleMetric":  # only this class needs torchmetrics
        return importlib.import_module(".metric", __name__).ModuleMetric
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

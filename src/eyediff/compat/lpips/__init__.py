"""Offer the names of the package `lpips` 0.1.4, with the same arguments, shapes and state_dict keys.

    from eyediff.compat import lpips          # in place of: import lpips

eyediff computes the results. docs/compat.md lists the deliberate differences. This package needs torch:
pip install 'eyediff[torch]'
"""

from __future__ import annotations

from ... import nn as _nn  # noqa: F401 - if torch is missing, this import says what to install
from . import pretrained_networks
from . import pretrained_networks as pn
from .heads import NetLinLayer
from .images import (
    im2tensor,
    load_image,
    np2tensor,
    rgb2lab,
    tensor2im,
    tensor2np,
    tensor2tensorlab,
    tensor2vec,
    tensorlab2tensor,
)
from .lpips import DSSIM, L2, LPIPS, BCERankingLoss, Dist2LogitLayer, FakeNet, ScalingLayer, spatial_average, upsample
from .measures import dssim, l2, normalize_tensor, psnr, voc_ap
from .pretrained_networks import print_network
from .trainer import PerceptualLoss, Trainer

__all__ = [
    "DSSIM",
    "L2",
    "LPIPS",
    "BCERankingLoss",
    "Dist2LogitLayer",
    "FakeNet",
    "NetLinLayer",
    "PerceptualLoss",
    "ScalingLayer",
    "Trainer",
    "dssim",
    "im2tensor",
    "l2",
    "load_image",
    "normalize_tensor",
    "np2tensor",
    "pn",
    "pretrained_networks",
    "print_network",
    "psnr",
    "rgb2lab",
    "spatial_average",
    "tensor2im",
    "tensor2np",
    "tensor2tensorlab",
    "tensor2vec",
    "tensorlab2tensor",
    "upsample",
    "voc_ap",
]

"""What users import to train: perceptual distances as torch modules. Needs torch: pip install 'eyediff[torch]'

    loss = eyediff.nn.LPIPS("vgg")
    loss(output, target).backward()

All take N x C x H x W tensors in a stated range, reduce as torch's own losses do, and are lower where images are more
alike; `score` gives the metric itself, one figure a pair.
"""

from __future__ import annotations

try:
    import torch  # noqa: F401 - asked for here, so that the one line below is what a user without it reads
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError("eyediff.nn needs torch: pip install 'eyediff[torch]'", name="torch") from None

from .classical import PSNR, SSIM
from .distance import LPIPS, Prepared
from .perceptual import PerceptualLoss

__all__ = ["LPIPS", "PSNR", "SSIM", "PerceptualLoss", "Prepared"]

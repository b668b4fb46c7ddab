"""Runs `piq` 0.8.0 and `torchmetrics` 1.9.0 in a separate process: `peer_classical.py JOB.npz [JOB.npz ...]`.

A job file has two batches of pixels, `a` and `b`, N x H x W x 3 of uint8. The script replaces them by N scores for each
metric. PYTHONPATH must contain a torchvision, because both packages import it.
"""

from __future__ import annotations

import sys

import numpy as np
import piq
import torch
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

FROM_161, FROM_176 = 161, 176  # the shortest side for MS-SSIM: in piq, and in torchmetrics


def measure(a: torch.Tensor, b: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the scores of the peers for images N x 3 x H x W in [0, 1]. The range is given to the peers."""
    found = {
        "piq ssim": piq.ssim(a, b, data_range=1.0, downsample=False, reduction="none"),
        "piq fsim": piq.fsim(a, b, data_range=1.0, reduction="none", chromatic=False),
        "piq fsimc": piq.fsim(a, b, data_range=1.0, reduction="none"),
        "torchmetrics ssim": structural_similarity_index_measure(a, b, data_range=1.0, reduction="none"),
    }
    if min(a.shape[2:]) >= FROM_161:
        found["piq ms-ssim"] = piq.multi_scale_ssim(a, b, data_range=1.0, reduction="none")
    if min(a.shape[2:]) >= FROM_176:
        options = {"data_range": 1.0, "reduction": "none", "normalize": "relu"}
        found["torchmetrics ms-ssim"] = multiscale_structural_similarity_index_measure(a, b, **options)
    return found


def main() -> None:
    """Read each job, measure it, and write the result to the same file."""
    for path in sys.argv[1:]:
        with np.load(path, allow_pickle=False) as job:
            a, b = (torch.from_numpy(job[side]).permute(0, 3, 1, 2).float() / 255 for side in "ab")
        np.savez(path, **{name: scores.double().reshape(-1).numpy() for name, scores in measure(a, b).items()})


if __name__ == "__main__":
    main()

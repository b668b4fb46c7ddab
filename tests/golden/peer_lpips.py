"""Runs `lpips` 0.1.4 in a separate process: `peer_lpips.py JOB.npz RESULT.npz [JOB.npz RESULT.npz ...]`.

A job has the parameters of the backbone in order, two batches of pixels, and the name, version and kind of the network.
The result has the total, the terms of the layers, and the spatial map. PYTHONPATH must contain a torchvision.
"""

from __future__ import annotations

import sys

import lpips
import numpy as np
import torch


def measure(job: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the results of the peer for one job."""
    kind = {
        "net": str(job["net"]),
        "version": str(job["version"]),
        "lpips": bool(job["heads"]),
        "pnet_rand": True,  # the job has the parameters of the backbone
        "verbose": False,
    }
    found = {}
    for spatial in (False, True):
        model = lpips.LPIPS(spatial=spatial, **kind)
        convs = [module for module in model.net.modules() if isinstance(module, torch.nn.Conv2d)]
        if "parameters" in job:
            parameters = iter(job["parameters"])
            for conv in convs:
                conv.weight.data = torch.from_numpy(next(parameters))
                conv.bias.data = torch.from_numpy(next(parameters))
        # The peer's own function, lpips.im2tensor, converts the pixels of each image to a tensor.
        a, b = (torch.cat([lpips.im2tensor(image) for image in job[side]]) for side in ("a", "b"))
        with torch.no_grad():
            total, layers = model(a, b, retPerLayer=True)
        if spatial:
            found["map"] = total.numpy()[:, 0]
        else:
            found["total"] = total.numpy().reshape(-1)
            found["layers"] = torch.cat(layers, 1).numpy()[:, :, 0, 0]
    return found


def main() -> None:
    """Read each job, measure it, and write its result."""
    for given, result in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        job = dict(np.load(given, allow_pickle=False))
        count = int(job.pop("count"))
        job["parameters"] = [job.pop(f"parameter{index}") for index in range(count)]
        np.savez(result, **measure(job))


if __name__ == "__main__":
    main()

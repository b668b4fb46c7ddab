"""Writes full_reference.json: `peer_full_reference.py RESULT.json`.

The file has the scores of piq 0.8.0 in double precision, flip-evaluator 1.7 and ssimulacra2 0.3.0 for the images of
classical_cases.py. PYTHONPATH must contain these packages, a torchvision, and this repository.

ssimulacra2 blurs with SciPy's Gaussian filter, which mirrors the image at its edges. This script replaces the blur by
the recursive filter of the reference implementation in C++, which takes all values outside the image as 0. The filter
is written here step by step. With the original blur of ssimulacra2, the scores differ by several points.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import flip_evaluator
import numpy as np
import piq
import ssimulacra2.ssimulacra2 as peer
import torch
from PIL import Image

from eyediff.records import Numbers, Pixels
from tests.golden import classical_cases

SIGMA = 1.5


def recursive(values: Numbers) -> Numbers:
    """Filter along the first axis with three recursive filters of second order.

    The filters are those of Charalampidis 2016, equations 33 to 57.
    """
    reach = round(3.2795 * SIGMA + 0.2546)
    omega = np.array([1, 3, 5]) * np.pi / (2 * reach)
    p = np.array([1, -1, 1]) / np.tan(omega / 2)
    r = np.array([1, -1, 1]) * p * p / np.sin(omega)
    rho = np.exp(-0.5 * SIGMA**2 * omega**2) / reach
    d13, d35, d51 = p[0] * r[1] - r[0] * p[1], p[1] * r[2] - r[1] * p[2], p[2] * r[0] - r[2] * p[0]
    zeta = np.array([d35 / d13, d51 / d13, 1])
    beta = np.linalg.inv(np.array([p, r, zeta])) @ np.array([1, reach**2 - SIGMA**2, zeta @ rho])
    gain, feedback = -beta * np.cos(omega * (reach + 1)), -2 * np.cos(omega)
    out = np.zeros_like(values)
    last = before = np.zeros((3, *values.shape[1:]))
    column = (slice(None), *(None,) * (values.ndim - 1))
    for n in range(1 - reach, len(values)):
        left, right = n - reach - 1, n + reach - 1
        both = (values[left] if left >= 0 else 0) + (values[right] if right < len(values) else 0)
        now = gain[column] * both - feedback[column] * last - before
        before, last = last, now
        if n >= 0:
            out[n] = now.sum(0)
    return out


def ssimulacra(a: Pixels, b: Pixels) -> float:
    """Return the score of one pair. The pair is written to files, because the peer reads files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{side}.png" for side in "ab"]
        for pixels, path in zip((a, b), paths, strict=True):
            Image.fromarray(pixels).save(path)
        return float(peer.compute_ssimulacra2(*paths))


def measure(a: Pixels, b: Pixels) -> dict[str, list[float]]:
    """Return the scores of the peers for two batches, under names "peer metric"."""
    x, y = (torch.from_numpy(side).permute(0, 3, 1, 2).double() / 255 for side in (a, b))
    of_floats = [
        (one.astype(np.float32) / 255, other.astype(np.float32) / 255) for one, other in zip(a, b, strict=True)
    ]
    found = {
        "piq ms-gmsd": piq.multi_scale_gmsd(x, y, reduction="none").tolist(),
        "piq mdsi": piq.mdsi(y, x, reduction="none").tolist(),
        "piq haarpsi": piq.haarpsi(x.float(), y.float(), reduction="none").tolist(),
        "flip-evaluator flip": [
            float(flip_evaluator.evaluate(*pair, "LDR", True, False, True, {})[1]) for pair in of_floats
        ],
        "ssimulacra2 ssimulacra2": [ssimulacra(*pair) for pair in zip(a, b, strict=True)],
    }
    if min(a.shape[1:3]) >= 41:
        found["piq vif"] = piq.vif_p(y, x, reduction="none").tolist()
    if a.shape[1:3] == (256, 256):  # piq resizes other sizes to 256 in another way
        found["piq vsi"] = piq.vsi(x, y, reduction="none").tolist()
    return found


def main() -> None:
    """Measure every case, and write the result."""
    peer.blur_image = lambda image: recursive(recursive(image).swapaxes(0, 1)).swapaxes(0, 1)
    cases = {case: measure(*classical_cases.pair(case)) for case in classical_cases.CASES}
    Path(sys.argv[1]).write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Write tests/golden/classical.json: scores by other implementations for the cases in classical_cases.py beside it.

    python scripts/make_classical_goldens.py

The script needs the peers of the development set-up (scripts/test installs them) and ../shared/peers. Run it when a
case is added. A number that changes without a new case is a defect.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from skimage.color import rgb2lab
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.golden import classical_cases, peer  # noqa: E402

from eyediff.records import Pixels  # noqa: E402 - the tests are no installed package

PROVENANCE = (
    "scikit-image 0.26.0 in double precision; piq 0.8.0 and torchmetrics 1.9.0 (PyPI) on torch 2.13.0, CPU, in "
    "float32; written by scripts/make_classical_goldens.py"
)
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def scikit_image(a: Pixels, b: Pixels) -> dict[str, float]:
    """Return the scores of scikit-image for one pair."""
    options = {"channel_axis": 2, "data_range": 255}
    return {
        "scikit-image l2": mean_squared_error(a / 255, b / 255),
        "scikit-image psnr": peak_signal_noise_ratio(a, b, data_range=255),
        "scikit-image ssim": structural_similarity(a, b, **options, **WANG),
        "scikit-image ssim@skimage": structural_similarity(a, b, **options),
        "scikit-image l2-lab": mean_squared_error(rgb2lab(a) / 100, rgb2lab(b) / 100),
    }


def main() -> None:
    """Score every case with every peer, and write the file."""
    cases = {}
    for name in classical_cases.CASES:
        a, b = classical_cases.pair(name)
        found = {key: scores.tolist() for key, scores in peer.classical(a, b, ROOT.parent / "shared").items()}
        pairs = [scikit_image(x, y) for x, y in zip(a, b, strict=True)]
        found |= {key: [float(np.round(pair[key], 15)) for pair in pairs] for key in pairs[0]}
        cases[name] = dict(sorted(found.items()))
        print(name, cases[name])
    path = ROOT / "tests" / "golden" / "classical.json"
    path.write_text(json.dumps({"provenance": PROVENANCE, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()

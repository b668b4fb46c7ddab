"""Write tests/golden/mini.json: the scores of the shipped lpips-mini for the cases in tests/golden/mini_cases.py.

    python scripts/make_mini_goldens.py

The numpy engine computes the scores in double precision. Run the script when `weights/mini.safetensors` changes. Such a
change has a line under "Scores" in CHANGELOG.md. A number that changes without such a line is a defect.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.golden import mini_cases  # noqa: E402 - the tests are no installed package

from eyediff.engines.network_engine import NetworkEngine  # noqa: E402
from eyediff.engines.numpy_runner import NumpyRunner  # noqa: E402
from eyediff.training.distillation.student_network import read_network  # noqa: E402
from eyediff.weights.package_files import MINI as MINI_FILE  # noqa: E402


def main() -> None:
    """Compute every case, and write the file."""
    engine = NetworkEngine(NumpyRunner(), read_network(MINI_FILE.path))
    found = {
        name: round(float(engine.distances(*mini_cases.pair(height, width, change))[0]), 9)
        for name, height, width, change in mini_cases.names()
    }
    path = ROOT / "tests" / "golden" / "mini.json"
    path.write_text(json.dumps({"sha256": MINI_FILE.sha256, "distances": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()

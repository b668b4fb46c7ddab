"""Write tests/golden/lpips.json: the results of `lpips` 0.1.4 for the cases in tests/golden/lpips_cases.py.

    python scripts/make_goldens.py

The script needs the peers of the development set-up (scripts/test installs them) and ../shared/peers. Run it when a
case is added. A number that changes without a new case is a defect.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.golden import lpips_cases, peer  # noqa: E402

from eyediff.metrics.backbones import TRUNKS  # noqa: E402 - the tests are no installed package

PROVENANCE = (
    "lpips 0.1.4 (PyPI) on torch 2.13.0, CPU, its published heads, trunk parameters from "
    "lpips_cases.seeded_parameters; written by scripts/make_goldens.py"
)


def main() -> None:
    """Run every case with the peer, and write the file."""
    found = {}
    for case in lpips_cases.cases():
        parameters = lpips_cases.seeded_parameters(TRUNKS[case.net])
        result = peer.lpips(case, parameters, *lpips_cases.pair(case.net, case.images), ROOT.parent / "shared")
        found[case.name] = {
            "layers": result["layers"].tolist(),
            "map": lpips_cases.sample(result["map"]).tolist(),
        }
        print(case.name, result["total"])
    path = ROOT / "tests" / "golden" / "lpips.json"
    path.write_text(json.dumps({"provenance": PROVENANCE, "cases": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()

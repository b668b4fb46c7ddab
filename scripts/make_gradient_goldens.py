"""Write tests/golden/gradients.json: the gradients of `lpips` 0.1.4 on the smallest cases of tests/golden.

    PYTHONPATH=../shared/peers python scripts/make_gradient_goldens.py

The script needs the peer, and torchvision or the stand-in in ../shared/peers. Run it when a case is added. A number
that changes without a new case is a defect.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lpips
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.golden import lpips_cases  # noqa: E402 - the tests are no installed package

from eyediff.metrics.backbones import TRUNKS  # noqa: E402

PROVENANCE = (
    "lpips 0.1.4 (PyPI) on torch 2.13.0, CPU, its published heads, trunk parameters from "
    "lpips_cases.seeded_parameters: the gradient of the summed distance by both images, at lpips_cases.sample's places "
    "of each channel, and its length over each image; written by scripts/make_gradient_goldens.py"
)


def gradients(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
    """Return the gradients with respect to x and to y."""
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    return list(torch.autograd.grad(model(x, y).sum(), (x, y)))


def main() -> None:
    """Run the smallest cases with the peer, and write the file."""
    found = {}
    for case in lpips_cases.cases():
        if case.images != "smallest":
            continue
        model = lpips.LPIPS(net=case.net, version=case.version, lpips=case.heads, pnet_rand=True, verbose=False)
        parameters = iter(lpips_cases.seeded_parameters(TRUNKS[case.net]).values())
        for conv in (module for module in model.net.modules() if isinstance(module, torch.nn.Conv2d)):
            conv.weight.data, conv.bias.data = (torch.from_numpy(next(parameters)) for _ in range(2))
        x, y = (
            torch.cat([lpips.im2tensor(image) for image in side]) for side in lpips_cases.pair(case.net, case.images)
        )
        by_both = gradients(model, x, y)
        found[case.name] = {
            "sample": [lpips_cases.sample(by.flatten(0, 1).numpy()).tolist() for by in by_both],
            "length": [by.flatten(1).norm(dim=1).tolist() for by in by_both],
        }
        print(case.name, found[case.name]["length"])
    path = ROOT / "tests" / "golden" / "gradients.json"
    path.write_text(json.dumps({"provenance": PROVENANCE, "cases": found}, indent=None) + "\n")


if __name__ == "__main__":
    main()

"""Measure the error of engines against float64 on Kodak crops: `python benchmarks/accuracy.py [--nets alex,...]`.

A pair is a crop of 64x64 pixels and a changed copy of it. The change is noise, blur, JPEG or a shift of brightness,
from invisible to strong. The numpy engine computes in float64. Errors are relative to the distance. They cover the
pairs with a distance of at least 1e-3, and those between 1e-4 and 3e-3. AlexNet and SqueezeNet have their official
weights (../shared/weights), and VGG16 has seeded weights.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(ROOT))

SIDE = 64


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """Return crops of all photos and changed copies of them."""
    random, references, candidates = np.random.RandomState(0), [], []
    for index, path in enumerate(sorted((SHARED / "images" / "kodak").glob("*.png"))):
        photo = np.asarray(Image.open(path).convert("RGB"))
        y, x = (random.randint(side - SIDE) for side in photo.shape[:2])
        crop = photo[y : y + SIDE, x : x + SIDE]
        picture = Image.fromarray(crop)
        for sigma in (0.4, 1, 2, 4 + index % 5 * 4):
            references.append(crop)
            candidates.append((crop + random.normal(0, sigma, crop.shape)).round().clip(0, 255).astype(np.uint8))
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=30 + 3 * index % 65)
        changed = (picture.filter(ImageFilter.GaussianBlur(0.3 + index % 6 / 3)), Image.open(stream).convert("RGB"))
        for image in (*changed, picture.point(lambda value, by=1 + index % 3: min(255, value + by))):
            references.append(crop)
            candidates.append(np.asarray(image))
    return np.stack(references), np.stack(candidates)


def main() -> None:
    """Print the table."""
    from tests.golden.lpips_cases import seeded_parameters

    from eyediff import weights
    from eyediff.engines import cpu_engine
    from eyediff.engines.native.network import NativeNetwork
    from eyediff.engines.network_engine import NetworkEngine
    from eyediff.engines.numpy_runner import NumpyRunner
    from eyediff.engines.onnx_runner import OnnxRunner
    from eyediff.metrics import lpips
    from eyediff.metrics.backbones import TRUNKS
    from eyediff.scoring.metric_spec import parse_metric

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", default="alex,squeeze,mini,vgg")
    options = parser.parse_args()
    a, b = pairs()
    print(f"{len(a)} pairs of {SIDE}x{SIDE}; native: {cpu_engine.engine_description()}")
    print("| network | engine | pairs of d >= 1e-3 | largest | median | pairs of 1e-4 < d < 3e-3 | largest |")
    print("|---|---|---|---|---|---|---|")
    for net in options.nets.split(","):
        if net == "mini":
            network = parse_metric("lpips-mini").load_network().network
        else:
            file = next((SHARED / "weights").glob(f"{net}*.pth"), None)
            trunk = TRUNKS[net]
            parameters = weights.load_trunk(net, file=file).parameters if file else seeded_parameters(trunk)
            network = lpips.Network(trunk, parameters, weights.load_heads(net, "0.1"))
        parts = [slice(start, start + 8) for start in range(0, len(a), 8)]
        oracle = NetworkEngine(NumpyRunner(), network)
        exact = np.concatenate([oracle.distances(a[part], b[part]) for part in parts])
        native = NativeNetwork(network, 2)
        found = {native.description: native.layers(a, b).sum(1)}
        found["onnxruntime"] = NetworkEngine(OnnxRunner("cpu", 2), network).distances(a, b)
        for name, distances in found.items():
            error = np.abs(distances / np.where(exact > 0, exact, 1) - 1)
            large, small = exact >= 1e-3, (exact > 1e-4) & (exact < 3e-3)
            cells = [net, name, large.sum(), f"{error[large].max():.1e}", f"{np.median(error[large]):.1e}", small.sum()]
            cells.append(f"{error[small].max():.1e}" if small.any() else "")
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()

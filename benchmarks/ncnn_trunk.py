"""Measure the gain of Winograd's method: a trunk in ncnn and in ONNX Runtime. `python benchmarks/ncnn_trunk.py`

The benchmark needs `pip install ncnn`, which eyediff does not use yet (docs/speed.md). The weights are seeded. Both
libraries run in one process, in turn, and the benchmark prints medians. ncnn computes only the trunk, without unit
lengths, differences and heads. The result is therefore the largest possible gain.
"""

from __future__ import annotations

import argparse
import os
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ncnn
import numpy as np

from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.metrics import lpips
from eyediff.metrics.backbones import TRUNKS, Conv, Pool, Trunk
from run import ROOT, machine

sys.path.insert(0, str(ROOT))  # for the tests, which are not an installed package


def written(trunk: Trunk, parameters: dict[str, np.ndarray], folder: Path) -> tuple[Path, Path, str]:
    """Write a trunk of convolutions and poolings as ncnn's two files. Return them and the name of the last value."""
    layers, figures, value = ["Input data 0 1 v0"], [], 0
    for layer in trunk.layers:
        if isinstance(layer, Conv):
            weight, bias = parameters[f"{layer.key}.weight"], parameters[f"{layer.key}.bias"]
            shape = f"0={layer.outputs} 1={layer.kernel} 3={layer.stride} 4={layer.pad} 5=1 6={weight.size} 9=1"
            layers.append(f"Convolution c{value} 1 1 v{value} v{value + 1} {shape}")
            figures += [struct.pack("<I", 0), weight.astype("<f4").tobytes(), bias.astype("<f4").tobytes()]
        elif isinstance(layer, Pool):
            layers.append(f"Pooling p{value} 1 1 v{value} v{value + 1} 0=0 1={layer.size} 2={layer.stride} 5=1")
        else:
            continue
        value += 1
    param, model = folder / "trunk.param", folder / "trunk.bin"
    param.write_text(f"7767517\n{len(layers)} {len(layers)}\n" + "\n".join(layers) + "\n")
    model.write_bytes(b"".join(figures))
    return param, model, f"v{value}"


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds of one call."""
    started = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - started)


def main() -> None:
    """Measure, and print the times and the gain."""
    from tests.golden.lpips_cases import seeded_parameters

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="vgg", choices=["vgg", "alex"])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    trunk = TRUNKS[options.net]
    parameters = seeded_parameters(trunk)
    network = lpips.Network(trunk, parameters, [np.ones(c, np.float32) / c for c in trunk.taps])
    runner = OnnxRunner("cpu", options.threads)
    last = runner.compile(lambda verbs, x: lpips.taps(verbs, network, x)[-1], 1)
    engine = NetworkEngine(runner, network)
    a, b = np.random.RandomState(0).randint(0, 256, (2, 1, options.side, options.side, 3)).astype(np.uint8)
    gain, offset = (figures.reshape(3, 1, 1) for figures in network.scaling)
    scaled = (a[0].transpose(2, 0, 1) * np.float32(2 / 255) - 1) * gain + offset
    scaled = np.ascontiguousarray(scaled, np.float32)  # ncnn ignores the strides of the memory
    with tempfile.TemporaryDirectory() as folder:
        param, model, name = written(trunk, parameters, Path(folder))
        net = ncnn.Net()
        net.opt.num_threads = options.threads
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.opt.use_bf16_storage = False
        net.load_param(str(param))
        net.load_model(str(model))

        def by_ncnn() -> np.ndarray:
            extractor = net.create_extractor()
            extractor.input("v0", ncnn.Mat(scaled))
            return np.array(extractor.extract(name)[1])

        ours, theirs = last(a)[0], by_ncnn()
        error = np.abs(ours - theirs).max() / np.abs(ours).max()
        times: dict[str, list[float]] = {"trunk, ONNX Runtime": [], "trunk, ncnn": [], "a pair, ONNX Runtime": []}
        works = (lambda: last(a), by_ncnn, lambda: engine.distances(a, b))
        for _ in range(options.rounds):
            for taken, work in zip(times.values(), works, strict=True):
                taken.append(timed(work))
    medians = {what: statistics.median(taken) for what, taken in times.items()}
    for what, median in medians.items():
        print(f"| {what} | {median:.1f} ms |")
    onnx, other, pair = medians.values()
    print(f"largest difference of the last features: {error:.1e} of the largest")
    print(f"gain, the trunk alone: {onnx / other:.2f}; of a pair at most: {pair / (pair - 2 * onnx + 2 * other):.2f}")
    print(machine(options.threads))


if __name__ == "__main__":
    main()

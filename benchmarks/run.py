"""Measure eyediff and its peers in one run: `python benchmarks/run.py [--quick] [-o TABLE.md]`.

Each contestant runs in its own process with the same number of threads. The contestants take turns, round after round,
so that other work on the machine affects all of them. The table shows medians over all rounds, and ratios. `eyediff`
computes networks with its native engine, if that was built. `onnxruntime` is eyediff on ONNX Runtime. --threads 1,2
measures both numbers of threads. `scripts/test` installs lpips, torchmetrics, piq and scikit-image. The table shows a
peer that is not installed as failed, and standard error has the reason.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(ROOT))

SIZES = {"64": (64, 64), "256": (256, 256), "512": (512, 512), "1080p": (1080, 1920)}


@dataclass
class Contestant:
    """A process that answers cases."""

    name: str
    threads: int
    environment: dict[str, str]
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, "-W", "ignore", str(HERE / "contestant.py"), self.name, str(self.threads)]
        self.process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, case: dict[str, Any]) -> dict[str, Any]:
        """Send a case and wait for the answer."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the process has no pipes")
        try:
            self.process.stdin.write(json.dumps(case) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": f"the process died with code {self.process.wait()}"}

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def environment(threads: int, vgg: Path) -> dict[str, str]:
    """Return an environment with the same threads for every library, the weights and the stand-in for torchvision."""
    count = {key: str(threads) for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    found = os.environ | count | {"SEEDED_VGG": str(vgg), "PYTHONPATH": str(ROOT / "src")}
    found.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    if SHARED.is_dir():
        found |= {"EYEDIFF_WEIGHTS": str(SHARED / "weights"), "PEER_WEIGHTS": str(SHARED / "weights")}
        found["PYTHONPATH"] += os.pathsep + str(SHARED / "peers")
    if peers := os.environ.get("PYTHONPATH"):
        found["PYTHONPATH"] += os.pathsep + peers
    return found


def seeded_vgg(folder: Path) -> Path:
    """Write seeded weights of VGG16: the official ones are a large download, and speed does not depend on them."""
    from safetensors.numpy import save_file
    from tests.golden.lpips_cases import seeded_parameters

    from eyediff.metrics.backbones import TRUNKS

    path = folder / "vgg.safetensors"
    save_file(seeded_parameters(TRUNKS["vgg"]), path)
    return path


def plan(quick: bool) -> list[tuple[str, dict[str, Any], list[str]]]:
    """Return the measurements: for each a title, the case and the contestants."""
    found = []
    for net in ("mini", "alex", "squeeze", "vgg"):
        for size, (height, width) in SIZES.items():
            if quick and (net not in ("mini", "alex") or size in ("512", "1080p")):
                continue
            case = {"kind": "lpips", "net": net, "height": height, "width": width}
            seconds = {"64": 0.3, "256": 0.6, "512": 1.0, "1080p": 2.0}[size]
            peers = ["eyediff", "onnxruntime", "lpips", "torchmetrics"]
            found.append((f"{net} {size}, a pair", case | {"batch": 1, "seconds": seconds}, peers))
            if size != "1080p":
                batch = {"64": 32, "256": 8, "512": 2}[size]
                found.append((f"{net} {size}, batch of {batch}", case | {"batch": batch, "seconds": seconds}, peers))
    large = {"net": "", "height": 1080, "width": 1920, "batch": 1, "seconds": 1.0}
    peers = {
        "ssim": ["eyediff", "skimage", "piq", "torchmetrics"],
        "ms-ssim": ["eyediff", "piq", "torchmetrics"],
        "fsim": ["eyediff", "piq"],  # all first reduce 1080p by a factor of 4, as FeatureSIM.m does
        "fsimc": ["eyediff", "piq"],
        **{kind: ["eyediff", "piq"] for kind in ("gmsd", "ms-gmsd", "mdsi", "haarpsi", "vsi", "vif")},
        "flip": ["eyediff", "flip_evaluator"],
        "ssimulacra2": ["eyediff", "ssimulacra2"],
    }
    found += [(f"{kind} 1080p, a pair", {"kind": kind} | large, names) for kind, names in peers.items()]
    return found


def measure(
    title: str, case: dict[str, Any], names: list[str], rounds: int, threads: int, env: dict[str, str]
) -> dict[str, Any]:
    """Run all contestants on one case, in turn. Return the seconds, peak memory and score of each."""
    gemm = Contestant("sgemm", threads, env)
    racers = [Contestant(name, threads, env) for name in names]
    found: dict[str, Any] = {"title": title, "case": case, "seconds": {n: [] for n in names}, "sgemm": []}
    found |= {"peak_mb": {}, "value": {}, "error": {}}
    try:
        for _ in range(rounds):
            found["sgemm"] += gemm.ask({"seconds": 0.2})["seconds"]
            for racer in racers:
                answer = racer.ask(case)
                if "error" in answer:
                    found["error"][racer.name] = answer["error"]
                    continue
                found["seconds"][racer.name] += answer["seconds"]
                found["peak_mb"][racer.name], found["value"][racer.name] = answer["peak_mb"], answer["value"]
    finally:
        for racer in [gemm, *racers]:
            racer.stop()
    return found


def row(found: dict[str, Any], names: list[str]) -> str:
    """Return a line of the table: milliseconds per pair, ratios to eyediff, megabytes and the arithmetic rate."""
    batch = found["case"]["batch"]
    cells = [found["title"]]
    ours = statistics.median(found["seconds"]["eyediff"] or [math.nan])
    for name in names:
        times = found["seconds"].get(name)
        if times is None:
            cells.append("")
        elif not times:
            cells.append("failed")
        else:
            median = statistics.median(times)
            ratio = "" if name == "eyediff" or math.isnan(ours) else f" ({median / ours:.2f}x)"
            cells.append(f"{1e3 * median / batch:.1f}{ratio}")
    cells.append(" / ".join(f"{found['peak_mb'][n]:.0f}" for n in names if n in found["peak_mb"]))
    rate = arithmetic(found, ours)
    cells.append("" if rate is None or math.isnan(rate) else f"{rate:.2f}")
    return f"| {' | '.join(cells)} |"


def arithmetic(found: dict[str, Any], seconds: float) -> float | None:
    """Return the multiplications of the backbones per second, as a share of the SGEMM peak.

    The time includes all other operations of LPIPS. Return None for other metrics.
    """
    from eyediff.metrics.backbones import TRUNKS

    case = found["case"]
    if case["kind"] != "lpips":
        return None
    work = 2 * 2 * TRUNKS[case["net"]].multiply_adds(case["height"], case["width"]) * case["batch"]
    return (work / seconds) / (2 * 2048**3 / statistics.median(found["sgemm"]))


def machine(threads: int | str) -> str:
    """Return the machine and the versions, as a line below the table."""
    from importlib.metadata import PackageNotFoundError, version

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    versions = []
    for package in (
        "eyediff",
        "onnxruntime",
        "torch",
        "lpips",
        "torchmetrics",
        "piq",
        "scikit-image",
        "flip-evaluator",
        "ssimulacra2",
        "numpy",
    ):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} absent")
    return f"{model}, {threads} threads, Python {platform.python_version()}, {', '.join(versions)}"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="mini and alex at 64 and 256, SSIM and FSIM, only")
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT", help="cases whose title holds one of these")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--threads", type=lambda text: [int(part) for part in text.split(",")], default=[os.cpu_count() or 1]
    )
    parser.add_argument("-o", "--output", type=Path, help="write the table here too")
    options = parser.parse_args()
    names = ["eyediff", "onnxruntime", "lpips", "torchmetrics", "piq", "skimage", "flip_evaluator", "ssimulacra2"]
    lines = [
        f"| milliseconds a pair | {' | '.join(names)} | peak MB, same order | rate / SGEMM peak |",
        "|" + "---|" * (len(names) + 3),
    ]
    print(*lines, sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        vgg = seeded_vgg(Path(folder))
        for (title, case, taking_part), threads in itertools.product(plan(options.quick), options.threads):
            if any(text in title for text in options.only):
                env = environment(threads, vgg)
                label = title if len(options.threads) == 1 else f"{title}, {threads} threads"
                found = measure(label, case, taking_part, options.rounds, threads, env)
                lines.append(row(found, names))
                print(lines[-1], flush=True)
                for name, error in found["error"].items():
                    print(f"  {name}: {error}", file=sys.stderr)
                values = {n: v for n, v in found["value"].items() if n in ("eyediff", "lpips")}
                comparable = len(values) == 2 and case["net"] in ("alex", "squeeze")
                if comparable and not np.isclose(*values.values(), rtol=1e-5):
                    print(f"  the scores differ: {values}", file=sys.stderr)
    lines += ["", machine(" and ".join(map(str, options.threads)))]
    print(*lines[-2:], sep="\n")
    if options.output:
        options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""Measure time and peak memory of one training step with LPIPS as the loss, and those of `lpips` 0.1.4.

    python benchmarks/training.py [--net alex] [--batch 16] [--side 256] [--rounds 15] [--threads 2]

A step computes the loss and the gradient of the prediction. The prediction requires a gradient, and the target does
not. Each contender runs in its own process and waits while the other one runs. The contenders take turns, so that other
work on the machine affects both. The benchmark prints medians. On a busy machine, the ratio of the processor times of
all threads is steadier than that of the elapsed times. Memory is the peak that the first step adds to the process (as
Linux counts it), and the peak of the whole process.

The peer needs `lpips` and torchvision. If torchvision has no build, --peers names a folder with a stand-in.
If CUDA is available, the benchmark also runs there: float32, TF32 and bfloat16, eager and compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
MODES = ("float32", "tf32", "bfloat16")


def main() -> None:
    options = arguments()
    if options.worker:
        work(options)
        return
    import torch

    cuda = torch.cuda.is_available()
    places = [("cuda", mode, compiled) for mode in MODES for compiled in (False, True)] if cuda else []
    print(f"{processor()}, {options.threads} threads, torch {torch.__version__}")
    print(f"GPU: {torch.cuda.get_device_name()}" if cuda else "no CUDA machine was at hand: CPU only")
    print(f"{options.net}, {options.batch} x 3 x {options.side} x {options.side}, {options.rounds} rounds\n")
    titles = ["device", "precision", "", "lpips ms", "eyediff ms", "ratio", "ratio of processor time"]
    titles += ["lpips MB (process)", "eyediff MB", "ratio"]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for device, mode, compiled in [("cpu", "float32", False), *places]:
        print(row(options, device, mode, compiled), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="alex", choices=["alex", "vgg", "squeeze"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", type=Path, default=SHARED / "peers")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights")
    parser.add_argument("--worker", choices=["lpips", "eyediff"], help=argparse.SUPPRESS)
    parser.add_argument("--place", default="cpu float32 eager", help=argparse.SUPPRESS)
    return parser.parse_args()


def row(options: argparse.Namespace, device: str, mode: str, compiled: bool) -> str:
    """Run both contenders in turn. Return a line of the table."""
    place = f"{device} {mode} {'compiled' if compiled else 'eager'}"
    contenders = {name: start(options, name, place) for name in ("lpips", "eyediff")}
    results: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, process in contenders.items():
            results[name].append(ask(process))
    for process in contenders.values():
        process.communicate("")
    values = {name: [result["loss"] for result in rows] for name, rows in results.items()}
    if abs(values["lpips"][0] - values["eyediff"][0]) > 0.02 * values["lpips"][0]:
        raise SystemExit(f"the contenders compute different losses: {values}")
    ms, cpu, mb, peak = (
        {name: statistics.median(result[key] for result in rows) for name, rows in results.items()}
        for key in ("ms", "cpu", "mb", "peak")
    )
    cells = [device, mode, place.split()[2], f"{ms['lpips']:.0f}", f"{ms['eyediff']:.0f}"]
    cells += [f"{ms['eyediff'] / ms['lpips']:.2f}", f"{cpu['eyediff'] / cpu['lpips']:.2f}"]
    cells += [f"{mb['lpips']:.0f} ({peak['lpips']:.0f})"]
    cells += [f"{mb['eyediff']:.0f} ({peak['eyediff']:.0f})", f"{mb['eyediff'] / mb['lpips']:.2f}"]
    return f"| {' | '.join(cells)} |"


def start(options: argparse.Namespace, name: str, place: str) -> subprocess.Popen[str]:
    environment = dict(os.environ, PEER_WEIGHTS=str(options.weights), OMP_NUM_THREADS=str(options.threads))
    if name == "lpips" and options.peers.is_dir():
        environment["PYTHONPATH"] = str(options.peers)
    shape = ["--net", options.net, "--batch", str(options.batch), "--side", str(options.side)]
    more = ["--threads", str(options.threads), "--weights", str(options.weights), "--worker", name, "--place", place]
    command = [sys.executable, "-W", "ignore", __file__, *shape, *more]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(process: subprocess.Popen[str]) -> dict[str, float]:
    if process.stdin is None or process.stdout is None:
        raise SystemExit("a contender has no pipes")
    process.stdin.write("step\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a contender ended: {' '.join(map(str, process.args))}")
    answer: dict[str, float] = json.loads(line)
    return answer


def work(options: argparse.Namespace) -> None:
    """Run as a contender: make one step for every line of standard input."""
    import torch

    device, mode, how = options.place.split()
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode == "tf32"
    loss = contender(options).to(device)
    if how == "compiled":
        loss = torch.compile(loss)
    seeded = torch.Generator().manual_seed(0)
    shape = (options.batch, 3, options.side, options.side)
    prediction, target = (torch.rand(shape, generator=seeded).mul(2).sub(1).to(device) for _ in range(2))
    prediction.requires_grad_()

    def step() -> float:
        prediction.grad = None
        with torch.autocast(device, torch.bfloat16, enabled=mode == "bfloat16"):
            found = loss(prediction, target).mean()
        found.backward()
        return float(found)

    first = measured(step, device)  # memory is counted here: later steps reuse the memory of this step
    for _ in sys.stdin:
        print(json.dumps(measured(step, device) | {key: first[key] for key in ("mb", "peak")}), flush=True)


def contender(options: argparse.Namespace):  # a torch module of either library
    if options.worker == "lpips":
        import lpips

        return lpips.LPIPS(net=options.net, verbose=False)
    from eyediff import nn

    files = {"alex": "alexnet_features.pth", "squeeze": "squeezenet1_1_features.pth"}
    if options.net in files and (options.weights / files[options.net]).is_file():
        return nn.LPIPS(options.net, weights_file=options.weights / files[options.net])
    return nn.LPIPS(options.net)


def measured(step: Callable[[], float], device: str) -> dict[str, float]:
    """Return the loss, elapsed and processor milliseconds, and the peak megabytes of the step and of the process."""
    import torch

    worked = time.process_time()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
        before, started = torch.cuda.memory_allocated(), time.perf_counter()
        loss = step()
        torch.cuda.synchronize()
        elapsed, peak = time.perf_counter() - started, torch.cuda.max_memory_allocated()
    else:
        before = resident("VmRSS", reset=True)
        started = time.perf_counter()
        loss = step()
        elapsed, peak = time.perf_counter() - started, resident("VmHWM")
    worked = time.process_time() - worked
    return {"loss": loss, "ms": elapsed * 1e3, "cpu": worked * 1e3, "mb": (peak - before) / 1e6, "peak": peak / 1e6}


def resident(field: str, reset: bool = False) -> int:
    """Return the bytes of the process as Linux counts them: now (VmRSS) or the peak since the last reset (VmHWM)."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def processor() -> str:
    """Return the name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()

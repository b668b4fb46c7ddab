"""Measure complete commands, including the start of Python: `python benchmarks/end_to_end.py [--rounds N]`.

There are two jobs: 100 pairs of 256x256 PNG files in two folders, and one pair of such files. `eyediff compare` and a
typical script with `lpips` do each job, in turn. The benchmark prints medians and ratios, and checks that the averages
agree. A second table compares short commands with the import of numpy, also in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from run import SHARED, environment, machine  # noqa: E402 - this folder is no package

PEER = """
import os, sys
import lpips, torch
fn = lpips.LPIPS(net="alex", verbose=False)
first, second = sys.argv[1:]
total = []
names = sorted(os.listdir(first)) if os.path.isdir(first) else [""]
for name in names:
    a = lpips.im2tensor(lpips.load_image(os.path.join(first, name) if name else first))
    b = lpips.im2tensor(lpips.load_image(os.path.join(second, name) if name else second))
    with torch.no_grad():
        total.append(fn.forward(a, b).item())
print(sum(total) / len(total))
"""


def make(folder: Path, count: int) -> tuple[Path, Path]:
    """Write two folders of 256x256 PNG files from the photos. The second folder has noise."""
    random = np.random.RandomState(0)
    photos = sorted((SHARED / "images" / "photos").glob("*.png"))
    for side in ("first", "second"):
        (folder / side).mkdir()
    for index in range(count):
        pixels = np.asarray(Image.open(photos[index % len(photos)]).convert("RGB"))[:256, :256]
        noisy = (pixels + random.normal(0, 12, pixels.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "first" / f"{index:03}.png")
        Image.fromarray(noisy).save(folder / "second" / f"{index:03}.png")
    return folder / "first", folder / "second"


def timed(command: list[str], env: dict[str, str]) -> tuple[float, str]:
    """Return the seconds and the standard output of a command that must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


def race(title: str, first: Path, second: Path, rounds: int, env: dict[str, str]) -> None:
    """Run both programs in turn, and print the medians."""
    ours = [
        sys.executable,
        "-m",
        "eyediff",
        "compare",
        str(first),
        str(second),
        "--metric",
        "lpips",
        "--format",
        "json",
    ]
    peers = [sys.executable, "-W", "ignore", "-c", PEER, str(first), str(second)]
    seconds: dict[str, list[float]] = {"eyediff": [], "lpips": []}
    for _ in range(rounds):
        took, said = timed(ours, env)
        seconds["eyediff"].append(took)
        ours_mean = json.loads(said)["summary"]["metrics"]["lpips"]["mean"]
        took, said = timed(peers, env)
        seconds["lpips"].append(took)
        peer_mean = float(said)
    if not np.isclose(ours_mean, peer_mean, rtol=1e-5):
        sys.exit(f"the averages differ: eyediff {ours_mean}, lpips {peer_mean}")
    ours_median, peer_median = (statistics.median(seconds[name]) for name in ("eyediff", "lpips"))
    cells = [title, f"{ours_median:.2f}", f"{peer_median:.2f}", f"{ours_median / peer_median:.2f}"]
    print(f"| {' | '.join([*cells, f'{ours_mean:.6f}', f'{peer_mean:.6f}'])} |", flush=True)


def time_short_commands(pair: tuple[Path, Path], rounds: int, env: dict[str, str]) -> None:
    """Run short commands in turn, and print their medians and the ratio to an import of numpy."""
    program = [sys.executable, "-m", "eyediff"]
    commands = {
        "`python -c 'import numpy'`": [sys.executable, "-c", "import numpy"],
        "`eyediff --version`": [*program, "--version"],
        "`eyediff compare a.png b.png -m lpips`": [*program, "compare", *map(str, pair), "-m", "lpips"],
        "`eyediff compare a.png b.png`": [*program, "compare", *map(str, pair)],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds[name].append(timed(command, env)[0])
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    numpy = next(iter(medians.values()))
    print("\n| command | seconds | times the import of numpy |\n|---|---|---|")
    for name, median in medians.items():
        print(f"| {name} | {median:.2f} | {median / numpy:.1f} |")


def main() -> None:
    """Measure, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print("| seconds, start-up included | eyediff | lpips | ratio | eyediff's average | lpips' average |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(options.threads, folder)
        env.pop("EYEDIFF_WEIGHTS", None)  # the package contains the weights
        first, second = make(folder, 100)
        race("100 pairs of 256x256 PNG", first, second, options.rounds, env)
        pair = first / "000.png", second / "000.png"
        race("one pair of 256x256 PNG", *pair, options.rounds, env)
        time_short_commands(pair, 2 * options.rounds, env)
    print(f"\n{machine(options.threads)}")


if __name__ == "__main__":
    main()

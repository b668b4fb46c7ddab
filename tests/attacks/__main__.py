"""Measure the cost of expensive images: `python -m tests.attacks [--only WORD]`.

The command reads each file in a separate process and prints a table. Seconds are CPU time. Memory is the peak resident
memory of the process, minus the peak after Python and the libraries are loaded. `decoded` is the size of the pixels
that `read` returns. A file fails if it takes more than 10 s, or more than 1 GB beyond its decoded size.
"""

# ruff: noqa: T201 - it is a command

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from .costly import MAKERS, MOST_BYTES

SECONDS, BEYOND, LONGEST = 10.0, 1000, 300.0
"""Limits of CPU seconds and of MB beyond the decoded size; seconds after which the measurement of a file stops."""

SCRIPT = """
import json, resource, sys, time
from contextlib import suppress
from pathlib import Path
with suppress(ImportError):
    import cv2
from eyediff.errors import ImageError
from eyediff.images import read

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

before, start, decoded, said = peak(), time.process_time(), 0, "read"
try:
    image = read(Path(sys.argv[1]))
    decoded = image.pixels.nbytes * (1 if image.over_white is None else 2)
except ImageError as error:
    said = str(error).partition(": ")[2]
print(json.dumps([time.process_time() - start, peak() - before, decoded, said]))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="files whose name holds this")
    only = parser.parse_args().only
    print("| file | bytes | seconds | MB | decoded MB | what `read` says |\n|---|---|---|---|---|---|", flush=True)
    failed = 0
    for name, make in MAKERS.items():
        if only not in name:
            continue
        with tempfile.TemporaryDirectory(prefix="costly-") as folder:
            path = Path(folder) / "x"
            path.write_bytes(content := make())
            assert len(content) <= MOST_BYTES, f"{name} has {len(content)} bytes"
            failed += measure(name, path)
    return 1 if failed else 0


def measure(name: str, path: Path) -> bool:
    """Read one file, print its row, and return whether it takes too much."""
    command, size = [sys.executable, "-c", SCRIPT, str(path)], path.stat().st_size
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        print(f"| {name} | {size} | **over {LONGEST:.0f}** | | | |", flush=True)
        return True
    if done.returncode:
        print(
            f"| {name} | {size} | **code {done.returncode}** | | | {done.stderr.strip().splitlines()[-1:]} |",
            flush=True,
        )
        return True
    seconds, taken, decoded, said = json.loads(done.stdout)
    slow, large = seconds > SECONDS, taken - decoded > BEYOND * 1e6
    cells = [f"{seconds:.1f}", f"{taken / 1e6:.0f}"]
    cells = [f"**{cell}**" if bad else cell for cell, bad in zip(cells, (slow, large), strict=True)]
    print(f"| {name} | {size} | {' | '.join(cells)} | {decoded / 1e6:.0f} | {said[:90]} |", flush=True)
    return slow or large


if __name__ == "__main__":
    sys.exit(main())

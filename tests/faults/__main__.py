"""Run many kills: `python -m tests.faults [--kills 50] [--only compare-csv,matrix]` prints a table."""

# ruff: noqa: T201 - it is a command

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .kills import Harness
from .work import WORKS


def main() -> None:
    """Kill each command and print the counts. The first loss of data ends the run with a traceback."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of each command")
    parser.add_argument("--only", default=",".join(WORKS), metavar="NAME,...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=int, default=5, help="times the pictures of the short run")
    options = parser.parse_args()
    print("| command | a run, s | kills that met it | in | runs that ended whole |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="faults-") as root:
        for name in options.only.split(","):
            harness = Harness(WORKS[name], Path(root), 1 if name == "distill" else options.scale)
            harness.lives(options.kills, options.seed)
            told = harness.told
            places = ", ".join(f"{stage} {count}" for stage, count in told.kills.most_common())
            print(f"| {name} | {told.seconds:.1f} | {told.kills.total()} | {places} | {told.ends} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())

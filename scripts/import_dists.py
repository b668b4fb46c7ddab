"""Import the figures alpha and beta of DISTS from the official `DISTS_pytorch` 0.1 wheel.

    python scripts/import_dists.py WHEEL_FOLDER

WHEEL_FOLDER is the unpacked wheel. Its weights must have the hash that this script states. The result is
src/eyediff/weights/dists.safetensors. Every run writes the same bytes.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

from eyediff.weights import containers, package_files
from eyediff.weights.hashing import canonical_sha256

OFFICIAL = "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218"


def main(arguments: list[str]) -> int:
    """Import the figures, write the file, and print its content."""
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    path = Path(arguments[0]) / "DISTS_pytorch" / "weights.pt"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != OFFICIAL:
        raise SystemExit(f"{path}: sha256 {found}, expected {OFFICIAL}")
    tensors = {
        name: np.ascontiguousarray(value.reshape(-1)) for name, value in containers.read(path, lambda _: True).items()
    }
    shipped = package_files.DISTS
    containers.write(shipped.path, tensors)
    written = canonical_sha256(tensors)
    print(f"{shipped.path}: {', '.join(tensors)}, sha256 {written}")
    return 0 if written == shipped.sha256 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

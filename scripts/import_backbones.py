"""Import the convolutions of AlexNet and SqueezeNet 1.1 from torchvision's files into the package.

    python scripts/import_backbones.py FOLDER

FOLDER holds the official files (`alexnet-owt-7be5be79.pth`, `squeezenet1_1-b8a52dc0.pth`), or files of their
convolutions (`alexnet_features.pth`, `squeezenet1_1_features.pth`). Names, shapes and the hashes in
`eyediff.weights.catalogue` must match. Every run writes the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from eyediff.weights import containers
from eyediff.weights.catalogue import PUBLISHED
from eyediff.weights.package_files import BACKBONES
from eyediff.weights.validate import load


def main(arguments: list[str]) -> int:
    """Import both backbones, and print the written files."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    for backbone, target in BACKBONES.items():
        entry = PUBLISHED[backbone]
        path = next(path for pattern in entry.patterns for path in sorted(folder.glob(pattern)))
        containers.write(target.path, load(entry, path).parameters)
        print(f"{target.path.name}: {path.name}, {target.path.stat().st_size:,} bytes, sha256 {target.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

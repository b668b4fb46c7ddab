"""Rules for the contents of a wheel, by the names and sizes of its members."""

from __future__ import annotations

import zipfile
from pathlib import Path

MUST = (
    "eyediff/weights/alex.safetensors",
    "eyediff/weights/dists.safetensors",
    "eyediff/weights/heads.safetensors",
    "eyediff/weights/mini.safetensors",
    "eyediff/weights/squeeze.safetensors",
    "eyediff/report/page.html",
    "eyediff/protocols/published/sr-y.toml",
    "eyediff/py.typed",
    "eyediff/demo/scenes/balls.png",
)
NOT = ("tests/", "benchmarks/", "docs/", "scripts/", "examples/", "shared/")
SCENES = tuple(f"eyediff/demo/scenes/{name}.png" for name in ("balls", "mountains", "pebbles", "sunflower"))
"""The only pictures in the package."""

HEADS = tuple(
    f"eyediff/compat/lpips/weights/v{v}/{net}.pth" for v in ("0.1", "0.0") for net in ("alex", "vgg", "squeeze")
)
"""The files of the old package that scripts look for."""

SUFFIXES = {".py", ".typed", ".safetensors", ".html", ".css", ".js", ".json", ".toml", ".so", ".dll", ""}
"""Suffixes of the files in the package, including the native engine's library.

Caches and data sets have other suffixes.
"""

MOST = 16_000_000
"""Maximum size of a wheel in bytes.

The weights of AlexNet take 9.9 MB, of SqueezeNet 2.9 MB, and of lpips-mini 1.9 MB. The weights of VGG16, included by
mistake, would take 59 MB.
"""


def problems(wheel: Path) -> list[str]:
    """Return the problems of a wheel, one line for each."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        legal = [name for name in archive.namelist() if ".dist-info/licenses/" in name]
    found = [f"lacks {name}" for name in MUST if name not in names]
    found += [f"holds {name}" for name in names if not name.startswith("eyediff/") or name.startswith(NOT)]
    found += [
        f"holds {name}"
        for name in names
        if (Path(name).suffix not in SUFFIXES and name not in (*SCENES, *HEADS)) or "__pycache__" in name
    ]
    found += [f"lacks {name}" for name in ("LICENSE", "NOTICE") if not any(one.endswith(name) for one in legal)]
    if wheel.stat().st_size > MOST:
        found.append(f"is {wheel.stat().st_size:,} bytes, at most {MOST:,} were expected")
    return found

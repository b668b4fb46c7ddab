"""What must be in a wheel and what must not, by the names and sizes of its members."""

from __future__ import annotations

import zipfile
from pathlib import Path

MUST = (
    "eyediff/weights/heads.safetensors",
    "eyediff/weights/mini.safetensors",
    "eyediff/report/page.html",
    "eyediff/py.typed",
)
NOT = ("tests/", "benchmarks/", "docs/", "scripts/", "examples/", "shared/")
SUFFIXES = {".py", ".typed", ".safetensors", ".html", ".css", ".js", ".json", ".so", ".dll", ""}
"""Of files in the package, the native engine's library among them; pictures, caches and data sets have none of these."""

MOST = 2_000_000
"""Bytes of a wheel. The heads and lpips-mini are the most of it; a trunk by mistake would be ten times as much."""


def problems(wheel: Path) -> list[str]:
    """What is wrong with it, a line each."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        legal = [name for name in archive.namelist() if ".dist-info/licenses/" in name]
    found = [f"lacks {name}" for name in MUST if name not in names]
    found += [f"holds {name}" for name in names if not name.startswith("eyediff/") or name.startswith(NOT)]
    found += [f"holds {name}" for name in names if Path(name).suffix not in SUFFIXES or "__pycache__" in name]
    found += [f"lacks {name}" for name in ("LICENSE", "NOTICE") if not any(one.endswith(name) for one in legal)]
    if wheel.stat().st_size > MOST:
        found.append(f"is {wheel.stat().st_size:,} bytes, at most {MOST:,} were expected")
    return found

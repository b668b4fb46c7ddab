"""Tests of the wheel, built as for a release.

`scripts/check_release` tests the sdist, clean environments and every Python.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .contents import problems

ROOT = Path(__file__).resolve().parents[2]

pytest.importorskip("hatchling")


def build(folder: Path) -> Path:
    """Build a wheel with the build back end alone: without a network and without its own environment."""
    folder.mkdir()
    code = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    told = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=told, check=True, capture_output=True)
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel") / "one")


@pytest.mark.slow
def test_what_is_in_it(wheel: Path) -> None:
    """The wheel contains the weights and the template of the page. It contains no tests and no data."""
    assert problems(wheel) == []


@pytest.mark.slow
def test_what_should_not_be_in_it_is_seen(wheel: Path, tmp_path: Path) -> None:
    """A missing file, unexpected files and a size above the limit are reported.

    Otherwise, the test above would prove nothing.
    """
    other = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            if not name.endswith("mini.safetensors"):
                new.writestr(name, old.read(name))
        new.writestr("tests/test_x.py", "")
        new.writestr("eyediff/photo.png", bytes(2_000_000))
    found = problems(other)
    assert [line for line in found if "bytes" not in line] == [
        "lacks eyediff/weights/mini.safetensors",
        "holds tests/test_x.py",
        "holds eyediff/photo.png",
    ]
    assert len(found) == 4


@pytest.mark.slow
def test_the_same_source_gives_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    """SOURCE_DATE_EPOCH is set, so that anyone can compare a release with its source."""
    again = build(tmp_path / "two")
    assert sha256(again.read_bytes()).digest() == sha256(wheel.read_bytes()).digest()


def test_the_lock_holds_what_is_asked_for() -> None:
    """Every requirement of the package and its tools is pinned to a matching release with a hash.

    `scripts/lock` writes the lock file. torch is left out on purpose; scripts/lock gives the reason.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=[a-z])", (ROOT / "requirements-dev.lock").read_text())[1:]:
        name, _, rest = entry.partition("==")
        pinned.setdefault(name, []).append(rest.split()[0])
        assert "--hash=sha256:" in entry
    extras = project["optional-dependencies"]
    own = (Requirement(text) for text in extras["dev"] if text.startswith(f"{project['name']}["))
    asked = [
        *project["dependencies"],
        *extras["dev"],
        *(text for one in own for name in one.extras for text in extras[name]),
    ]
    asked += [line for line in (ROOT / "requirements-peers.txt").read_text().splitlines() if line[:1] not in ("#", "")]
    for requirement in map(Requirement, asked):
        if requirement.name not in ("torch", project["name"]):
            assert any(requirement.specifier.contains(version) for version in pinned.get(requirement.name, ())), (
                f"{requirement} is not in requirements-dev.lock: run scripts/lock"
            )

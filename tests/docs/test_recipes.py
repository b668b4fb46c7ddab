"""Tests of the recipes of docs/ci.md, as far as they can run without their CI systems."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from PIL import Image

from eyediff.cli import run

ROOT = Path(__file__).resolve().parents[2]
CI = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    found: list[str] = re.findall(rf"```{kind}\n(.*?)```", CI, re.DOTALL)
    return found


def draw(path: Path, level: int) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (40, 40), (level, 120, 150)).save(path)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create two folders with different pages, and a program `eyediff` that other programs find."""
    draw(tmp_path / "expected" / "page.png", 90)
    draw(tmp_path / "actual" / "page.png", 160)
    command = tmp_path / "bin" / "eyediff"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m eyediff "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent), prepend=":")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_systems_call_and_keep(folders: Path) -> None:
    """Each command of GitHub, GitLab, Jenkins and pre-commit runs word for word.

    It fails and leaves the files that are kept.
    """
    github, gitlab, hook = map(yaml.safe_load, blocks("yaml"))
    (jenkins,) = blocks("groovy")
    steps = github["jobs"]["pictures"]["steps"]
    assert all(("uses" in step) != ("run" in step) for step in steps)
    calls = [step["run"] for step in steps if step.get("run", "").startswith("eyediff")]
    calls += [line for line in gitlab["pictures"]["script"] if line.startswith("eyediff")]
    calls += re.findall(r"sh '\S*?(eyediff compare .*?)'", jenkins)
    kept = [step["with"]["path"].split() for step in steps if "upload" in step.get("uses", "")]
    artifacts = gitlab["pictures"]["artifacts"]
    kept += [[*artifacts["paths"], artifacts["reports"]["junit"]]]
    archived = re.findall(r"archiveArtifacts artifacts: '(.*?)'", jenkins)[0]
    kept += [[*re.findall(r"junit '(.*?)'", jenkins), *(name.removesuffix("/**") for name in archived.split(", "))]]
    assert len(calls) == len(kept) == 3
    for call, paths in zip(calls, kept, strict=True):
        assert run(shlex.split(call)[1:]) == 1
        assert all(Path(path).exists() for path in paths)
    attached = [text for text in ET.parse("eyediff.xml").getroot().itertext() if "ATTACHMENT" in text]  # noqa: S314
    assert "[[ATTACHMENT|actual/page.png]]" in attached[0]
    ((wanted,),) = [repository["hooks"] for repository in hook]
    (known,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert wanted["id"] == known["id"]
    entry = [*shlex.split(known["entry"])[1:], *wanted["args"]]
    assert run(entry) == 1
    draw(folders / "actual" / "page.png", 90)
    assert run(entry) == 0


def test_git_difftool(folders: Path) -> None:
    """git difftool compares each image that a commit changed with its previous version."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    configured, called = (line.strip() for line in CI.splitlines() if line.startswith("    git "))
    identity = "-c user.name=a -c user.email=a@b.c -c commit.gpgsign=false"
    script = f"""
        git init -q . && git add expected && git {identity} commit -qm one
        cp actual/page.png expected/page.png && git add expected && git {identity} commit -qm two
        {configured}
        {called}
    """
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=True)
    assert "FAIL: 1 pair compared, 1 score beyond a limit" in done.stderr


def test_a_call_from_node(folders: Path) -> None:
    """The helper of Playwright and Jest throws an error with the verdict. It returns if the images are alike."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    draw(folders / "actual" / "same.png", 90)
    helper, *tests = blocks("js")
    assert len(tests) == 2 and all("looksLike(" in test for test in tests)
    (folders / "looks-like.mjs").write_text(helper)
    (folders / "calls.mjs").write_text(
        """
        import { looksLike } from "./looks-like.mjs";
        looksLike("expected/page.png", "actual/same.png");
        try { looksLike("expected/page.png", "actual/page.png"); } catch (error) { console.log(error.message); }
        """
    )
    done = subprocess.run(["node", "calls.mjs"], capture_output=True, text=True, check=True)
    assert "FAIL: 1 pair compared" in done.stdout and "visible-difference" in done.stdout

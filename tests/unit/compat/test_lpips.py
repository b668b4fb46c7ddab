"""`from eyediff.compat import lpips`: scripts for the old package run with that line changed and nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.golden import peer

from .scripts import SCRIPTS

BEFORE, AFTER = "import lpips\n", "from eyediff.compat import lpips\n"


def said(change: tuple[str, str], environment: dict[str, str], folder: Path, shared: Path) -> dict[str, list[str]]:
    """The words that each script printed, all in one process and a folder of their own."""
    pictures = shared / "images" / "lpips"
    (folder / "imgs").symlink_to(pictures)
    for name, copies in {"dir0": ("ex_ref", "ex_p0"), "dir1": ("ex_p0", "ex_p1")}.items():
        (folder / name).mkdir()
        for index, copy in enumerate(copies):
            shutil.copy(pictures / f"{copy}.png", folder / name / f"{index}.png")
    shutil.copy(pictures / "ex_p1.png", folder / "dir0" / "alone.png")
    job, result = folder / "job.json", folder / "result.json"
    job.write_text(json.dumps({name: (given, text.replace(*change)) for name, (given, text) in SCRIPTS.items()}))
    runner = Path(__file__).with_name("run_scripts.py")
    command = [sys.executable, "-W", "ignore", runner, job, result]
    subprocess.run(command, check=True, env=environment, cwd=folder)
    return {name: words(text) for name, text in json.loads(result.read_text()).items()}


def words(text: str) -> list[str]:
    """Words and figures, without brackets and the old package's two lines for every network."""
    kept = [line for line in text.splitlines() if not line.startswith(("Setting up", "Loading model"))]
    return re.findall(r"[^\s,()\[\]<>]+", "\n".join(kept))


@pytest.fixture(scope="module")
def printed(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str], list[str]]]:
    """What every script prints with this package, and with the old one."""
    if importlib.util.find_spec("lpips") is None:
        pytest.skip("the peer lpips 0.1.4 is not installed")
    here = os.environ | {"EYEDIFF_WEIGHTS": str(shared / "weights"), "PYTHONPATH": ""}
    ours = said((BEFORE, AFTER), here, tmp_path_factory.mktemp("ours"), shared)
    theirs = said((BEFORE, BEFORE), peer.environment(shared), tmp_path_factory.mktemp("theirs"), shared)
    return {name: (ours[name], theirs[name]) for name in SCRIPTS}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_prints_what_it_printed(name: str, printed: dict[str, tuple[list[str], list[str]]]) -> None:
    """Words are equal, figures to 1e-5 relative as tests/golden/test_lpips.py derives it (and to 1e-7, where a sum of
    float32 figures comes near 0); after steps of an optimiser, which add up gradients that agree to 1e-4, to that."""
    found, expected = printed[name]
    assert "Traceback" not in " ".join(expected)
    assert [*map(shape, found)] == [*map(shape, expected)] and found
    stepped = name in ("pulling an image", "loss in a training loop")
    for word, wanted in zip(found, expected, strict=True):
        if shape(wanted) == "figure":
            assert float(word) == pytest.approx(float(wanted), rel=1e-4 if stepped else 1e-5, abs=1e-7)


def shape(word: str) -> str:
    """The word itself, or that it is a figure."""
    try:
        float(word)
    except ValueError:
        return word
    return "figure"


def test_the_networks_of_the_old_package_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """`print_network` prints the network and how many parameters it has, as ever."""
    from eyediff.compat import lpips

    lpips.print_network(torch.nn.Linear(3, 2))
    assert capsys.readouterr().out.splitlines()[-1] == "Total number of parameters: 8"

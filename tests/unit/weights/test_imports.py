"""Reading weights imports no large packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

HEAVY = ("torch", "onnxruntime", "PIL", "urllib3")


@pytest.mark.parametrize("zipped", [True, False])
def test_pth_files_are_read_without_torch(tmp_path: Path, zipped: bool) -> None:
    """.pth files are read without torch, and without packages for images or downloads."""
    torch.save({"a": torch.ones(2)}, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    program = (
        "import sys; from pathlib import Path; from eyediff.weights import containers, load_heads; "
        "assert containers.read(Path(sys.argv[1]), lambda name: True)['a'].tolist() == [1, 1]; load_heads('alex'); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x.pth"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

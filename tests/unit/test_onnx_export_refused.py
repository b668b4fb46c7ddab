"""Tests of exports that are refused, and of files that an export does not overwrite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import eyediff
from eyediff.errors import OutputError, UsageError


@pytest.mark.parametrize(
    ("metric", "asked", "said"),
    [
        ("fsim", {}, "fsim cannot be written as ONNX; use lpips-.*ms-ssim"),
        ("ssim@matlab", {}, "ssim@matlab cannot be written as ONNX"),
        ("psnr", {"embed": True}, "psnr has no embedding.*use an lpips-"),
        ("psnr", {"weights": "alex.pth"}, "psnr has no weights, but weights='alex.pth' was given"),
        ("psnr", {"opset": 17}, "opset 17 was given; expected 18 to"),
        ("psnr", {"layout": "chw"}, "layout='chw' is not valid; expected one of 'nhwc', 'nchw'"),
        ("psnr", {"range": (0, 255)}, "the range of uint8 pixels is fixed"),
        ("psnr", {"range": (0, 2), "input": "float32"}, r"expected one of \(0, 1\), \(-1, 1\)"),
    ],
)
def test_what_cannot_be_written_is_refused(metric: str, asked: dict[str, Any], said: str, tmp_path: Path) -> None:
    """An impossible export is refused before any work, and the message states what is possible. No file is written."""
    with pytest.raises(UsageError, match=said):
        eyediff.export(metric, tmp_path / "metric.onnx", **asked)
    assert not list(tmp_path.iterdir())


def test_what_is_there_stays_where_it_is_something_else_or_the_export_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export does not overwrite a text file. It replaces a model, but only with a complete model."""
    notes, model = tmp_path / "notes.txt", tmp_path / "metric.onnx"
    notes.write_text("mine")
    with pytest.raises(OutputError, match="is not an ONNX file"):
        eyediff.export("psnr", notes)
    assert notes.read_text() == "mine"
    eyediff.export("ssim", model)
    before = model.read_bytes()
    monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
    monkeypatch.setenv("EYEDIFF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EYEDIFF_WEIGHTS", "")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(eyediff.EyediffError, match="were not found"):
        eyediff.export("lpips-vgg", model)
    assert model.read_bytes() == before
    eyediff.export("psnr", model)
    assert len(model.read_bytes()) < len(before)

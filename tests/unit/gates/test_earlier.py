"""Tests of reading an earlier run: every format that eyediff writes is read, and other files are refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from eyediff.errors import UsageError
from eyediff.gates import read_earlier
from eyediff.output.schema import encodable
from tests.unit.output.samples import HEADER, STRANGE, UNDECODABLE

from .made import Scores, run_to

SCORES: Scores = {
    "cat.png": (0.1 + 0.2, 18.04554),
    STRANGE: (0.0, math.inf),
    UNDECODABLE: (1e-7, -math.inf),
    "torn.png": None,
}


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
def test_every_format_reads_back_to_the_last_bit(tmp_path: Path, suffix: str) -> None:
    """Names of any kind, infinite scores and failed pairs are read exactly.

    The content decides the format, not the file name.
    """
    path = run_to(tmp_path / f"old{suffix}", SCORES)
    path = path.rename(tmp_path / "old.results")
    found = read_earlier(path)
    assert found.names == ("lpips", "psnr")
    assert found.scores == {encodable(name): scores for name, scores in SCORES.items()}
    if suffix == ".csv":
        assert found.metrics is None and found.size is None
    else:
        assert found.size == "refuse"
        assert found.metrics == {name: (m.version, m.weights_sha256) for name, m in HEADER.metrics.items()}


def test_a_document_on_one_line_is_read_too(tmp_path: Path) -> None:
    """A JSON document on one line, as another program may write it, is read too."""
    path = run_to(tmp_path / "old.json", SCORES)
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert len(read_earlier(path).scores) == len(SCORES)


def _line(**changes: object) -> str:
    row = {"pair": "a", "reference": "a", "candidate": "b", "width": 1, "height": 1}
    return json.dumps({**row, "scores": {"psnr": 1.0}, "error": None, **changes})


HEAD = '{"eyediff": "1", "metrics": {"psnr": {"version": "1", "weights_sha256": null, "engine": "x"}}, "size": "crop"}'

FOREIGN = {
    "nothing": b"",
    "picture": b"\x89PNG\r\n\x1a\n\0\0",
    "prose": b"once upon a time\n",
    "other table": b"name,score\ncat,1\n",
    "short row": b"pair,reference,candidate,width,height,psnr,error\ncat.png,a\n",
    "no number": b"pair,reference,candidate,width,height,psnr,error\ncat.png,a,b,1,1,nan,\n",
    "other object": b'{"a": 1}',
    "other header": b'{"metrics": [], "size": "refuse"}',
    "torn row": f"{HEAD}\n{_line()[:-5]}".encode(),
    "twice": f"{HEAD}\n{_line()}\n{_line()}\n".encode(),
    "other scores": f"{HEAD}\n{_line(scores={'ssim': 1})}\n".encode(),
    "bare infinity": f"{HEAD}\n{_line(scores={'psnr': math.inf})}\n".encode(),
    "text for a score": f"{HEAD}\n{_line(scores={'psnr': 'high'})}\n".encode(),
    "deep": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_eyediff_did_not_write_is_refused(tmp_path: Path, kind: str) -> None:
    """A foreign file is refused in one line with its name, whatever its content."""
    path = tmp_path / "old.jsonl"
    path.write_bytes(FOREIGN[kind])
    with pytest.raises(UsageError, match=r"old\.jsonl is not a result of eyediff") as caught:
        read_earlier(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file is refused by its name, and a folder is refused as a directory."""
    with pytest.raises(UsageError, match=r"none\.jsonl.*No such file"):
        read_earlier(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="directory"):
        read_earlier(tmp_path)

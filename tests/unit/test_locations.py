"""Tests of URLs in place of paths."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff import images
from eyediff.errors import ImageError
from eyediff.locations import Url, parse_location
from eyediff.records import Pair, ScoredPair
from eyediff.run import ComparisonOptions
from eyediff.scoring.batches import score_pairs


def test_a_url_stays_as_it_was_given() -> None:
    """A URL is neither normalised nor resolved, because two slashes may be part of a name.

    A `file://` URL is a path.
    """
    url = parse_location("s3://bucket//a/../b.png")
    assert isinstance(url, Url) and str(url) == "s3://bucket//a/../b.png"
    assert url != parse_location("s3://bucket/b.png") and url == pickle.loads(pickle.dumps(url))  # noqa: S301 - our own
    assert len({url, parse_location(str(url)), parse_location("s3://bucket/a")}) == 2
    assert parse_location("file:///a/b.png") == Path("/a/b.png")
    assert not any(isinstance(parse_location(text), Url) for text in ("a/b.png", "C:\\x://y", "c://x"))


def test_images_are_read_by_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair of a URL and a file is scored, and a URL without a file gives a failure row.

    A library that raises and a file that is too large give an ImageError.
    """
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'eyediff[ray]'")
    gray = np.full((16, 16, 3), 100, np.uint8)
    Image.fromarray(gray).save(tmp_path / "a.png")
    Image.fromarray(gray + 10).save(tmp_path / "b.png")
    fsspec.filesystem("memory").pipe_file("/in/b.png", (tmp_path / "b.png").read_bytes())
    options = ComparisonOptions()
    pairs = [Pair(name, tmp_path / "a.png", parse_location(f"memory://in/{name}")) for name in ("b.png", "none.png")]
    score, failure = score_pairs(pairs, options.build_metrics(["l2"]), options.loader())
    assert isinstance(score, ScoredPair) and str(score.pair.candidate) == "memory://in/b.png"
    assert failure.stage == "read" and failure.message == "memory://in/none.png: there is no such file; check the URL"
    with pytest.raises(ImageError, match=r"^nope://x: the file cannot be downloaded \(ValueError: "):
        images.read(parse_location("nope://x"))
    monkeypatch.setattr("eyediff.defaults.MAX_FETCH", 50)
    with pytest.raises(ImageError, match="too large for a URL"):
        images.read(parse_location("memory://in/b.png"))

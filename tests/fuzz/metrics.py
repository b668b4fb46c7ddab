"""The reader of metric files.

The first byte says whether the rest is a whole file or only the description of a metric.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import save

from eyediff.errors import UsageError, WeightsError
from eyediff.metrics.backbones import TRUNKS
from eyediff.weights.metric_file import read_metric, write_metric
from eyediff.weights.metric_schema import HEAD, KEY, MODULE

from .target import Target, refused

WHOLE, ABOUT = 0, 1
HEADS = [np.linspace(0, 1, count, dtype=np.float32) for count in TRUNKS["mini"].taps]


def check(data: bytes, folder: Path) -> str:
    """Check that the heads are finite and not negative, or that the error names the file."""
    path = folder / "x.safetensors"
    content = data[1:]
    if data[:1] == bytes([ABOUT]):
        text = content.decode("utf-8", "replace")
        content = save({f"{HEAD}{index}": head for index, head in enumerate(HEADS)}, {KEY: text})
    path.write_bytes(content)
    try:
        found = read_metric(path)
        found.check_runs()
    except (WeightsError, UsageError) as error:
        return refused(error, path)
    assert found.heads is None or all(np.isfinite(head).all() and (head >= 0).all() for head in found.heads)
    assert found.version in ("0.0", "0.1")
    assert len(found.sha256) == 64
    return "read"


def seeds() -> Iterator[bytes]:
    """Yield heads for a built-in trunk and for a trunk that is a module."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.safetensors"
        common = {"mode": "head", "provenance": {"steps": 1}, "heads": HEADS, "trunk_sha256": "ab" * 32}
        for form in (
            write_metric(path, trunk="mini", **common).description,  # type: ignore[arg-type]
            write_metric(path, trunk=f"{MODULE}x", taps=["a"] * len(HEADS), scaled=False, **common).description,  # type: ignore[arg-type]
        ):
            yield bytes([WHOLE]) + path.read_bytes()
            yield bytes([ABOUT]) + form.to_json().encode()


WORDS = (
    b'"trunk": "mini"', b'"trunk": "module:x"', b'"scaled": true', b'"taps": []', b'"mode": ', b'"provenance": {}',
    b'"format": 1', b'"trunk_sha256": ', b"NaN", b"1e999", b"[[[[", b"null", b"-1", b'"\\ud800"', b"__metadata__",
    b'"dtype":"F32"', b'"shape":[', b'"data_offsets":[', b"heads.0", b"trunk.features.0.weight", b"\\u001b", b"9" * 400,
)  # fmt: skip

TARGET = Target("metric", check, seeds, WORDS)

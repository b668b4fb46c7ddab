"""Every operation, computed by every library, in comparison with numpy: an operation has only one definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner

RANDOM = np.random.RandomState(7)
WEIGHT = RANDOM.standard_normal((4, 3, 3, 3)).astype(np.float32)
DEEP = RANDOM.standard_normal((6, 1, 5, 1)).astype(np.float32)
BIAS = RANDOM.standard_normal(4).astype(np.float32)
HEAD = RANDOM.rand(3).astype(np.float32)
ROOT = np.array([0.5, 2, -1], np.float32)
EYE = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)


def read_twice(verbs: Any, x: Any) -> Any:
    """Read a value with a convolution and with another operation."""
    return verbs.add(verbs.conv(x, EYE), x)


PROGRAMS: dict[str, Callable[..., Any]] = {
    "conv": lambda v, a, b: v.conv(a, WEIGHT, BIAS, stride=2, pad=1),
    "conv of groups": lambda v, a, b: v.conv(v.concat([a, b]), DEEP, pad=(2, 0), groups=6),
    "relu": lambda v, a, b: v.relu(a),
    "maxpool": lambda v, a, b: v.maxpool(a, size=3, stride=2, ceil=False),
    "maxpool over the edge": lambda v, a, b: v.maxpool(a, size=3, stride=2, ceil=True),
    "halve": lambda v, a, b: v.halve(a),
    "halve twice": lambda v, a, b: v.halve(v.halve(a)),
    "shrink": lambda v, a, b: v.shrink(a, 3),
    "shrink to an even factor": lambda v, a, b: v.shrink(v.add(a, b), 2),
    "concat": lambda v, a, b: v.concat([b, a]),
    "channels": lambda v, a, b: v.channels(v.concat([b, a]), 2, 5),
    "rows": lambda v, a, b: v.rows(a, 2, -1),
    "rows to the end": lambda v, a, b: v.rows(a, -3, None),
    "below": lambda v, a, b: v.below([b, v.rows(a, 0, 0), a]),
    "affine": lambda v, a, b: v.affine(a, ROOT, HEAD),
    "affine without offset": lambda v, a, b: v.affine(a, ROOT),
    "affine of an affine": lambda v, a, b: v.affine(v.affine(a, ROOT, HEAD), HEAD, ROOT),
    "affine of an affine without offset": lambda v, a, b: v.affine(v.affine(a, ROOT), HEAD, ROOT),
    "affine without offset of an affine": lambda v, a, b: v.affine(v.affine(a, ROOT, HEAD), HEAD),
    "affine read by a padded convolution": lambda v, a, b: v.conv(v.affine(a, ROOT, HEAD), WEIGHT, BIAS, pad=1),
    "affine of nothing read by a convolution": lambda v, a, b: v.conv(v.affine(a, ROOT * 0, HEAD), WEIGHT, pad=1),
    "affine read by a convolution of groups": lambda v, a, b: v.conv(v.affine(a, ROOT, HEAD), DEEP[:3], groups=3),
    "affine read by two": lambda v, a, b: read_twice(v, v.affine(a, ROOT, HEAD)),
    "unit": lambda v, a, b: v.unit(a),
    "unit of nothing": lambda v, a, b: v.unit(v.sub(a, a)),
    "weigh": lambda v, a, b: v.weigh(a, HEAD),
    "total": lambda v, a, b: v.total(a),
    "add": lambda v, a, b: v.add(a, b),
    "sub": lambda v, a, b: v.sub(a, b),
    "mul": lambda v, a, b: v.mul(a, b),
    "div": lambda v, a, b: v.div(a, v.affine(b, np.ones(1, np.float32), np.full(1, 3, np.float32))),
    "root": lambda v, a, b: v.root(v.mul(a, a)),
    "power": lambda v, a, b: v.power(v.mul(a, a), 2.4),
    "exp": lambda v, a, b: v.exp(a),
    "log": lambda v, a, b: v.log(v.affine(a, np.ones(1, np.float32), np.full(1, 3, np.float32))),
    "larger": lambda v, a, b: v.larger(a, b),
    "area": lambda v, a, b: v.div(a, v.area(a)),
    "border": lambda v, a, b: v.border(a, 3, 1),
    "mean": lambda v, a, b: v.mean(a),
    "level": lambda v, a, b: v.sub(a, v.level(b)),
    "flat": lambda v, a, b: v.flat(a),
    "resize up": lambda v, a, b: v.resize(v.maxpool(a, size=3, stride=2, ceil=True), like=b),
    "resize from one": lambda v, a, b: v.resize(v.conv(a, WEIGHT[:, :, :, :], stride=16), like=b),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(("height", "width"), [(16, 12), (9, 13), (12, 15)])
def test_onnx_runtime_means_what_numpy_means(name: str, height: int, width: int) -> None:
    """ONNX Runtime equals numpy for even and odd sides, because pooling and strides differ there.

    The tolerance is 1e-5 absolute: float32 is compared with float64, for 3 x 27 products of at most about 10.
    """
    a, b = RANDOM.randint(0, 256, (2, 2, height, width, 3)).astype(np.uint8)
    found = OnnxRunner("cpu").compile(PROGRAMS[name], 2)(a, b)
    expected = NumpyRunner().compile(PROGRAMS[name], 2)(a, b)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_every_verb_is_tried() -> None:
    """Every operation of the protocol has a program in this file."""
    from eyediff.metrics.ops import Verbs

    verbs = {name for name in vars(Verbs) if not name.startswith("_")}
    assert {name.split()[0] for name in PROGRAMS} >= verbs


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_white_is_one_and_black_is_minus_one(dtype: type) -> None:
    """White is 1 and black is -1 for every storage type. Pixels are scaled inside the graph."""
    from eyediff.records import PEAKS

    white = np.full((1, 2, 2, 3), PEAKS[np.dtype(dtype)], dtype)
    for runner in (OnnxRunner("cpu"), NumpyRunner()):
        run = runner.compile(lambda verbs, a, b: verbs.concat([a, b]), 2)
        found = run(white, np.zeros_like(white))
        np.testing.assert_allclose(found[:, :3], 1, rtol=1e-7)
        np.testing.assert_array_equal(found[:, 3:], -1)

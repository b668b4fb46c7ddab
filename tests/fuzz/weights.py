"""The reader of weights: `.pth` files of both formats, and safetensors files.

The first byte says what the rest is. It is a whole file, or a pickle that is put into a valid zip archive or a valid
file of the older format. Mutations of such a pickle reach the interpreter of pickles.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import save

from eyediff.errors import WeightsError
from eyediff.weights import containers, pth
from tests.unit.weights import files
from tests.unit.weights.files import dictionary, storage, tensor

from .target import Target, refused

WHOLE, ZIPPED, LEGACY = 0, 1, 2


def check(data: bytes, folder: Path) -> str:
    """Check that tensors are float32 in C order within the size limit, or that a WeightsError names the file."""
    path = folder / "x.pth"
    kind, content = data[:1], data[1:]
    if kind == bytes([ZIPPED]):
        files.write_zip(path, content)
    elif kind == bytes([LEGACY]):
        files.write_legacy(path, content)
    else:
        path.write_bytes(content)
    try:
        found = containers.read(path, lambda name: not name.startswith("classifier"))
    except WeightsError as error:
        return refused(error, path)
    assert sum(figures.nbytes for figures in found.values()) <= pth.MAX_BYTES
    for name, figures in found.items():
        assert isinstance(name, str)
        assert figures.dtype == np.float32
        assert figures.flags.c_contiguous
    return "read"


def seeds() -> Iterator[bytes]:
    """Yield valid files of every kind, and bodies of pickles."""
    two = dictionary(a=tensor(), b=tensor(shape=(2, 2), strides=(1, 2)))
    bodies = [two, dictionary(state_dict=two), dictionary(a=tensor(storage(kind="HalfStorage", size=8), shape=(8,)))]
    bodies += [dictionary(a=tensor(storage(kind="BFloat16Storage", size=8), 2, (2, 3), (3, 1)))]
    with TemporaryDirectory() as folder:
        for body in bodies:
            yield bytes([ZIPPED]) + body
            yield bytes([LEGACY]) + body
            for write in (files.write_zip, files.write_legacy):
                yield bytes([WHOLE]) + write(Path(folder) / "x", body).read_bytes()
    figures = {"a": np.arange(4, dtype=np.float32), "b": np.ones((2, 2), np.float16), "c": np.ones(3)}
    yield bytes([WHOLE]) + save(figures, {"eyediff": "{}"})


WORDS = (
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_tensor\n", b"ctorch.nn.parameter\nParameter\n",
    b"ccollections\nOrderedDict\n", b"ctorch\nFloatStorage\n", b"ctorch\nSize\n", b"ctorch\nFloatTensor\n",
    b"cos\nsystem\n", b"cbuiltins\neval\n", storage(), tensor(), b"\x80\x02", b"PK\x03\x04", b"PK\x01\x02",
    b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"__metadata__", b'"dtype":"F32"', b'"shape":[', b'"data_offsets":[',
    *(bytes([code]) for code in b"().}]seuabRQqhtl\x81\x85\x86\x87\x88\x89\x8a\x8c\x8d\x93\x94"),
)  # fmt: skip

TARGET = Target("weights", check, seeds, WORDS)

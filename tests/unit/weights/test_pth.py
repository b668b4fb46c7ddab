"""Reading `.pth` files without torch, in comparison with torch.load."""

from __future__ import annotations

import io
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from eyediff.errors import WeightsError
from eyediff.metrics.ops import Array
from eyediff.weights import containers, pth

from . import files

FORMATS = {"zip": True, "legacy": False}


def everything(name: str) -> bool:
    return True


@pytest.fixture(params=FORMATS)
def zipped(request: pytest.FixtureRequest) -> bool:
    return FORMATS[request.param]


def save(value: object, path: Path, zipped: bool, protocol: int = 2) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    return path


def assert_as_torch(path: Path, found: dict[str, Array]) -> None:
    # The test itself wrote the file, so it is safe. weights_only would warn of newer pickle protocols.
    expected = torch.load(path, weights_only=False, map_location="cpu")
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == np.float32
        assert found[name].flags.c_contiguous and found[name].flags.writeable
        # Every bit is equal: float32 is copied, half and bfloat16 are converted exactly, and double is rounded by the
        # same IEEE rule.
        np.testing.assert_array_equal(found[name], tensor.detach().to(torch.float32).numpy(), strict=True)


def test_reads_what_torch_reads(tmp_path: Path, zipped: bool) -> None:
    """All float types are read, and so are views with strides and offsets, scalars, empty tensors and parameters.

    Several tensors may share a storage.
    """
    torch.manual_seed(0)
    base = torch.randn(6, 8)
    state = OrderedDict(
        base=base,
        transposed=base.t(),
        part=base[1:5:2, 3:],
        flat=base.view(-1)[5:],
        scalar=torch.tensor(3.5),
        empty=torch.empty(0, 3),
        double=torch.randn(5, dtype=torch.float64),
        half=torch.randn(3, 3).half().t(),
        brain=torch.randn(4, 3).bfloat16().t(),
        brain_scalar=torch.tensor(1.5).bfloat16(),
        parameter=torch.nn.Parameter(torch.randn(3)),
        frozen=torch.nn.Parameter(torch.randn(3)[::2], requires_grad=False),
    )
    path = save(state, tmp_path / "x.pth", zipped)
    assert_as_torch(path, containers.read(path, everything))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_every_pickle_protocol(tmp_path: Path, zipped: bool, protocol: int) -> None:
    """Every pickle protocol of torch.save is read.

    Newer protocols use frames, a memo without numbers, and names from the stack.
    """
    path = save({"features.0.weight": torch.arange(6.0).reshape(2, 3)}, tmp_path / "x.pth", zipped, protocol)
    assert_as_torch(path, containers.read(path, everything))


def test_reads_the_state_of_a_module(tmp_path: Path, zipped: bool) -> None:
    """The state_dict of a module is read. Its attribute _metadata is dropped."""
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Linear(2, 2))
    path = save(module.state_dict(), tmp_path / "x.pth", zipped)
    assert_as_torch(path, containers.read(path, everything))


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_finds_the_state_in_a_checkpoint(tmp_path: Path, zipped: bool, key: str) -> None:
    """The weights are found in the checkpoint of a training script, beside the epoch and the state of the optimiser."""
    optimizer = {
        "state": {0: {"step": torch.tensor(3.0)}},
        "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99), "x": None}],
    }
    path = save({"epoch": 3, key: {"a": torch.ones(2)}, "optimizer": optimizer}, tmp_path / "x.pth", zipped)
    assert {name: figures.tolist() for name, figures in containers.read(path, everything).items()} == {"a": [1.0, 1.0]}


def test_reads_weights_that_lay_on_a_gpu(tmp_path: Path) -> None:
    """The device of a storage does not matter."""
    on_gpu = files.storage().replace(files.text("cpu"), files.text("cuda:0"))
    content = np.arange(4, dtype="<f4").tobytes()
    for write in (files.write_zip, files.write_legacy):
        path = write(tmp_path / "x.pth", files.dictionary(a=files.tensor(on_gpu)), {"0": content})
        assert containers.read(path, everything)["a"].tolist() == [0, 1, 2, 3]


def test_reads_the_oldest_files(tmp_path: Path) -> None:
    """Files from before 2018 are read.

    Their tensors come from _rebuild_tensor, as in the official file of VGG16, or are created empty and filled by BUILD.
    The same holds for parameters. Python 2 wrote an OrderedDict as a list of pairs, and strings as bytes.
    """
    where = [files.storage(), files.integer(1), files.tuple_of(files.integer(3)), files.tuple_of(files.integer(1))]
    rebuilt = files.call(files.name("torch._utils", "_rebuild_tensor"), *where)
    filled = files.call(files.name("torch", "FloatTensor")) + files.tuple_of(*where) + b"b"
    flags = files.tuple_of(b"\x88", b"\x89", b"}") + b"b"
    parameter = files.name("torch.nn.parameter", "Parameter") + b"(" + rebuilt + b"t\x81" + flags
    variable = files.name("torch.nn.parameter", "Parameter") + b")\x81"
    variable += files.tuple_of(rebuilt, b"N", b"N", b"\x88", b"\x89") + b"b"
    values = {"rebuilt": rebuilt, "filled": filled, "parameter": parameter, "variable": variable}
    pairs = b"".join(b"](U" + bytes([len(key)]) + key.encode() + value + b"e" for key, value in values.items())
    body = files.call(files.name("collections", "OrderedDict"), b"](" + pairs + b"e")
    path = files.write_legacy(tmp_path / "old.pth", body, {"0": np.arange(4, dtype="<f4").tobytes()})
    found = containers.read(path, everything)
    assert list(found) == list(values)
    assert all(figures.tolist() == [1.0, 2.0, 3.0] for figures in found.values())


def test_reads_views_of_storages(tmp_path: Path) -> None:
    """Files before torch 0.4 could name a part of a storage. The offset of a tensor then counts from this part."""
    view = files.tuple_of(files.text("v"), files.integer(2), files.integer(3))
    body = files.dictionary(a=files.tensor(files.storage(size=6, view=view), offset=1, shape=(2,)))
    path = files.write_legacy(tmp_path / "x.pth", body, {"0": np.arange(6, dtype="<f4").tobytes()})
    assert containers.read(path, everything)["a"].tolist() == [3.0, 4.0]


def test_of_a_whole_network_only_what_is_kept_is_read(tmp_path: Path, zipped: bool) -> None:
    """Only the requested tensors are read from the file, not the 200 MB of the classifier."""
    state = {"features.0.weight": torch.ones(8, 8), "classifier.1.weight": torch.zeros(2_000_000)}
    path = save(state, tmp_path / "x.pth", zipped)
    counted = Counted(path.read_bytes())
    read = pth.read_zip if zipped else pth.read_legacy
    assert list(read(counted, lambda name: name.startswith("features."))) == ["features.0.weight"]
    # The older format needs the buffer of one pickle (4 MiB). The newer one needs the directory and its tail (64 KiB).
    assert counted.bytes_read < (pth.MAX_PICKLE + 10_000 if not zipped else 100_000)
    assert counted.getbuffer().nbytes > 8_000_000


class Counted(io.BytesIO):
    """File that counts the bytes that are read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.bytes_read += len(found)
        return found


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.uint8, torch.bool])
def test_integers_are_refused_where_they_are_wanted(tmp_path: Path, zipped: bool, kind: torch.dtype) -> None:
    """Integers are refused if they are requested, because weights are floats. Other tensors may have any type."""
    path = save({"a": torch.ones(2), "count": torch.ones(2).to(kind)}, tmp_path / "x.pth", zipped)
    assert containers.read(path, "a".__eq__)["a"].tolist() == [1.0, 1.0]
    with pytest.raises(WeightsError, match=r"x\.pth: the tensor 'count' has the type \w+; expected one of Float"):
        containers.read(path, everything)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (torch.nn.Conv2d(3, 4, 3), "torch.nn.modules.conv.Conv2d"),
        ({"a": np.ones(3)}, "numpy"),
        ({"a": torch.ones(3, dtype=torch.complex64)}, "torch.ComplexFloatStorage"),
        ({"a": torch.ones(3).to_sparse()}, "torch._utils._rebuild_sparse_tensor"),
        ([torch.ones(3)], "no named tensors"),
        ({"epoch": 3}, "no named tensors"),
        (torch.ones(3), "no named tensors"),
    ],
)
def test_what_is_not_tensors_by_name_is_refused_by_name(
    tmp_path: Path, zipped: bool, value: object, reason: str
) -> None:
    """A pickled module, arrays, and tensors of a type that no backbone has are refused.

    The error is one line that names the file and the object.
    """
    path = save(value, tmp_path / "x.pth", zipped)
    with pytest.raises(WeightsError, match=reason) as caught:
        containers.read(path, everything)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_file_from_a_big_endian_machine_is_refused(tmp_path: Path) -> None:
    """A big-endian file is refused, because its values would be read in the wrong byte order."""
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", files.program(files.dictionary(a=files.tensor())))
        archive.writestr("a/byteorder", "big")
        archive.writestr("a/data/0", bytes(16))
    with pytest.raises(WeightsError, match="big-endian"):
        containers.read(path, everything)


@pytest.mark.parametrize("name", ["alexnet_features.pth", "squeezenet1_1_features.pth"])
def test_official_files_read_as_torch_reads_them(shared: Path, name: str) -> None:
    """Official files are read as torch reads them. One is in the newer format, and one is in the older format."""
    path = shared / "weights" / name
    if not path.exists():
        pytest.skip(f"{name} is not in ../shared/weights")
    assert_as_torch(path, containers.read(path, everything))

"""Hostile pickles in .pth files: no code in them runs.

Each attack is a file. An attack that can run code is first shown to work with Python's own pickle.
"""

from __future__ import annotations

import copyreg
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eyediff.weights import containers
from eyediff.weights.restricted_unpickler import MAX_STEPS
from tests.unit.weights import files
from tests.unit.weights.files import call, dictionary, integer, name, storage, tensor, text, tuple_of

from .refused import refuse

EXTENSION = 0x7F
"""An unused code of copyreg's registry."""


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """Return the path of a folder that a successful attack creates."""
    return tmp_path / "canary"


@pytest.fixture
def extension() -> Iterator[None]:
    """Register os.mkdir in copyreg's registry, as a careless library might leave it."""
    copyreg.add_extension("os", "mkdir", EXTENSION)
    yield
    copyreg.remove_extension("os", "mkdir", EXTENSION)


LIVE: dict[str, Callable[[str], bytes]] = {
    "GLOBAL and REDUCE": lambda path: call(name("os", "mkdir"), text(path)),
    "os.system": lambda path: call(name("os", "system"), text(f"mkdir '{path}'")),
    "STACK_GLOBAL": lambda path: text("os") + text("mkdir") + b"\x93" + tuple_of(text(path)) + b"R",
    "STACK_GLOBAL with a dotted name": lambda path: (
        b"\x80\x04" + text("shutil") + text("os.mkdir") + b"\x93" + tuple_of(text(path)) + b"R"
    ),
    "INST": lambda path: b"(" + text(path) + b"ios\nmkdir\n",
    "OBJ": lambda path: b"(" + name("os", "mkdir") + text(path) + b"o",
    "EXT1": lambda path: b"\x82" + bytes([EXTENSION]) + tuple_of(text(path)) + b"R",
    "EXT4": lambda path: b"\x84" + struct.pack("<I", EXTENSION) + tuple_of(text(path)) + b"R",
    "eval": lambda path: call(name("builtins", "eval"), text(f"__import__('os').mkdir({path!r})")),
    "a name recalled from the memo": lambda path: name("os", "mkdir") + b"q\x000h\x00" + tuple_of(text(path)) + b"R",
    "among honest values": lambda path: dictionary(**{"features.0.bias": call(name("os", "mkdir"), text(path))}),
    "beside what is kept": lambda path: dictionary(other=b"]" + call(name("os", "mkdir"), text(path)) + b"a"),
    "left below the result": lambda path: call(name("os", "mkdir"), text(path)) + b"0" + dictionary(),
    "BUILD through __setstate__": lambda path: (
        name("functools", "partial") + tuple_of(name("os", "mkdir")) + b"\x81"
        + tuple_of(name("os", "mkdir"), tuple_of(text(path)), b"}", b"N") + b"b" + tuple_of() + b"R"
    ),
}  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="one of the attacks speaks to a POSIX shell")
@pytest.mark.parametrize("attack", LIVE)
@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_code_is_not_run(
    tmp_path: Path, canary: Path, extension: None, attack: str, write: Callable[[Path, bytes], Path]
) -> None:
    """The reader refuses each program and runs nothing, although Python's own pickle runs it."""
    body = LIVE[attack](str(canary))
    pickle.loads(files.program(body))  # noqa: S301 - the very thing that is not done elsewhere
    assert canary.is_dir(), "the attack is not live, so the test below would show nothing"
    canary.rmdir()
    refuse(write(tmp_path / "x.pth", body), "no code was run")
    assert not canary.exists()


@pytest.mark.parametrize("position", range(5))
def test_code_is_not_run_in_any_pickle_of_the_older_format(tmp_path: Path, canary: Path, position: int) -> None:
    """Code is not run in any of the five pickles of the older format.

    The pickles are the magic number, the protocol, the system, the tensors and the list of storages.
    """
    attack = files.program(call(name("os", "mkdir"), text(str(canary))))
    path = files.write_legacy(tmp_path / "x.pth", dictionary(a=tensor()), instead={position: attack})
    refuse(path, "mkdir.*no code was run")
    assert not canary.exists()


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("other", [None, 1, "x", [], ["0", "0"], ["1"], [["0"]], [[[]] * 9], {}, {"little_endian": 1}])
def test_each_pickle_of_the_older_format_is_checked(tmp_path: Path, position: int, other: object) -> None:
    """A file with another value in place of any of the five pickles is refused."""
    path = tmp_path / "x.pth"
    refuse(files.write_legacy(path, dictionary(a=tensor()), instead={position: pickle.dumps(other, 2)}))


VALUES = {
    "a class made by NEWOBJ": name("subprocess", "Popen") + tuple_of(text("true")) + b"\x81",
    "NEWOBJ_EX": name("collections", "OrderedDict") + b")}\x92",
    "an allowed module, another name": name("torch._utils", "_import_dotted_name"),
    "an allowed name with more behind it": text("torch._utils") + text("_rebuild_tensor_v2.__globals__") + b"\x93",
    "a space in a name": text("torch._utils _rebuild_tensor_v2") + text("") + b"\x93",
    "torch's own loader": call(name("torch", "load"), text("/etc/passwd")),
    "a tensor from numpy": name("numpy.core.multiarray", "_reconstruct"),
    "a persistent id of protocol 0": b"Pevil\n",
    "a name that is a number": integer(1) + integer(2) + b"\x93",
    "a name that is a deep list": b"]" * 1000 + b"a" * 999 + text("x") + b"\x93",
    "a call of a string": text("os.mkdir") + b")R",
    "a call of a storage's type": name("torch", "FloatStorage") + b")R",
    "a call without a tuple": name("collections", "OrderedDict") + b"]R",
    "BUILD on a name": name("collections", "OrderedDict") + b"}b",
    "BUILD on a list": b"]}b",
    "BUILD on a tensor with a dict": tensor() + b"}b",
    "BUILD on a tensor with what is no tensor": tensor() + tuple_of(b"N", b"N", b"N", b"N", b"N") + b"b",
    "BUILD on a tensor with a false storage": tensor() + tuple_of(b"N", integer(0), b")", b")") + b"b",
    "a key that is a tuple": b"}" + b"))" + b"s",
    "a key that is a list of lists": b"}" + b"]" * 500 + b"a" * 499 + b"Ns",
    "entries into a tuple": b")N" + b"a",
    "items into a list": b"](" + text("a") + b"Nu",
    "an odd number of items": b"}(" + text("a") + b"u",
    "an OrderedDict of numbers": call(name("collections", "OrderedDict"), b"](K\x01K\x02e"),
    "an OrderedDict of two lists": call(name("collections", "OrderedDict"), b"]", b"]"),
    "a parameter of a string": call(name("torch.nn.parameter", "Parameter"), text("x")),
    "a size of strings": call(name("torch", "Size"), tuple_of(text("x"))),
    "a size of nothing": call(name("torch", "Size")),
    "a tensor of too few arguments": call(name("torch._utils", "_rebuild_tensor"), storage()),
    "a tensor on a string": tensor(text("storage")),
    "a negated tensor": tensor()[:-2] + b"}" + text("neg") + b"\x88stR",
    "a storage without a type": tuple_of(text("storage"), text("Float"), text("0"), text("cpu"), integer(4)) + b"Q",
    "a storage of a tensor's type": storage(kind="FloatTensor"),
    "a storage whose key is a number": storage().replace(text("0"), integer(0)),
    "a reference to a module": tuple_of(text("module"), text("x"), text("x"), text("x")) + b"Q",
    "a reference that is a string": text("0") + b"Q",
    "one storage, two sizes": tensor(storage(size=8)),
    "one storage, two types": tensor(storage(kind="IntStorage")),
    "a memo that was never written": b"h\x07",
    "an opcode that does not exist": b"\xff",
    "a string longer than the file": b"X\xff\xff\xff\xffabc",
    "a string of 2**63 bytes": b"\x8d" + b"\xff" * 8,
    "a string that is not unicode": b"X\x02\x00\x00\x00\xff\xfe",
    "a tensor that is never filled": name("torch.nn.parameter", "Parameter") + b")\x81",
}  # fmt: skip

PROGRAMS = {
    "pop of an empty stack": b"a",
    "pop below a mark": dictionary(a=tensor()) + b"(\x85t\x86",
    "a tuple without a mark": dictionary(a=tensor()) + b"t",
    "a mark that stays": b"(" + dictionary(a=tensor()),
    "two values": dictionary(a=tensor()) + b"N",
    "no value": b"",
}


@pytest.mark.parametrize("attack", VALUES)
@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_what_torch_does_not_write_is_refused(
    tmp_path: Path, attack: str, write: Callable[[Path, bytes], Path]
) -> None:
    """A file is refused if a value beside a valid tensor misuses an opcode, a name or the memo."""
    refuse(write(tmp_path / "x.pth", dictionary(honest=tensor(), other=VALUES[attack])))


@pytest.mark.parametrize("attack", PROGRAMS)
@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_a_stack_out_of_balance_is_refused(tmp_path: Path, attack: str, write: Callable[[Path, bytes], Path]) -> None:
    """A pickle is refused if it takes a value that is not on the stack, or does not leave exactly one value."""
    refuse(write(tmp_path / "x.pth", PROGRAMS[attack]), "its pickle is damaged")


TWICE = [b"](" + b"h" + bytes([level]) + b"h" + bytes([level]) + b"eq" + bytes([level + 1]) for level in range(100)]

BOMBS = {
    "steps": (b"](" + b"N" * MAX_STEPS + b"e", "takes more than"),
    "copies of a long list of pairs": (
        b"](](" + (b"]" + text("k") + b"aNa") * 1000 + b"eq\x00"
        + call(name("collections", "OrderedDict"), b"h\x00") * 500 + b"e",
        "takes more than",
    ),
    "100,000 open marks": (b"(" * 100_000, "does not end with one value|cut short|damaged"),
    "a number of a million digits": (b"I" + b"9" * 1_000_000 + b"\n", "damaged"),
    "a pickle of 5 MB": (text("x" * 5_000_000), "more than|cut short"),
    "a name of a megabyte": (name("a" * 1_000_000, "b"), "no code was run"),
}  # fmt: skip

HARMLESS = {
    "lists that hold each other twice, 100 deep": b"](" + b"]q\x00" + b"".join(TWICE) + b"e",
    "a list within a list, 90,000 deep": b"]" * 90_000 + b"a" * 89_999,
    "a tuple within a tuple, 90,000 deep": b")" + b"\x85" * 90_000,
    "a list that holds itself": b"]q\x00h\x00a",
}


@pytest.mark.parametrize("attack", BOMBS)
@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_bombs_do_not_go_off(tmp_path: Path, attack: str, write: Callable[[Path, bytes], Path]) -> None:
    """The size of the file and MAX_STEPS limit the work and the memory."""
    body, reason = BOMBS[attack]
    refuse(write(tmp_path / "x.pth", dictionary(honest=tensor(), other=body)), reason)


@pytest.mark.parametrize("attack", HARMLESS)
@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_nothing_recurses_over_what_was_built(
    tmp_path: Path, attack: str, write: Callable[[Path, bytes], Path]
) -> None:
    """Plain containers of any depth are never traversed.

    Beside a tensor they are ignored, and without a tensor the file is refused.
    """
    path = write(tmp_path / "x.pth", dictionary(honest=tensor(), other=HARMLESS[attack]))
    assert containers.read(path, lambda _: True)["honest"].tolist() == [0, 0, 0, 0]
    refuse(write(tmp_path / "x.pth", HARMLESS[attack]), "no named tensors|its list of storages")

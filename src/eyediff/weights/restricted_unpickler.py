"""Interpret the pickle in a `.pth` file. The interpreter can build only tensors and plain containers.

A pickle is a program, and Python's own interpreter calls every function whose name is in the program. The interpreter
in this module knows only the opcodes that `torch.save` writes, and a fixed table of names. Each name stands for a
function of this package that describes a tensor. A file cannot import or call anything else. Any other name or opcode
is refused with a message.

Files of all versions of torch can be read. They use `_rebuild_tensor_v2`, `_rebuild_tensor` (torchvision's VGG16),
`_rebuild_parameter`, tensors and parameters that the opcode BUILD fills, and OrderedDicts of Python 2 and 3.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from ..errors import WeightsError
from . import pth_tensors
from .pth_tensors import StorageInfo, TensorInfo, unexpected

MAX_STEPS = 200_000
"""Largest number of steps. A step is one opcode, or one item that an opcode copies.

A state dict takes about 40 steps for each tensor, so a file may have about 5,000 tensors.
"""


def unpickle(stream: BytesIO) -> tuple[object, Mapping[str, StorageInfo]]:
    """Read one pickle from a stream. Return its value, and the storages of its tensors by their keys.

    Afterwards, the position of `stream` is the end of the pickle.

    Raises
    ------
    WeightsError
        If the pickle has anything except tensors and plain containers. The message does not state the path of the file.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            machine.count_steps(1)
            step = _STEPS.get(opcode.name)
            if step is None:
                raise WeightsError(
                    f"its pickle uses the opcode {opcode.name}, which a file of tensors does not need; no code was run"
                )
            step(machine, argument)
    except (ValueError, Warning) as error:  # pickletools raises these for unknown opcodes, an early end or odd escapes
        raise WeightsError(f"its pickle is damaged or cut short ({str(error)[:80]!r})") from None
    if len(machine.stack) != 1 or machine.marks:
        raise WeightsError("its pickle is damaged: it does not end with exactly one value")
    return machine.stack[0], machine.storages


@dataclass(frozen=True, slots=True)
class _GlobalName:
    """A name of the table `_NAMES` on the stack of the interpreter. It stands for a function that is not yet called."""

    text: str


class _Machine:
    """State of the interpreter: a stack of values, positions on the stack (marks), and stored values (the memo)."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}
        self.storages: dict[str, StorageInfo] = {}
        self._left = MAX_STEPS

    def count_steps(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise WeightsError(f"its pickle takes more than {MAX_STEPS:,} steps; a file of tensors needs fewer")

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> object:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise WeightsError("its pickle is damaged: it takes a value from an empty stack")
        return self.stack.pop()

    def top(self) -> object:
        self.push(value := self.pop())
        return value

    def since_mark(self) -> list[object]:
        if not self.marks:
            raise WeightsError("its pickle is damaged: it needs a mark that was never set")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def pop_many(self, number: int) -> list[object]:
        return [self.pop() for _ in range(number)][::-1]

    def set_memo(self, index: int) -> None:
        self.memo[index] = self.top()

    def get_memo(self, index: int) -> None:
        if index not in self.memo:
            raise WeightsError("its pickle is damaged: it needs a value that was never stored")
        self.push(self.memo[index])

    def name(self, text: str) -> None:
        if text not in _NAMES:
            raise WeightsError(
                f"its pickle uses {text.replace(' ', '.')[:80]!r}, which is neither a tensor nor a plain container; "
                "no code was run"
            )
        self.push(_GlobalName(text))

    def name_from_stack(self) -> None:
        module, name = self.pop_many(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise unexpected("a name")
        self.name(f"{module} {name}")

    def call(self) -> None:
        callee, arguments = self.pop_many(2)
        if not isinstance(callee, _GlobalName) or not isinstance(arguments, tuple):
            raise unexpected("a call")
        self.push(_NAMES[callee.text](self, arguments))

    def build(self) -> None:
        """Set the values of a tensor that was created before. Old files use this opcode.

        If the target is a dict, its state has attributes that torch adds. These are ignored.
        """
        state, target = self.pop(), self.top()
        if isinstance(target, dict):
            return
        if not isinstance(target, TensorInfo) or not isinstance(state, tuple):
            raise unexpected("a state")
        if len(state) == 4:
            target.assign(pth_tensors.build_tensor(state))
        elif len(state) == 5 and isinstance(state[0], TensorInfo):
            target.assign(state[0])
        elif len(state) != 3:  # a state of three values has only flags, which are ignored
            raise unexpected("a tensor's state")

    def set_items(self, items: list[object]) -> None:
        """Add entries to the dict on top of the stack. `items` has alternating keys and values."""
        self.count_steps(len(items))
        target = self.top()
        if not isinstance(target, dict) or len(items) % 2:
            raise unexpected("a dict's entry")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, int):  # the hash of a deeply nested key might take forever
                raise unexpected("a key")
            target[key] = value

    def append(self, items: list[object]) -> None:
        """Append items to the list on top of the stack."""
        target = self.top()
        if not isinstance(target, list):
            raise unexpected("a list's entry")
        target.extend(items)

    def resolve_persistent_id(self) -> None:
        """Resolve a persistent id, with which torch refers to values outside the pickle."""
        match self.pop():
            case ("storage", _GlobalName(text), key, _, size, *view) if text in _STORAGES and len(view) <= 1:
                found = pth_tensors.build_storage(_STORAGES[text], key, size, view[0] if view else None)
            case _:
                raise unexpected("a reference")
        whole = StorageInfo(found.kind, found.key, found.size, 0, found.size)
        if self.storages.setdefault(found.key, whole) != whole:
            raise WeightsError(f"its pickle states two sizes or two types for the storage {found.key[:40]!r}")
        self.push(found)


def _parameter(_: _Machine, arguments: tuple[object, ...]) -> TensorInfo:
    """Return the tensor of a parameter. Old files have no tensor here, and set the values of the parameter later."""
    if not arguments:
        return TensorInfo()
    if not isinstance(arguments[0], TensorInfo):
        raise unexpected("a parameter")
    return arguments[0]


def _dictionary(machine: _Machine, arguments: tuple[object, ...]) -> object:
    """Return a dict, which is empty or made from a list of pairs. Python 2 writes an OrderedDict as a list of pairs."""
    if len(arguments) > 1 or not isinstance(pairs := arguments[0] if arguments else [], list):
        raise unexpected("a dict")
    machine.push({})
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise unexpected("a dict's entry")
        machine.set_items(list(pair))
    return machine.pop()


def _size(_: _Machine, arguments: tuple[object, ...]) -> tuple[int, ...]:
    if len(arguments) != 1:
        raise unexpected("a size")
    return pth_tensors.check_counts(arguments[0])


def _uncallable(_: _Machine, __: tuple[object, ...]) -> object:
    raise unexpected("a storage")


_KINDS = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")

_STORAGES = {f"torch {kind}Storage": kind for kind in _KINDS}

_NAMES: Mapping[str, Callable[[_Machine, tuple[object, ...]], object]] = {
    "collections OrderedDict": _dictionary,
    "torch._utils _rebuild_tensor_v2": lambda _, arguments: pth_tensors.build_tensor(arguments),
    "torch._utils _rebuild_tensor": lambda _, arguments: pth_tensors.build_tensor(arguments),
    "torch._utils _rebuild_parameter": _parameter,
    "torch.nn.parameter Parameter": _parameter,
    "torch Size": _size,
    **dict.fromkeys((f"torch {kind}Tensor" for kind in _KINDS), _parameter),
    **dict.fromkeys(_STORAGES, _uncallable),
}
"""All names that a pickle may use, and the function that is called for each."""

_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT")
_STRINGS = ("BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING")

_STEPS: Mapping[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda *_: None),
    **dict.fromkeys(_NUMBERS + _STRINGS, _Machine.push),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.push(tuple(machine.pop_many(1))),
    "TUPLE2": lambda machine, _: machine.push(tuple(machine.pop_many(2))),
    "TUPLE3": lambda machine, _: machine.push(tuple(machine.pop_many(3))),
    "APPEND": lambda machine, _: machine.append(machine.pop_many(1)),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set_items(machine.pop_many(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.set_memo),
    "MEMOIZE": lambda machine, _: machine.set_memo(len(machine.memo)),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine.get_memo),
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": lambda machine, _: machine.name_from_stack(),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), lambda machine, _: machine.call()),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.resolve_persistent_id(),
}

"""Check that the arguments of public functions have the types that the annotations state."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, wraps
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from .errors import ArgumentTypeError, Setting, UsageError, excerpt

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)


def check_argument_types(function: F) -> F:
    """Return a function that checks the types of its arguments, and then calls `function` with them.

    The returned function raises ArgumentTypeError if an argument does not have its annotated type. NumPy numbers are
    accepted as numbers, and lists as tuples. It raises UsageError for an empty path, and for a value that a `Literal`
    does not list; in a list, only the types of the values are checked. The annotations are read at the first call.

    Examples
    --------
    >>> @check_argument_types
    ... def double(number: float) -> float:
    ...     return 2 * number
    >>> double("2")
    Traceback (most recent call last):
    eyediff.errors.ArgumentTypeError: double: number is '2' (str); expected float
    """
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        try:
            bound = signature.bind(*arguments, **named)
        except TypeError as error:
            raise ArgumentTypeError(
                f"{function.__name__}: {error}; its parameters are {signature_text(signature)}"
            ) from None
        hints = _hints(function)
        for name, value in bound.arguments.items():
            if name in hints and not _fits(value, hints[name]):
                raise ArgumentTypeError(
                    f"{_owner(function)}: {name} is {excerpt(repr(value), 60)} ({type(value).__name__}); "
                    f"expected {_text(hints[name])}"
                )
            if name in hints and not _is_listed(value, hints[name]):
                raise UsageError(Setting(name, value), f" is not valid; expected {_text(hints[name])}")
            if name in hints and _has_empty_path(value, hints[name]):
                raise UsageError(
                    f"{_owner(function)}: {name} has an empty path; expected the path of a file or a folder"
                )
        return function(*arguments, **named)

    return cast(F, checked)


def check_method_types(kind: C) -> C:
    """Apply `check_argument_types` to the constructor and every public method of a class."""
    for name, method in list(vars(kind).items()):
        if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
            setattr(kind, name, check_argument_types(method))
    return kind


def signature_text(signature: inspect.Signature) -> str:
    """Return the names of the parameters as text, without `self`."""
    return ", ".join(name for name in signature.parameters if name != "self")


def _owner(function: Callable[..., Any]) -> str:
    return function.__qualname__.removesuffix(".__init__").rpartition("<locals>.")[2]


@lru_cache(maxsize=256)
def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the annotated type of each parameter.

    Parameters whose types are imported only for type checkers are left out, so they are not checked.
    """
    found: dict[str, Any] = {}
    for name, annotation in function.__annotations__.items():
        with suppress(NameError):
            found |= get_type_hints(SimpleNamespace(__annotations__={name: annotation}), function.__globals__)
    return found


def _fits(value: object, hint: Any) -> bool:  # noqa: PLR0911  # one return for each kind of annotation
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return isinstance(value, tuple({type(each) for each in inner}))
    if hint in (int, float):
        return isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
    if hint is bool:
        return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")
    if origin is tuple and Ellipsis not in inner:
        return isinstance(value, (tuple, list)) and len(value) == len(inner) and all(map(_fits, value, inner))
    if origin in (Sequence, list, tuple):
        return _is_row(value) and all(_fits(each, inner[0]) for each in cast(Sequence[Any], value))
    if origin in (Mapping, dict):
        return isinstance(value, Mapping) and all(
            _fits(each, inner[0]) and _fits(value[each], inner[1]) for each in value
        )
    if origin is Iterable:
        return isinstance(value, Iterable) and not isinstance(value, (str, bytes))
    kind = origin or hint
    if kind is Callable or origin is cast(Any, Callable):
        return callable(value)
    return not isinstance(kind, type) or isinstance(value, kind) or (kind is NoneType and value is None)


def _is_listed(value: object, hint: Any) -> bool:
    """Return whether a value that fits `hint` is one of the values of its `Literal`. True if it has no `Literal`."""
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, each) and _is_listed(value, each) for each in get_args(hint))
    return get_origin(hint) is not Literal or value in get_args(hint)


def _has_empty_path(value: object, hint: Any) -> bool:
    """Return whether a value that fits `hint` is or contains an empty text that stands for a path.

    Python would take this text for the current folder.
    """
    inner = get_args(hint)
    if isinstance(value, str):
        return not value and get_origin(hint) in (Union, UnionType) and {str, Path} <= set(inner)
    if isinstance(value, Mapping) and get_origin(hint) is Mapping:
        return any(_has_empty_path(each, inner[1]) for each in value.values())
    return False


def _is_row(value: object) -> bool:
    """Return whether a value is a sequence other than text. An array with one axis counts as a sequence."""
    if isinstance(value, Sequence):
        return not isinstance(value, (str, bytes))
    return getattr(value, "ndim", 0) == 1


def _text(hint: Any) -> str:  # noqa: PLR0911  # one return for each kind of annotation
    """Return the text that names a type in an error message."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_text(each) for each in inner))
    if origin is Literal:
        return "one of " + ", ".join(map(repr, inner))
    if origin is tuple:
        return f"a tuple ({', '.join(_text(each) for each in inner)})"
    if origin in (Sequence, list):
        return f"a list of {_text(inner[0])}"
    if origin in (Mapping, dict):
        return f"a mapping of {_text(inner[0])} to {_text(inner[1])}"
    if hint is NoneType:
        return "None"
    return getattr(origin or hint, "__name__", str(hint))

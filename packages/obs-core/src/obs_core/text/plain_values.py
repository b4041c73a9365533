"""Values as they are now, in types that JSON knows: later changes do not show, and nothing large is kept alive."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from obs_core.interruptions import let_pass
from obs_core.limits import RenderTimeout, limited
from obs_core.text.bounded_repr import as_shown, bounded_repr, hides_itself, shortened, shows_items, untold
from obs_core.text.masking import mask

__all__ = ["plain", "storable_name"]

_ALWAYS_JSON = frozenset((str, int, bool, type(None)))
"""Types of which JSON knows every value."""

_SCALARS = frozenset(map(id, (*_ALWAYS_JSON, float)))
_CONTAINERS = frozenset(map(id, (list, tuple, set, frozenset)))
"""Types by their ids: a metaclass may refuse to be hashed."""

_MOST_VALUES = 1_000
"""Values in a container up to which it is copied; a larger one is told by a bounded text."""

_DEEPEST = 12

_LONGEST_TEXT = 16 * 1024
"""Characters that are kept of a text, and of all in a container; one with more is told by a bounded text."""

_TAKEN_APART = ("__dataclass_fields__", "__attrs_attrs__", "__struct_fields__")
"""What marks classes that msgspec would take apart, and with them the fields that a class hides from its `repr`."""


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return attributes as they are now: scalars as they are, small containers copied, anything else as text.

    Whoever calls it runs code of the values (a `repr`, ``item()`` of a scalar), so no lock may be held.

    Args:
        values: Attributes by name, in a dict of the caller's own.

    Returns:
        The dict itself if all its values are scalars, else a copy.

    Examples:
        >>> from pathlib import PurePosixPath
        >>> plain({"rows": 3, "shape": (3, 2), "path": PurePosixPath("a.csv")})
        {'rows': 3, 'shape': [3, 2], 'path': "PurePosixPath('a.csv')"}
    """
    try:
        for value in values.values():
            # Not its __class__, which may be code of its own, and raise.
            kind = type(value)
            if kind is str:
                if len(value) > _LONGEST_TEXT:
                    break
            elif kind not in _ALWAYS_JSON and not (kind is float and value - value == 0.0):
                break
        else:
            return values
    except BaseException as error:  # a metaclass may refuse to be hashed; asking for an id takes longer than to hash
        let_pass(error)
    return {name: _plain(value) for name, value in values.items()}


def storable_name(name: str) -> str:
    """Write halves of surrogate pairs, which no record takes, in escapes: a file's name may have them."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


def _plain(value: Any) -> Any:
    if type(value) is str:
        return shortened(mask(value), _LONGEST_TEXT) if len(value) > _LONGEST_TEXT else value
    if id(type(value)) in _SCALARS:
        return _in_json(value)
    try:
        return limited(lambda: _copied(value, _Room()))
    except RenderTimeout as error:
        return untold(value, error)
    except BaseException as error:
        let_pass(error)
        return bounded_repr(value)


class _TooLarge(Exception):
    """A container is too large, or too deep, to be copied."""


class _Room:
    """How much of a value may still be copied."""

    __slots__ = ("characters", "left")

    def __init__(self) -> None:
        self.left = _MOST_VALUES
        self.characters = _LONGEST_TEXT

    def take_text(self, text: str) -> str:
        self.characters -= len(text)
        if self.characters < 0:
            raise _TooLarge
        return text

    def take(self, count: int, depth: int) -> None:
        self.left -= count
        if self.left < 0 or depth > _DEEPEST:
            raise _TooLarge


def _copied(value: Any, room: _Room, depth: int = 0) -> Any:
    kind = type(value)
    if kind is str:
        return room.take_text(value)
    if id(kind) in _SCALARS:
        return _in_json(value)
    if isinstance(value, (str, int, float, Enum)) and hides_itself(value):
        return bounded_repr(value)
    if isinstance(value, Enum):
        return _copied(value._value_, room, depth)  # msgspec would take apart what a class of it hides
    if isinstance(value, (dict, list, tuple, set, frozenset)) and not shows_items(value):
        return bounded_repr(value)
    if isinstance(value, dict):
        room.take(len(value), depth)
        copied: dict[str, Any] = {}
        for key, entry in dict.items(value):
            copied[room.take_text(_name(key, copied))] = _copied(entry, room, depth + 1)
        return copied
    if id(kind) in _CONTAINERS:
        room.take(len(value), depth)
        return [_copied(entry, room, depth + 1) for entry in list(value)]
    if any(hasattr(kind, mark) for mark in _TAKEN_APART) or isinstance(value, _TOLD):
        return bounded_repr(value)
    return _in_json(msgspec.to_builtins(value, enc_hook=_described))


_TOLD = (list, tuple, set, frozenset, bytes, bytearray, memoryview)
"""What is told by its text: subclasses of containers, and bytes, which msgspec would write in base64."""


def _in_json(value: Any) -> Any:
    """Return a plain value; of a number that JSON does not know, its name: ``"nan"``, ``"inf"``."""
    return str(value) if type(value) is float and value - value != 0.0 else value


def _name(key: Any, taken: dict[str, Any]) -> str:
    """Name an entry so that it takes the place of no other: JSON knows ``1`` and ``"1"`` by one name."""
    name = _key(key)
    if name not in taken:
        return name
    shown = bounded_repr(key)
    others = (shown, *(f"{shown} ({type(key).__name__}{number or ''})" for number in range(len(taken) + 1)))
    return next(other for other in others if other not in taken)


def _key(key: Any) -> str:
    if type(key) is str:
        return key
    return bounded_repr(key) if isinstance(key, (str, int, float)) and hides_itself(key) else as_shown(key)


def _described(value: Any) -> Any:
    """Tell a value that JSON does not know: a numpy scalar by its number, others by a bounded repr."""
    if isinstance(value, (int, float, str)):
        return next(kind(value) for kind in (int, float, str) if isinstance(value, kind))
    if callable(getattr(value, "item", None)) and getattr(value, "ndim", None) == 0:
        return value.item()
    return bounded_repr(value)

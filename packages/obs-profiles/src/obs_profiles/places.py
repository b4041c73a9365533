"""Where the frames of a call are: what it takes and returns, and what is within these."""

from __future__ import annotations

import inspect
from collections import UserList, deque
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Any, NamedTuple

import numpy as np

from obs_core import TaskCall
from obs_core.values.hints import parts_of
from obs_core.values.remembered import is_instance
from obs_profiles.columns import is_frame, is_frame_elsewhere, is_frame_type

__all__ = [
    "RESULT",
    "Place",
    "arguments_of",
    "frames_in",
    "parameters_of",
    "promises_frame",
    "promises_several",
    "root_of",
]

RESULT = "return"

_MAPPINGS = (dict, Mapping)

_HOLD = (tuple, list, dict, set, frozenset, deque, UserList, ItemsView, ValuesView)
"""What is looked into: of an iterator nothing would be left for the task."""


class Place(NamedTuple):
    """Where data is: an argument, or what is returned, or a part of it; or what `log` was given.

    Attributes:
        name: What it is called: ``"flights"``, ``"frames[0]"``, ``"return"``, ``"return train"``.
        data: What is there.
        within: What it is a part of, the whole first.
        logged: Whether `log` was given it.
    """

    name: str
    data: Any
    within: tuple[str, ...] = ()
    logged: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """By which names it is asked for: those of what it is a part of, then its own."""
        return *self.within, self.name

    def text(self, call: TaskCall) -> str:
        """Say where that is."""
        if self.logged:
            return f"{self.name} in {call.name}"
        if root_of(self.name) == RESULT:
            return f"the {self.name.replace(RESULT, 'result', 1)} of {call.name}"
        return f"argument {self.name} of {call.name}"

    def part(self, key: object, data: Any) -> Place:
        """Return the place of a part: of a result that is ``"return train"``, of all else ``"frames[train]"``."""
        name = f"{self.name} {key}" if self.name == RESULT else f"{self.name}[{key}]"
        return Place(name, data, self.names)


def arguments_of(call: TaskCall) -> list[Place]:
    """Return the arguments of a call; what ``*args`` and ``**kw`` collect, one by one.

    Raises:
        TypeError: The function cannot be called with them.
    """
    arguments = call.arguments()
    kinds = {} if call.function is None else inspect.signature(call.function).parameters
    found: list[Place] = []
    for name, value in arguments.items():
        place = Place(name, value)
        collects = kinds[name].kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        found += _parts(place, value) if collects else [place]
    return found


def frames_in(place: Place, around: tuple[int, ...] = ()) -> Iterator[Place]:
    """Go through the frames that a value is, or that it holds in tuples, lists, sets and mappings, however deep.

    Args:
        place: The value.
        around: What it is a part of, by identity: a list may hold itself.

    Yields:
        Each frame, also of a kind that cannot be profiled.
    """
    value = place.data
    if isinstance(value, np.ndarray) and value.dtype.hasobject and not value.dtype.names:
        value = value.tolist()
    if is_frame(value) or is_frame_elsewhere(type(value)):
        yield place
    elif is_instance(value, (*_HOLD, Mapping)) and id(value) not in around and _may_hold_frames(value):
        for part in _parts(place, value):
            yield from frames_in(part, (*around, id(value)))


def _parts(place: Place, value: Any) -> Iterator[Place]:
    parts = value.items() if is_instance(value, _MAPPINGS) else enumerate(value, place.name == RESULT)
    return (place.part(key, part) for key, part in parts)


def _may_hold_frames(value: Any) -> bool:
    """Tell whether one of many values is a frame or may hold one, by their types, of which there are few."""
    parts = value.values() if is_instance(value, _MAPPINGS) else value
    examples = {id(type(part)): part for part in parts}
    return any(
        is_frame_type(type(part)) or is_frame_elsewhere(type(part)) or is_instance(part, (np.ndarray, *_HOLD, Mapping))
        for part in examples.values()
    )


def promises_frame(hint: Any) -> bool:
    """Tell whether a hint names a frame, also within others: ``list[DataFrame]``, ``Iterator[LazyFrame]``."""
    kinds = (getattr(part, "__origin__", part) for part in parts_of(hint))
    return any(is_frame_type(kind) or is_frame_elsewhere(kind) for kind in kinds if isinstance(kind, type))


def promises_several(hint: Any) -> bool:
    """Tell whether a hint names what holds several values, of which there may be none: ``list[DataFrame]``."""
    kinds = (getattr(part, "__origin__", part) for part in parts_of(hint))
    return any(issubclass(kind, Iterable) and not is_frame_type(kind) for kind in kinds if isinstance(kind, type))


def root_of(name: str) -> str:
    """Return the argument that a name is of, or ``"return"``."""
    return name.partition("[")[0].partition(" ")[0]


def parameters_of(function: Callable[..., Any]) -> dict[str, str] | None:
    """Return the parameters of a function, and its result, with how each is written; None where nobody knows."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    collect = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {each.name: f"{each.name}[...]" if each.kind in collect else each.name for each in parameters} | {
        RESULT: RESULT
    }

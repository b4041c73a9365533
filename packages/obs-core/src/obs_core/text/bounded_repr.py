"""A `repr` of anything that stays short, ends, and never raises."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import islice
from types import MappingProxyType
from typing import Any

from obs_core.interruptions import let_pass

__all__ = ["bounded_repr", "describe_error"]

_MOST_ITEMS = 200
_DEEPEST = 12
_LONGEST_TEXT = 2_000
_LONGEST_MESSAGE = 500
_LONGEST_INT = 8_000  # bits; Python refuses to write much longer ones in decimal

# How a container is written, by the `__repr__` that its class has or inherits: a class with its own keeps it.
_SEQUENCES: dict[object, tuple[str, str]] = {
    list.__repr__: ("[", "]"),
    tuple.__repr__: ("(", ")"),
    set.__repr__: ("{", "}"),
    frozenset.__repr__: ("frozenset({", "})"),
    deque.__repr__: ("deque([", "])"),
    type({}.keys()).__repr__: ("dict_keys([", "])"),
    type({}.values()).__repr__: ("dict_values([", "])"),
    type({}.items()).__repr__: ("dict_items([", "])"),
}
_MAPPINGS: dict[object, tuple[str, str]] = {
    dict.__repr__: ("{", "}"),
    OrderedDict.__repr__: ("OrderedDict({", "})"),
    Counter.__repr__: ("Counter({", "})"),
    defaultdict.__repr__: ("defaultdict({", "})"),
    MappingProxyType.__repr__: ("mappingproxy({", "})"),
}
_TEXTS = (str.__repr__, bytes.__repr__, bytearray.__repr__)


def bounded_repr(value: object, limit: int = 20_000, *, lines: bool = False) -> str:
    """Write a value as `repr` does, but bounded: in length, depth and in the number of items looked at.

    Args:
        value: Anything: containers that hold themselves or millions of items, objects whose `repr` raises.
        limit: The most characters.
        lines: Write each item of the outermost container on a line of its own.

    Returns:
        Text in which ``...`` and "N more" tell what was left out.

    Examples:
        >>> bounded_repr(list(range(1_000_000)), limit=12)
        '[0, 1, 2, 3,...'
    """
    try:
        return _joined(_pieces(value, _Nest(lines)), limit)
    except BaseException as error:
        let_pass(error)
        return f"<{object.__repr__(value)[1:-1]}; its repr raised {describe_error(error)}>"


def describe_error(error: BaseException) -> str:
    """Tell an exception in one bounded line, ``"ValueError: no such airport"``; never raises.

    Examples:
        >>> describe_error(KeyError("JFK"))
        "KeyError: 'JFK'"
    """
    try:
        message = " ".join(str.__str__(str(error))[: 4 * _LONGEST_MESSAGE].split())
    except BaseException as broken:
        let_pass(broken)
        message = "(its message cannot be had)"
    if len(message) > _LONGEST_MESSAGE:
        message = f"{message[:_LONGEST_MESSAGE]}..."
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _joined(pieces: Iterator[str], limit: int) -> str:
    """Take no more pieces than are needed: what comes after the limit is never made."""
    taken: list[str] = []
    length = 0
    for piece in pieces:
        taken.append(piece)
        length += len(piece)
        if length > limit:
            return "".join(taken)[:limit] + "..."
    return "".join(taken)


class _Nest:
    """Where in the value the writing is: which containers are around it."""

    __slots__ = ("around", "lines")

    def __init__(self, lines: bool) -> None:
        self.lines = lines
        self.around: list[int] = []

    def refuses(self, value: object) -> bool:
        return len(self.around) >= _DEEPEST or id(value) in self.around

    def line_break(self) -> str:
        return "\n    " if self.lines and len(self.around) == 1 else ""


def _pieces(value: Any, nest: _Nest) -> Iterator[str]:
    form = type(value).__repr__
    if form in _SEQUENCES:
        return _sequence(value, _SEQUENCES[form], nest)
    if form in _MAPPINGS:
        return _mapping(value, _MAPPINGS[form], nest)
    fields = _field_names(value)
    return _record(value, fields, nest) if fields else iter((_leaf(value, form),))


def _sequence(value: Any, brackets: tuple[str, str], nest: _Nest) -> Iterator[str]:
    if isinstance(value, set | frozenset) and not value:
        return iter((f"{type(value).__name__}()",))
    first, last = brackets
    if isinstance(value, tuple) and len(value) == 1:
        last = f",{last}"
    items = (_pieces(item, nest) for item in list(islice(iter(value), _MOST_ITEMS)))
    return _container(value, first, items, last, nest, len(value) - _MOST_ITEMS)


def _mapping(value: Any, brackets: tuple[str, str], nest: _Nest) -> Iterator[str]:
    items = (_pair(pair, nest) for pair in list(islice(value.items(), _MOST_ITEMS)))
    return _container(value, brackets[0], items, brackets[1], nest, len(value) - _MOST_ITEMS)


def _record(value: Any, names: Iterable[str], nest: _Nest) -> Iterator[str]:
    fields = (_field(name, getattr(value, name, None), nest) for name in names)
    return _container(value, f"{type(value).__name__}(", fields, ")", nest)


def _container(
    value: Any, first: str, items: Iterable[Iterator[str]], last: str, nest: _Nest, more: int = 0
) -> Iterator[str]:
    if nest.refuses(value):
        yield f"{first}...{last}"
        return
    nest.around.append(id(value))
    gap = nest.line_break()
    yield first
    for index, item in enumerate(items):
        yield f",{gap or ' '}" if index else gap
        yield from item
    if more > 0:
        yield f",{gap or ' '}... {more:,} more"
    nest.around.pop()
    yield f"\n{last}" if gap else last


def _pair(pair: tuple[Any, Any], nest: _Nest) -> Iterator[str]:
    yield from _pieces(pair[0], nest)
    yield ": "
    yield from _pieces(pair[1], nest)


def _field(name: str, value: Any, nest: _Nest) -> Iterator[str]:
    yield f"{name}="
    yield from _pieces(value, nest)


def _field_names(value: Any) -> tuple[str, ...]:
    """The fields of a named tuple or data class that is written in the usual way."""
    form: Any = type(value).__repr__
    if hasattr(value, "_fields") and getattr(form, "__module__", "") == "collections":
        return tuple(value._fields)
    if not hasattr(value, "__dataclass_fields__") or not hasattr(form, "__wrapped__"):
        return ()
    from dataclasses import fields  # slow to import; whoever has a data class has imported it

    return tuple(field.name for field in fields(value) if field.repr)


def _leaf(value: Any, form: object) -> str:
    if form in _TEXTS:
        return _text(value)
    if type(value) is int and value.bit_length() > _LONGEST_INT:
        return f"<int of about {int(value.bit_length() * 0.30103):,} digits>"
    try:
        return str.__str__(repr(value))
    except BaseException as error:
        let_pass(error)
        return f"<{object.__repr__(value)[1:-1]}; its repr raised {describe_error(error)}>"


def _text(value: Any) -> str:
    more = len(value) - _LONGEST_TEXT
    return repr(value) if more <= 0 else f"{value[:_LONGEST_TEXT]!r}... {more:,} more"

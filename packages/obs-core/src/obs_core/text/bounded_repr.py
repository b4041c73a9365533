"""A `repr` of anything that stays short, ends, and never raises."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import islice
from types import MappingProxyType
from typing import Any, cast

from obs_core.interruptions import ignoring, let_pass
from obs_core.limits import limited
from obs_core.text.arrow_damage import refuse_damaged
from obs_core.text.masking import mask, mask_value

__all__ = [
    "as_shown",
    "as_text",
    "as_told",
    "bounded_repr",
    "describe_error",
    "hides_itself",
    "int_text",
    "notes_of",
    "shortened",
    "shown_fields",
    "shows_items",
    "untold",
]

_MOST_ITEMS = 200
_MOST_SORTED = 10_000
_DEEPEST = 12
_LONGEST_TEXT = 2_000
_LONGEST_MESSAGE = 500
_MOST_NOTES = 5
_LONGEST_INT = 8_000  # bits; Python refuses to write much longer ones in decimal

# How a container is written, by the `__repr__` that its class has or inherits: a class with its own keeps it. By its
# id, since one of somebody's own may refuse to be hashed.
_SEQUENCES: dict[int, tuple[str, str]] = {
    id(list.__repr__): ("[", "]"),
    id(tuple.__repr__): ("(", ")"),
    id(set.__repr__): ("{", "}"),
    id(frozenset.__repr__): ("frozenset({", "})"),
    id(deque.__repr__): ("deque([", "])"),
    id(type({}.keys()).__repr__): ("dict_keys([", "])"),
    id(type({}.values()).__repr__): ("dict_values([", "])"),
    id(type({}.items()).__repr__): ("dict_items([", "])"),
}
_MAPPINGS: dict[int, tuple[str, str]] = {
    id(dict.__repr__): ("{", "}"),
    id(OrderedDict.__repr__): ("OrderedDict({", "})"),
    id(Counter.__repr__): ("Counter({", "})"),
    id(defaultdict.__repr__): ("defaultdict({", "})"),
}
_AROUND_OTHERS = frozenset(map(id, (UserDict.__repr__, UserList.__repr__, MappingProxyType.__repr__)))
"""How containers are written that show another one's `repr`."""

_TEXTS = (str.__repr__, bytes.__repr__, bytearray.__repr__)


def bounded_repr(value: object, limit: int = 20_000, *, lines: bool = False, sort_sets: bool = False) -> str:
    """Write a value as `repr` does, but bounded: in length, depth and in the number of items looked at.

    Args:
        value: Anything: containers that hold themselves or millions of items, objects whose `repr` raises.
        limit: The most characters.
        lines: Write each item of the outermost container on a line of its own.
        sort_sets: Sort what sets hold by how it is written: their own order is another one in each process. Of one of
            more than 10,000 items only their number is written.

    Returns:
        Text in which ``...`` and "N more" tell what was left out.

    Examples:
        >>> bounded_repr(list(range(1_000_000)), limit=12)
        '[0, 1, 2, 3,...'
    """
    try:
        return limited(lambda: _joined(_pieces(value, _Nest(lines, sort_sets)), limit))
    except BaseException as error:
        let_pass(error)
        return untold(value, error)


def untold(value: object, error: BaseException) -> str:
    """Say of a value what can be said without asking it: its type, its address, and what asking it raised."""
    return f"<{object.__repr__(value)[1:-1]}; its repr raised {describe_error(error)}>"


def describe_error(error: BaseException) -> str:
    """Describe an exception in one bounded line, ``"ValueError: no such airport"``; never raises.

    Args:
        error: The exception.

    Examples:
        >>> describe_error(KeyError("JFK"))
        "KeyError: 'JFK'"
    """
    try:
        message = _in_one_line(limited(lambda: str.__str__(str(error))))
    except BaseException as broken:
        let_pass(broken)
        message = "(its message cannot be had)"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def notes_of(error: BaseException) -> tuple[list[str], int]:
    """Return the first notes that `add_note` has added to an exception, and how many more there are; never raises.

    Args:
        error: The exception; what stands in its ``__notes__`` may be anything.

    Returns:
        Each note as one bounded line, and the count of those that are left out.

    Examples:
        >>> error = ValueError("no such airport")
        >>> error.add_note("row 5 of flights.csv")
        >>> notes_of(error)
        (['row 5 of flights.csv'], 0)
    """
    try:
        notes: Any = limited(lambda: getattr(error, "__notes__", None))
        if type(notes) is not list:
            return [], 0
        texts = [note for note in notes[:_MOST_NOTES] if issubclass(type(note), str)]
        lines = [line for text in texts if (line := _in_one_line(str.__str__(text)))]
        return lines, max(0, len(notes) - _MOST_NOTES)
    except BaseException as broken:
        let_pass(broken)
        return [], 0


def _in_one_line(text: str) -> str:
    # Masked before it is cut: half of a secret would not be known any more.
    line = " ".join(mask(text[: 40 * _LONGEST_MESSAGE]).split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."


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

    __slots__ = ("around", "lines", "sort_sets")

    def __init__(self, lines: bool, sort_sets: bool) -> None:
        self.lines = lines
        self.sort_sets = sort_sets
        self.around: list[int] = []

    def refuses(self, value: object) -> bool:
        return len(self.around) >= _DEEPEST or id(value) in self.around

    def within(self, value: object) -> _Nest:
        """Begin to write an item of a container by itself."""
        inner = _Nest(False, self.sort_sets)
        inner.around = [*self.around, id(value)]
        return inner

    def line_break(self) -> str:
        return "\n    " if self.lines and len(self.around) == 1 else ""


def _pieces(value: Any, nest: _Nest) -> Iterator[str]:
    form: Any = type(value).__repr__
    if id(form) in _AROUND_OTHERS:
        before, inside, after = _around(value)
        return _framed(before, inside, after, nest)
    if id(form) in _SEQUENCES:
        return _sequence(value, _SEQUENCES[id(form)], nest)
    if id(form) in _MAPPINGS:
        return _mapping(value, _MAPPINGS[id(form)], nest)
    fields = shown_fields(value)
    return _record(value, fields, nest) if fields else iter((_leaf(value, form),))


def _sequence(value: Any, brackets: tuple[str, str], nest: _Nest) -> Iterator[str]:
    if isinstance(value, set | frozenset) and not value:
        return iter((f"{type(value).__name__}()",))
    first, last = brackets
    if isinstance(value, tuple) and len(value) == 1:
        last = f",{last}"
    if nest.sort_sets and isinstance(value, set | frozenset):
        shown = _sorted_items(value, nest)
        return _container(value, first, map(iter, ([text] for text in shown)), last, nest, len(value) - len(shown))
    items = (_pieces(item, nest) for item in list(islice(iter(value), _MOST_ITEMS)))
    return _container(value, first, items, last, nest, len(value) - _MOST_ITEMS)


def _sorted_items(value: set[Any] | frozenset[Any], nest: _Nest) -> list[str]:
    if len(value) > _MOST_SORTED or nest.refuses(value):
        return []
    return sorted(_joined(_pieces(item, nest.within(value)), _LONGEST_TEXT) for item in list(value))[:_MOST_ITEMS]


def _mapping(value: Any, brackets: tuple[str, str], nest: _Nest) -> Iterator[str]:
    items = (_pair(pair, nest) for pair in list(islice(value.items(), _MOST_ITEMS)))
    return _container(value, brackets[0], items, brackets[1], nest, len(value) - _MOST_ITEMS)


def _record(value: Any, shown: dict[str, Any], nest: _Nest) -> Iterator[str]:
    fields = (_field(name, part, nest) for name, part in shown.items())
    return _container(value, f"{type(value).__name__}(", fields, ")", nest)


def _around(value: Any) -> tuple[str, Any, str]:
    """Return the container that another one shows, whose own `repr` counts, and what is written around it."""
    if isinstance(value, UserDict | UserList):
        return "", value.data, ""
    import gc

    return "mappingproxy(", gc.get_referents(value)[0], ")"  # nothing else tells what it stands for


def _framed(before: str, inside: Any, after: str, nest: _Nest) -> Iterator[str]:
    yield before
    yield from _pieces(inside, nest)
    yield after


def _container(
    value: Any, first: str, items: Iterable[Iterator[str]], last: str, nest: _Nest, more: int = 0
) -> Iterator[str]:
    if nest.refuses(value):
        yield f"{first}...{last}"
        return
    nest.around.append(id(value))
    gap = nest.line_break()
    yield first
    index = -1
    for index, item in enumerate(items):
        yield f",{gap or ' '}" if index else gap
        yield from item
    if more > 0:
        yield f"{'' if index < 0 else ','}{gap or ' ' * (index >= 0)}... {more:,} more"
    nest.around.pop()
    yield f"\n{last}" if gap else last


def _pair(pair: tuple[Any, Any], nest: _Nest) -> Iterator[str]:
    yield from _pieces(pair[0], nest)
    yield ": "
    yield from _pieces(pair[1], nest)


def _field(name: str, value: Any, nest: _Nest) -> Iterator[str]:
    yield f"{name}="
    yield from _pieces(value, nest)


def shows_items(value: object) -> bool:
    """Tell whether a container's `repr` is its items, as Python writes them; one of its own may hide them.

    Args:
        value: Anything.
    """
    form: Any = type(value).__repr__
    if id(form) in _AROUND_OTHERS:
        return shows_items(_around(value)[1])
    return id(form) in _SEQUENCES or id(form) in _MAPPINGS


def hides_itself(value: object) -> bool:
    """Tell whether a text, bytes or a number is written by a `repr` of its own class, which may hide what it holds.

    Args:
        value: Anything; the classes of data libraries and of enum write what they hold.
    """
    return _home(value) not in _TELLING


def _home(value: object) -> str:
    """Return the top-level package in which the `repr` of a value was written."""
    form: Any = type(value).__repr__
    home = getattr(getattr(form, "__objclass__", form), "__module__", "")
    return str(home).partition(".")[0]


_TELLING = frozenset(("builtins", "enum", "numpy", "pandas", "polars", "pyarrow"))


def as_shown(value: object) -> str:
    """Write a value as `str` does, or as its `repr` does where a class wrote one that may hide what `str` tells.

    So does a class of the user's, or of a library, that has a ``__repr__`` of its own: an URL without its password.
    What Python and the data libraries bring (a path, a date, a number) hides nothing.
    """
    if shows_items(value):
        return bounded_repr(value)  # each item that is shown, as it may be
    order = type(value).__mro__
    newer = next(each for each in order if "__repr__" in vars(each) or "__str__" in vars(each))
    refuse_damaged(value)
    told = "__str__" in vars(newer) and (_home(value) in sys.stdlib_module_names or shown_fields(value) is not None)
    return str.__str__(str(value) if told or not hides_itself(value) else repr(value))


def as_text(value: object) -> str:
    """Return a text as it is, and anything else that is given where one belongs (a name, a note) as `as_told` does.

    It never raises: what a value says of its class is not asked.
    """
    return cast("str", value) if issubclass(type(value), str) else as_told(value)


def as_told(value: object) -> str:
    """Write a value as `as_shown` does; of one that raises at that, or never ends, say what is known."""
    try:
        return int_text(value) if type(value) is int else limited(lambda: as_shown(value))
    except BaseException as error:
        let_pass(error)
        return untold(value, error)


def int_text(value: int) -> str:
    """Write an integer in decimal; of one that Python refuses to write so, how many digits it has.

    Examples:
        >>> int_text(2**70), int_text(-10**5000)
        ('1180591620717411303424', '<negative int of about 5,000 digits>')
    """
    with ignoring(ValueError):  # a limit of the user's own (`sys.set_int_max_str_digits`) may be lower
        if int.bit_length(value) <= _LONGEST_INT:
            return int.__repr__(value)
    sign = "negative " if int.__lt__(value, 0) else ""
    return f"<{sign}int of about {int(int.bit_length(value) * 0.30103):,} digits>"


def shown_fields(value: object) -> dict[str, Any] | None:
    """Take a record apart into what its `repr` shows, where that is the one that its library generated.

    What a class hides from its `repr` stays hidden: a field with ``repr=False``, and all where it writes its own.

    Args:
        value: Anything.

    Returns:
        The fields' values by name, of a data class, named tuple, `msgspec.Struct`, attrs or pydantic class;
        None for anything else.
    """
    form: Any = type(value).__repr__
    owner = _owner_of_repr(type(value))
    made_in = getattr(getattr(form, "__code__", None), "co_filename", "")
    if hasattr(owner, "_fields") and getattr(form, "__module__", "") == "collections":
        return {name: getattr(value, name, None) for name in owner._fields}
    if "__dataclass_fields__" in vars(owner) and _is_generated_by_dataclasses(form):
        from dataclasses import fields  # slow to import; whoever has a data class has imported it

        return {field.name: getattr(value, field.name, None) for field in fields(owner) if field.repr}
    if "__attrs_attrs__" in vars(owner) and made_in.startswith("<attrs generated"):
        return {each.name: _as_shown(value, each) for each in owner.__attrs_attrs__ if each.repr}
    if form is _repr_of("msgspec", "Struct"):
        return {name: getattr(value, name, None) for name in type(value).__struct_fields__}  # type: ignore[attr-defined]
    if form is _repr_of("pydantic", "BaseModel") and _is_pydantic(type(value)):
        known = type(value).model_fields.items()  # type: ignore[attr-defined]
        return {name: getattr(value, name, None) for name, field in known if field.repr}
    return None


def _owner_of_repr(kind: type) -> Any:
    for each in kind.__mro__:  # no generator: what a signal raises while one is closed is lost
        if "__repr__" in vars(each):
            return each
    return object


def _is_generated_by_dataclasses(form: Any) -> bool:
    inner = getattr(form, "__wrapped__", None)
    return getattr(getattr(inner, "__code__", None), "co_filename", "") == "<string>"


def _as_shown(value: object, attribute: Any) -> Any:
    part = getattr(value, attribute.name, None)
    return _Written(attribute.repr(part)) if callable(attribute.repr) else part


class _Written:
    """A value of which only a text is to be seen."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _repr_of(module: str, name: str) -> Any:
    """Give a class's `repr` if its module is imported: who has a value of it has imported it."""
    return getattr(getattr(sys.modules.get(module), name, None), "__repr__", None)


def _is_pydantic(kind: Any) -> bool:
    base: Any = sys.modules["pydantic"].BaseModel
    return kind.__repr_args__ is base.__repr_args__ and kind.__repr_str__ is base.__repr_str__


def _leaf(value: Any, form: object) -> str:
    if form in _TEXTS:
        return _text(value)
    if type(value) is int:
        return int_text(value)
    try:
        refuse_damaged(value)
        return mask(str.__str__(repr(value)))
    except BaseException as error:
        let_pass(error)
        return untold(value, error)


def _text(value: Any) -> str:
    """Write a text or bytes; masked before they are cut, since half of a secret would not be known any more."""
    value = mask_value(value)
    more = len(value) - _LONGEST_TEXT
    return repr(value) if more <= 0 else f"{value[:_LONGEST_TEXT]!r}... {more:,} more"


def shortened(text: str, longest: int) -> str:
    """Return the beginning and the end of a text that is too long, with how much is left out between them.

    Args:
        text: Masked before, since half of a secret would not be known any more.
        longest: How many characters are kept.
    """
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters left out … {text[-half:]}"

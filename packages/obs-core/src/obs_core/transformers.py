"""How values become bytes and come back: transformers, and which one serves which type."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from obs_core.failsafe import ObsError
from obs_core.rendering import render
from obs_core.text.bounded_repr import bounded_repr
from obs_core.values.registry import Registration, TypeRegistry

if TYPE_CHECKING:
    from json import JSONEncoder

__all__ = [
    "BytesTransformer",
    "JsonTransformer",
    "TupleTransformer",
    "TypeTransformer",
    "UnknownTransformerError",
    "find_transformer",
    "register_transformer",
    "transformer_named",
]

T = TypeVar("T")

_METHODS = ("can_transform", "to_bytes", "from_bytes", "to_html")
_MOST_ELEMENTS = 10_000
_DEEPEST = 100
_LARGEST = 16 * 1024 * 1024  # what is larger is a data set, for which somebody should have chosen a format
_LONGEST_INT = 14_000  # bits; Python refuses to read much longer ones in decimal


class UnknownTransformerError(ObsError, LookupError):
    """A value was kept by a transformer that is not installed here."""


class TypeTransformer(Generic[T]):
    """Turns values of a type into bytes and back, so that tasks' outputs can be kept and loaded later.

    A transformer is a renderer too: registered as one as well, its `to_html` draws the values in decks.

    Attributes:
        python_type: The type that it serves, or its dotted name.
        name: What the journal calls it, such as ``"whylogs.profile"``; the same for ever, since old
            executions are read by it.
        extension: How the name of a file that holds such bytes ends.
        media_type: What such bytes are, as in HTTP's Content-Type.

    Examples:
        >>> class PointTransformer(TypeTransformer[complex]):
        ...     python_type = complex
        ...     name = "example.point"
        ...     def to_bytes(self, value: complex) -> bytes:
        ...         return f"{value.real!r} {value.imag!r}".encode()
        ...     def from_bytes(self, data: bytes) -> complex:
        ...         return complex(*map(float, data.split()))
        >>> with register_transformer(PointTransformer()):
        ...     find_transformer(1 + 2j).to_bytes(1 + 2j)
        b'1.0 2.0'
    """

    python_type: type[T] | str
    name: str
    extension: str = ".bin"
    media_type: str = "application/octet-stream"

    def can_transform(self, value: T) -> bool:  # noqa: ARG002
        """Return whether this value can be kept so that an equal one is loaded.

        Args:
            value: A value of the type.

        Returns:
            True, unless a subclass knows better. A value that cannot be kept is just not kept: no error.
        """
        return True

    def to_bytes(self, value: T) -> bytes:
        """Write a value as bytes.

        Args:
            value: A value of the transformer's type.
        """
        raise NotImplementedError(f"{type(self).__name__} must define to_bytes(value) -> bytes")

    def from_bytes(self, data: bytes) -> T:
        """Make the value again.

        Args:
            data: What `to_bytes` wrote, perhaps by an older version.
        """
        raise NotImplementedError(f"{type(self).__name__} must define from_bytes(data) -> value")

    def differences(self, before: T, after: T) -> Iterable[tuple[str, str | None, str | None]]:  # noqa: ARG002
        """Return how two values differ, for ``obs diff``: where, before and now, the most telling first.

        Args:
            before: What an earlier execution kept.
            after: What a later one kept.

        Returns:
            None, unless a subclass knows better: then it is told as their decks read. None in place of a text says
            that there is nothing of it.
        """
        return ()

    def to_html(self, value: T, *others: Any) -> str:
        """Draw a value as HTML; by default with the renderer of its type.

        Args:
            value: The value; or something else, before `others`.
            *others: The value and its type, as Flyte has it: ``to_html(context, value, type)``.
        """
        return render(others[0] if others else value)


class JsonTransformer(TypeTransformer[Any]):
    """Keeps None, booleans, integers, floats, text, and lists and dicts of them, as JSON.

    What would not come back equal is not kept: tuples and sets inside, keys that are not text, subclasses
    (but those of float, such as ``numpy.float64``, come back as float), integers of more than 4,200 digits.
    Nor is what is large: more than 10,000 elements, more than 16 MiB of text. NaN and the infinities are
    written as ``NaN``, ``Infinity`` and ``-Infinity``.
    """

    python_type = dict
    name = "json"
    extension = ".json"
    media_type = "application/json"

    def can_transform(self, value: Any) -> bool:
        """Look through the value, at a bounded cost."""
        if value is None:  # what most tasks return
            return True
        if type(value) is dict or type(value) is list:
            return _comes_back_equal(value)
        return _is_plain(value) and (type(value) is not str or len(value) <= _LARGEST)

    def to_bytes(self, value: Any) -> bytes:
        """Write a value as compact JSON."""
        if value is None:
            return b"null"
        if type(value) is int or type(value) is bool:
            return b"%d" % value if type(value) is int else b"true" if value else b"false"
        # "surrogatepass": text with halves of surrogate pairs (names of files) comes back as it was
        return _json_encoder().encode(value).encode("utf-8", "surrogatepass")

    def from_bytes(self, data: bytes) -> Any:
        """Read JSON."""
        from json import loads

        return loads(data.decode("utf-8", "surrogatepass"))


class TupleTransformer(TypeTransformer[tuple[Any, ...]]):
    """Keeps a tuple, what a task returns that returns several values, as a JSON array of its parts."""

    python_type = tuple
    name = "json.tuple"
    extension = ".json"
    media_type = "application/json"

    def can_transform(self, value: tuple[Any, ...]) -> bool:
        """Look through the parts, at a bounded cost."""
        return type(value) is tuple and _comes_back_equal(list(value[: _MOST_ELEMENTS + 1]))

    def to_bytes(self, value: tuple[Any, ...]) -> bytes:
        """Write the parts as a JSON array."""
        return _json.to_bytes(list(value))

    def from_bytes(self, data: bytes) -> tuple[Any, ...]:
        """Read the parts."""
        return tuple(_json.from_bytes(data))


class BytesTransformer(TypeTransformer[bytes]):
    """Keeps bytes as they are, up to 16 MiB."""

    python_type = bytes
    name = "bytes"

    def can_transform(self, value: bytes) -> bool:
        """Tell whether these are plain bytes, and not too many."""
        return type(value) is bytes and len(value) <= _LARGEST

    def to_bytes(self, value: bytes) -> bytes:
        """Return the bytes."""
        return value

    def from_bytes(self, data: bytes) -> bytes:
        """Return the bytes."""
        return data


def register_transformer(
    transformer: TypeTransformer[Any] | type[TypeTransformer[Any]], python_type: type | str | None = None
) -> Registration:
    """Use a transformer for a type and its subclasses from now on.

    Args:
        transformer: The transformer, or its class, which is then called without arguments; it replaces an
            earlier one.
        python_type: The type, or its dotted name (``"polars.DataFrame"``), which is not imported; the
            transformer's own `python_type` when left out.

    Returns:
        The registration, to `unregister` it or to use it as a ``with`` block.

    Raises:
        TypeError: `python_type` is no type, or `transformer` is no transformer.
        ValueError: `python_type` is text that is no dotted name.
    """
    made = _as_transformer(transformer)
    return _registry.register(made.python_type if python_type is None else python_type, made)


def find_transformer(value: object) -> TypeTransformer[Any] | None:
    """Find the transformer that can keep a value.

    Args:
        value: Any value.

    Returns:
        The transformer of the nearest class that has one; None when there is none, or when it cannot keep
        this value.
    """
    found = _registry.find(type(value))
    return found if found is not None and found.can_transform(value) else None


def transformer_named(name: str) -> TypeTransformer[Any]:
    """Find the transformer that the journal calls by a name, loading those that packages declare.

    Raises:
        UnknownTransformerError: It is not installed; the message says which ones are.
    """
    others = set()
    for transformer in _registry.entries():
        if transformer.name == name:
            return transformer
        others.add(transformer.name)
    raise UnknownTransformerError(
        f"no transformer named {name!r} is installed; there are: {', '.join(sorted(others))}. Install the "
        f"package that kept the value, or call register_transformer before you load it"
    )


@cache
def _json_encoder() -> JSONEncoder:
    from json import JSONEncoder

    return JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _as_transformer(candidate: object) -> TypeTransformer[Any]:
    made: Any = candidate() if isinstance(candidate, type) else candidate
    missing = [part for part in ("name", "python_type", *_METHODS) if not getattr(made, part, None)]
    if missing:
        raise TypeError(f"{bounded_repr(made, 200)} is not a TypeTransformer: it lacks {', '.join(missing)}")
    return made  # type: ignore[no-any-return]


def _comes_back_equal(value: Any) -> bool:
    """Tell whether JSON gives an equal value of the same types, looking at a bounded number of parts."""
    level = [value]
    elements = size = 0
    for _ in range(_DEEPEST):
        elements += len(level)
        if elements > _MOST_ELEMENTS or not all(_is_plain(part) for part in level):
            return False
        size += sum(len(part) for part in level if type(part) is str)
        inner = (_parts(part) for part in level if type(part) in (list, dict))
        level = list(islice(chain.from_iterable(inner), _MOST_ELEMENTS + 1))
        if not level:
            return size <= _LARGEST
    return False


def _is_plain(part: Any) -> bool:
    kind = type(part)
    if kind is int:
        return part.bit_length() <= _LONGEST_INT  # type: ignore[no-any-return]
    if kind is dict or kind is list:
        return len(part) <= _MOST_ELEMENTS and (kind is list or all(type(key) is str for key in part))
    return part is None or kind is str or kind is bool or isinstance(part, float)


def _parts(container: list[Any] | dict[str, Any]) -> list[Any]:
    return container if isinstance(container, list) else [*container, *container.values()]


_json = JsonTransformer()

_registry: TypeRegistry[TypeTransformer[Any]] = TypeRegistry(
    "obs.transformers",
    _as_transformer,
    {
        **dict.fromkeys([type(None), bool, int, float, str, list, dict], _json),
        tuple: TupleTransformer(),
        bytes: BytesTransformer(),
    },
    # A task that returns a number does not pay for reading what all packages declare: tens of milliseconds.
    closed=frozenset([type(None), bool, int, float, str, bytes]),
)

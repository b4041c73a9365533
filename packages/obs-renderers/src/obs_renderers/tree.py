"""Show nested values as a tree that folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from obs_core.rendering import shown_fields, shows_items
from obs_core.text.controls import visible, visible_lines
from obs_core.text.numbers import plural
from obs_core.values.remembered import is_instance
from obs_renderers._cells import is_missing, label_text, value_text
from obs_renderers._markup import escape, fragment, shorten
from obs_renderers._types import reject, type_name

__all__ = ["TreeRenderer"]

_TAKES = "a dict, list, tuple, set, dataclass, named tuple, msgspec Struct, attrs or pydantic object, or JSON text"
_OPEN_NODES = 30
_MAX_NODES = 5_000
_MAX_DEPTH = 40
_MAX_TEXT = 2_000
_MAX_KEY = 200
_MAPPINGS = (dict, Mapping)
_CONTAINERS = (list, tuple, *_MAPPINGS, Set)
_RECORDS = ("__dataclass_fields__", "__struct_fields__", "__attrs_attrs__", "model_fields")


class TreeRenderer:
    """Show a dict, a list, a dataclass, JSON or the like as a tree whose branches fold; it needs no script.

    Args:
        max_items: Most entries to show of any one list or dict.

    Examples:
        >>> html = TreeRenderer().to_html({"model": {"depth": 3, "features": ["delay", "wind"]}})
    """

    def __init__(self, max_items: int = 100) -> None:
        if max_items < 1:
            raise ValueError(f"max_items must be 1 or more, not {max_items}")
        self._max_items = max_items

    def to_html(self, value: Any) -> str:
        """Render a nested value.

        Args:
            value: A container or record; a string is read as JSON.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is neither.
            ValueError: It is a string that is not JSON.
        """
        if isinstance(value, (str, bytes)):
            value = _parsed(value)
        elif branches(value) is None and not is_instance(value, _CONTAINERS) and not _is_record(value):
            reject(self, value, _TAKES)
        return fragment("tree", f"<ul>{_Walk(self._max_items).node('', value, 0)}</ul>", styles=("tree",))


def _is_record(value: object) -> bool:
    """Tell a record whose `repr` is its own, which is shown by that."""
    return any(hasattr(type(value), mark) for mark in _RECORDS)


def _parsed(text: str | bytes) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"TreeRenderer reads a string as JSON, and this is not: {error}") from None


def branches(value: Any) -> tuple[int, Iterator[tuple[str, Any]]] | None:
    """Give the number of a value's parts and the parts by name; None for one that has none, or whose `repr` is its own.

    What a class hides from its `repr` stays hidden here too.
    """
    fields = shown_fields(value)
    if fields is not None:
        return len(fields), iter(fields.items())
    if not shows_items(value):
        return None
    if is_instance(value, _MAPPINGS):
        return len(value), ((label_text(key), part) for key, part in value.items())
    return len(value), ((str(place), part) for place, part in enumerate(value))


class _Walk:
    """One walk over a value: it stops at values it is inside of, and when the page would get too long."""

    def __init__(self, max_items: int) -> None:
        self._max_items = max_items
        self._above: list[int] = []
        self._nodes = 0

    def node(self, name: str, value: Any, depth: int) -> str:
        self._nodes += 1
        # The colon and the space are text: whoever copies the tree, or reads it without its style, needs them.
        key = f'<span class="key">{escape(visible(shorten(name, _MAX_KEY)))}:</span> ' if name else ""
        parts = branches(value)
        if parts is None:
            return f"<li>{key}{_leaf(value)}</li>"
        if id(value) in self._above:
            return f'<li>{key}<span class="note">the same {escape(type_name(value))} as above</span></li>'
        return self._branch(key, value, parts, depth)

    def _branch(self, key: str, value: Any, parts: tuple[int, Iterator[tuple[str, Any]]], depth: int) -> str:
        size, entries = parts
        title = f'{key}<span class="note">{escape(type(value).__name__)} · {plural(size, _noun(value))}</span>'
        if not size:
            return f"<li>{title}</li>"
        if depth >= _MAX_DEPTH:
            return f'<li>{title} <span class="note">· deeper levels not shown</span></li>'
        opened = " open" if depth == 0 or (self._nodes + size <= _OPEN_NODES) else ""
        self._above.append(id(value))
        inside = self._entries(size, entries, depth)
        self._above.pop()
        return f"<li><details{opened}><summary>{title}</summary><ul>{inside}</ul></details></li>"

    def _entries(self, size: int, entries: Iterator[tuple[str, Any]], depth: int) -> str:
        written: list[str] = []
        for name, part in entries:
            if len(written) >= self._max_items or self._nodes >= _MAX_NODES:
                written.append(f'<li class="note">and {size - len(written):,} more</li>')
                break
            written.append(self.node(name, part, depth + 1))
        return "\n".join(written)


def _noun(value: Any) -> str:
    if is_instance(value, _MAPPINGS):
        return "key"
    return "item" if shows_items(value) else "field"


def _leaf(value: Any) -> str:
    if value is None:
        return '<span class="value none">None</span>'
    text = value_text(value)
    if isinstance(value, str):
        return f'<span class="value text">{escape(visible_lines(shorten(text, _MAX_TEXT)))}</span>'
    css = "number" if isinstance(value, (int, float)) and not is_missing(value) else "other"
    css = "boolean" if isinstance(value, bool) else css
    return f'<span class="value {css}">{escape(shorten(text, _MAX_TEXT))}</span>'

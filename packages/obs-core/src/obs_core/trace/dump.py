"""Spans as plain values: nested dicts, and YAML that is written a span at a time."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from obs_core.text.durations import format_iso
from obs_core.trace.tree import SpanTree

__all__ = ["dump", "to_dict", "to_readable_dict", "yaml_flow"]

_DEEPEST = 64
"""Levels of a tree that is still written nested: the indentation grows with the depth, and readers recurse."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./ -]*(?<! )")
_RESERVED = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def to_dict(tree: SpanTree, root: int = 0) -> dict[str, Any]:
    """Return a span and all below it as nested dicts.

    Args:
        tree: The spans.
        root: The outermost of them.
    """
    path: list[tuple[int, dict[str, Any]]] = []
    for span in tree.walk(root):
        record: dict[str, Any] = {**_record(tree, span), "spans": []}
        while path and path[-1][0] != tree.parents[span]:
            path.pop()
        if path:
            path[-1][1]["spans"].append(record)
        path.append((span, record))
    return path[0][1]


def to_readable_dict(tree: SpanTree, root: int = 0) -> dict[str, Any]:
    """Return what `to_dict` returns; of a tree of more than 64 levels all spans in a flat list below the root.

    Args:
        tree: The spans.
        root: The outermost of them.
    """
    if not _is_deep(tree, root):
        return to_dict(tree, root)
    return {**_record(tree, root), "spans": [_flat_record(tree, span) for span in tree.walk(root) if span != root]}


def dump(tree: SpanTree, root: int, stream: IO[str]) -> None:
    """Write what `to_dict` returns as YAML; a tree of more than 64 levels as a flat list.

    Args:
        tree: The spans.
        root: The outermost of them.
        stream: Where to write.
    """
    lines = _flat_lines(tree, root) if _is_deep(tree, root) else _nested_lines(tree, root)
    stream.writelines(lines)


def yaml_flow(value: Any) -> str:
    """Write a plain value (of dicts, lists, text, numbers, booleans, None) as YAML on one line.

    Args:
        value: The value; anything else in it is written as its text.
    """
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(_pair(str(key), one) for key, one in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(map(yaml_flow, value)) + "]"
    return _text(str(value))


def _record(tree: SpanTree, span: int) -> dict[str, Any]:
    table = tree.table
    error = table.errors.get(span)
    record: dict[str, Any] = {
        "name": table.names[span],
        "kind": table.kinds[span],
        "id": table.ids[span],
        "start": format_iso(table.starts[span]),
        "duration": table.durations[span] / 1_000_000_000,
        "process_time": table.process_times[span] / 1_000_000_000,
        "self_time": tree.self_times[span] / 1_000_000_000,
        "status": tree.status(span),
        "error": table.execution.error or error if span == 0 else error,
        "attributes": table.attributes.get(span, {}),
    }
    if span == 0:
        record["execution"] = _execution(tree)
    return record


def _execution(tree: SpanTree) -> dict[str, Any]:
    execution = tree.table.execution
    return {
        "id": execution.id,
        "status": execution.status,
        "host": execution.host,
        "user": execution.user,
        "command": execution.command,
        "git_commit": execution.git_commit,
        "tags": dict(execution.tags),
        "lost_records": execution.lost_records,
        "damaged_records": execution.damaged_records,
    }


def _flat_record(tree: SpanTree, span: int) -> dict[str, Any]:
    return {**_record(tree, span), "parent": tree.table.ids[tree.parents[span]]}


def _is_deep(tree: SpanTree, root: int) -> bool:
    return any(depth >= _DEEPEST for _, depth in _with_depth(tree, root))


def _with_depth(tree: SpanTree, root: int) -> Iterator[tuple[int, int]]:
    """Go through a span and all below it, parents first, with how far below each is."""
    path: list[int] = []
    for span in tree.walk(root):
        while path and path[-1] != tree.parents[span]:
            path.pop()
        yield span, len(path)
        path.append(span)


def _nested_lines(tree: SpanTree, root: int) -> Iterator[str]:
    for span, depth in _with_depth(tree, root):
        yield _block(_record(tree, span), depth)
        yield "  " * depth + ("spans:\n" if tree.has_children(span) else "spans: []\n")


def _flat_lines(tree: SpanTree, root: int) -> Iterator[str]:
    yield f"# more than {_DEEPEST} levels deep: the spans below are a flat list, parents before their children\n"
    for span in tree.walk(root):
        if span == root:
            yield _block(_record(tree, span), 0)
            yield "spans:\n"
        else:
            yield _block(_flat_record(tree, span), 1)


def _block(record: dict[str, Any], depth: int) -> str:
    """Write a record as lines; below the root it is an item of the list in the line above."""
    indent = "  " * depth
    lead = indent[:-2] + "- " if depth else ""
    return lead + f"\n{indent}".join([f"{key}: {yaml_flow(value)}" for key, value in record.items()]) + "\n"


def _pair(key: str, value: Any) -> str:
    """Write an entry of a mapping; a key as long as YAML does not expect one needs a mark."""
    mark, colon = ("? ", " :") if len(key) > 120 else ("", ":")
    return f"{mark}{_text(key)}{colon} {yaml_flow(value)}"


@functools.lru_cache(maxsize=4096)
def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _number(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, _, exponent = text.partition("e")
    sign = "" if exponent[0] in "+-" else "+"
    return f"{mantissa}{'' if '.' in mantissa else '.0'}e{sign}{exponent}"

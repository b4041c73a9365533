"""Work on each partition of a dask DataFrame where it lies, merged as a tree: only results travel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dask.base import tokenize
from dask.delayed import delayed

if TYPE_CHECKING:
    from dask.delayed import Delayed

_FAN_IN = 16
"""Results that are merged at a time."""


def check_frame(frame: Any) -> None:
    """Refuse what is no dask DataFrame.

    Raises:
        TypeError: It is none.
    """
    if not (hasattr(frame, "map_partitions") and hasattr(frame, "to_delayed") and hasattr(frame, "columns")):
        kind = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__qualname__}"
        hint = "dask.dataframe.from_pandas makes one of a pandas DataFrame"
        raise TypeError(f"a dask DataFrame is needed, not {kind}; {hint}")


def merged(
    frame: Any,
    of_partition: Callable[..., Any],
    merge: Callable[[list[Any]], Any],
    *arguments: Any,
    name: str,
) -> Delayed:
    """Return a result for all of a frame, not computed yet.

    Args:
        frame: A dask DataFrame.
        of_partition: Makes the result of a partition, a pandas DataFrame, given the `arguments` too.
        merge: Makes one result of several, which are those of neighbours.
        arguments: For `of_partition`.
        name: What the tasks are called; those that merge are called ``merge-NAME``.
    """
    return merged_as_tree(of_each(frame, of_partition, *arguments, name=name), merge, name)


def of_each(frame: Any, of_partition: Callable[..., Any], *arguments: Any, name: str) -> list[Delayed]:
    """Return a result for each partition of a frame, not computed yet; as for `merged`."""
    # Through the frame itself, so that dask reads a partition and works on it in one task.
    parts = frame.map_partitions(of_partition, *arguments, meta=(name, object), enforce_metadata=False, token=name)
    return list(parts.to_delayed())


def merged_as_tree(parts: list[Delayed], merge: Callable[[list[Any]], Any], name: str) -> Delayed:
    """Return what results are together, not computed yet; as for `merged`."""
    level = parts
    joined = delayed(merge, pure=True)
    while len(level) > 1:
        groups = [level[at : at + _FAN_IN] for at in range(0, len(level), _FAN_IN)]
        keys = [f"merge-{name}-{tokenize(*(one.key for one in group))}" for group in groups]
        level = [joined(group, dask_key_name=key) for group, key in zip(groups, keys, strict=True)]
    return level[0]

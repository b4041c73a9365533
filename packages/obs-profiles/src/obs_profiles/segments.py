"""Profiles of parts of the rows: those that have a value in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from obs_core.interruptions import let_pass
from obs_core.secrets import mask
from obs_profiles.batches import merged_batches, profile_batch
from obs_profiles.columns import batches_of, names_of, rows_of, storable
from obs_profiles.columns.objects import is_missing, look
from obs_profiles.merging import MISSING, OTHERS, merged
from obs_profiles.profiles import Profile
from obs_profiles.sketches.frequent import CAPACITY, WORKING_CAPACITY

__all__ = ["Watch", "looked_at", "profile_by"]

Watch = Callable[[Any, Profile], None]
"""Looks at a batch and its profile."""

_LONGEST = 100
"""Characters that the name of a segment has at most; values that begin alike then belong to one."""

_MOST_AT_ONCE = 200
"""Segments that are known while data is read in batches; the smallest ones of more belong to the others."""

_MERGED_AT_ONCE = 8
"""Batches of which segments are kept until they are merged: each has a profile of each."""


def looked_at(frame: Any, watch: Watch | None) -> Profile:
    """Profile a batch, and show it with its profile to what looks at batches, if anything does."""
    made = profile_batch(frame)
    if watch is not None:
        watch(frame, made)
    return made


def profile_by(data: Any, by: tuple[str, ...], watch: Watch | None = None) -> Profile:
    """Profile data, and the rows of each of the 50 most frequent values of some columns by themselves.

    Args:
        data: The data.
        by: The names of the columns.
        watch: Is called with each batch and its profile.

    Raises:
        ValueError: There is no such column.
    """
    waiting: list[Profile] = []

    def batches() -> Iterator[Profile]:
        for frame in batches_of(data):
            parts = {value: profile_batch(part) for value, part in _parts(frame, by)}
            waiting.append(Profile({}, sum(part.rows for part in parts.values()), segments=parts, by=by))
            if len(waiting) == _MERGED_AT_ONCE:
                waiting[:] = [merged(waiting, capacity=WORKING_CAPACITY, most_segments=_MOST_AT_ONCE)]
            yield looked_at(frame, watch)

    whole = merged_batches(batches())
    parts = merged(waiting, capacity=CAPACITY)
    return Profile(
        whole.columns,
        whole.rows,
        segments=parts.segments,
        by=by,
        made=whole.made,
        segment_slack=parts.segment_slack,
    )


def _parts(frame: Any, by: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Cut a frame into the rows of each value."""
    keys = [_texts(_column(frame, name)) for name in by]
    together = keys[0] if len(keys) == 1 else [" / ".join(map(_quoted, parts)) for parts in zip(*keys, strict=True)]
    values, codes, counts = np.unique(np.array(together, object), return_inverse=True, return_counts=True)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(counts)
    ranked = np.argsort(-counts, kind="stable")
    for place in ranked[:_MOST_AT_ONCE].tolist():
        yield str(values[place]), _taken(frame, order[ends[place] - counts[place] : ends[place]])
    rest = [order[ends[place] - counts[place] : ends[place]] for place in ranked[_MOST_AT_ONCE:].tolist()]
    if rest:
        yield OTHERS, _taken(frame, np.sort(np.concatenate(rest)))


def _quoted(part: str) -> str:
    """Quote a value that could be taken for two, as CSV does."""
    if " / " not in part and not part.startswith('"'):
        return part
    doubled = part.replace('"', '""')
    return f'"{doubled}"'


def _column(frame: Any, name: str) -> Any:
    names = names_of(frame)
    if name not in names:
        raise ValueError(f"there is no column {name!r} to profile by; there are: {', '.join(names[:20])}")
    place = names.index(name)
    if isinstance(frame, Mapping):
        return list(frame.values())[place]
    if isinstance(frame, np.ndarray):
        return frame[frame.dtype.names[place]] if frame.dtype.names else frame[:, place] if frame.ndim == 2 else frame
    if hasattr(frame, "iloc"):
        return frame.iloc[:, place] if frame.ndim == 2 else frame
    if hasattr(frame, "get_columns"):
        return frame.get_columns()[place]
    return frame.column(place) if hasattr(frame, "column") else frame


def _texts(column: Any) -> list[str]:
    return [MISSING if is_missing(value) else _text(value) for value in _listed(column)]


def _listed(column: Any) -> list[Any]:
    if hasattr(column, "to_pylist"):
        from obs_profiles.columns.arrow_columns import python_values

        return python_values(column)
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _text(value: Any) -> str:
    """Name a segment: any value of a column, whatever its methods do."""
    try:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # integers beside missing ones are floats to pandas
        kind: Any = type(value)
        plain = isinstance(value, str | int | float)
        text = str.__str__(value) if isinstance(value, str) else str(value)
        if not plain and (kind.__str__ is object.__str__ or " at 0x" in text):
            text = look(value)  # an address in memory, and a set's order, is another one in each process
    except BaseException as error:
        let_pass(error)
        text = look(value)
    if text.strip('"') in (MISSING, OTHERS):
        text = f'"{text}"'  # what a file says is told apart from what we say
    text = mask(text)
    return storable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _taken(frame: Any, rows: Any) -> Any:
    if isinstance(frame, Mapping):
        return {name: rows_of(values, rows) for name, values in frame.items()}
    if hasattr(frame, "iloc"):
        return frame.iloc[rows]
    return frame.take(rows) if hasattr(frame, "take") and not isinstance(frame, np.ndarray) else frame[rows]

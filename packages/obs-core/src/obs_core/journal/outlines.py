"""Outlines: what stands for the points of metrics in a compressed segment until somebody asks for every one.

A million points are some fifteen megabytes of lines. A compressed part of a segment that is mostly points has an
outline beside it: the same lines, but of each metric's points only those that draw the same curve. A reader takes
that, and inflates the part itself when all points are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

import msgspec

from obs_core.journal import records
from obs_core.journal.batches import checks_of, sealed, sound
from obs_core.journal.points import are_sound, packed, packed_times, steps_of, times_of, unpacked
from obs_core.journal.reader import chosen, decode
from obs_core.store.base import Store
from obs_core.store.packing import LONGEST_OUTLINE, members
from obs_core.values.curves import Columns

__all__ = ["outline", "outlined_points"]

_POINTS = b'["points",'
_CHECK = b'["check",'
_HEAD = b'["head",'

_SHARE = 4
"""An outline is at most that part of what it stands for."""

_EACH = 128
"""Points of a metric for which an outline has one, on the average: a million are drawn from eight thousand."""

_FEWEST = 8
_MOST = 1_500
"""Points in an outline, of all metrics: they take 32 bytes each."""


def outline(lines: bytes, segment: str, offset: int) -> bytes:
    """Return what stands for some batches that are mostly points, as one batch; nothing where that gains too little.

    Args:
        lines: Whole batches of a segment.
        segment: The name of its file once it is compressed.
        offset: Where in that file they will stand.
    """
    points_lines = chosen(lines, (_POINTS,))
    if 2 * len(points_lines) < len(lines) or sound(lines, whole=lines.startswith(_HEAD)) is not lines:
        return b""
    checks = checks_of(lines)
    count = sum(check.count for check in checks)
    if not checks or checks[-1].before + checks[-1].count != checks[0].before + count:
        return b""  # something is missing between them, which one line could not tell
    points = [one for one in decode(points_lines) if isinstance(one, records.Points)]
    if not all(map(are_sound, points)):
        return b""
    others = [line for line in lines.splitlines(keepends=True) if not line.startswith((_POINTS, _CHECK))]
    seen = b"".join([*others, _encoder.encode_lines(_outlines(points, segment, offset))])
    found = sealed(seen, count, checks[0].before, checks[0].clock)
    return found if len(found) <= min(LONGEST_OUTLINE, len(lines) // _SHARE) else b""


def outlined_points(store: Store, path: str) -> Iterator[tuple[int, records.Points]]:
    """Yield all points of those parts of a segment that have an outline, each with the offset of its part.

    Args:
        store: Where it is.
        path: Of the compressed segment. One that cannot be read has none.
    """
    try:
        content = store.get(path)
    except OSError:
        return
    for part in members(content):
        if part.content is not None and part.whole:
            lines = sound(part.content, whole=part.content.startswith(_HEAD))
            for one in decode(chosen(lines, (_POINTS,))):
                if isinstance(one, records.Points) and are_sound(one):
                    yield part.start, one


def _outlines(points: Sequence[records.Points], segment: str, offset: int) -> list[records.Outline]:
    """Return what stands for points, one for each metric."""
    by_metric: dict[tuple[records.Ref, str], list[records.Points]] = {}
    for one in points:
        by_metric.setdefault((one.task, one.name), []).append(one)
    most = max(_FEWEST, _MOST // max(1, len(by_metric)))
    return [_outline_of(parts, most, segment, offset) for parts in by_metric.values()]


def _outline_of(parts: Sequence[records.Points], most: int, segment: str, offset: int) -> records.Outline:
    whole = Columns()
    for part in parts:
        whole.extend(steps_of(part), times_of(part, 0), unpacked("d", part.values))
    values = whole.values
    odd = 0 if isfinite(sum(values)) else sum(not isfinite(value) for value in values)
    few = whole.thinned(max(_FEWEST, min(most, len(whole) // _EACH)))
    first, at = parts[0], parts[-1].at
    drawn = records.Points(
        first.task, first.name, at, few.steps[0], packed(few.steps), packed_times(at, few.times), packed(few.values)
    )
    return records.Outline(drawn, len(whole), odd, segment, offset)


_encoder = msgspec.json.Encoder()  # what is written was masked when it was first encoded

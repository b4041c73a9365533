"""Batches of lines that can be checked: a line after each says what the batch is, and how much came before it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from zlib import crc32

from obs_core.journal import records

__all__ = ["checks_of", "is_checked", "sealed", "sound", "torn"]

_BEGINNING = b'["check",'
_CHECK = re.compile(rb'\["check",(\d{1,12}),(\d{1,12}),(\d{1,10}),(\d{1,15}),(-?\d{1,19})\]\n')
_CLOCK = re.compile(rb'^\["check",\d{1,12},\d{1,12},\d{1,10},\d{1,15},(-?\d{1,19})\]\n', re.MULTILINE)
_HEAD = b'["head",'
_END_OF_UNCHECKED = b'"]'
"""What the head of a segment of 0.1 ends with: its version. Of others it is followed by a number."""


def sealed(lines: bytes, count: int, before: int, clock: int) -> bytes:
    """Return a batch of lines with the line that lets a reader check it.

    Args:
        lines: Whole lines.
        count: How many records they are; the head of a segment is none.
        before: How many records this writer wrote before.
        clock: Of the head, so that a batch can be placed in time without it.
    """
    return b'%b["check",%d,%d,%d,%d,%d]\n' % (lines, len(lines), count, crc32(lines), before, clock)


def is_checked(lines: bytes, *, whole: bool = True) -> bool:
    """Tell whether a segment's lines are in batches that can be checked; those of obs-core 0.1 were not.

    Args:
        lines: Lines of a segment.
        whole: Whether they are all from the beginning on. Then only a sound head of 0.1 says that they are in none: if
            theirs is damaged, and so is each line that checks a batch, nothing is known of them.
    """
    if next(_checks(lines), None) is not None:
        return True
    if lines.startswith(_HEAD):
        return not lines[: lines.find(b"\n")].endswith(_END_OF_UNCHECKED)
    return whole


def sound(lines: bytes, *, lost: int = 0, whole: bool = True) -> bytes:
    """Return the batches of a segment that are as they were written.

    What is damaged or torn is left out: one bit that was flipped costs one batch. How many records are missing between
    two batches stands in the lines that check them; what is missing at the end is told by a ``torn`` line of our own.

    Args:
        lines: All lines of a segment. Those that are in no batches, as older ones are, are returned as they are.
        lost: Bytes that had to be left out before.
        whole: Whether they are all from the beginning on; else there need not be a head.
    """
    if not is_checked(lines, whole=whole):
        return lines if not lost else lines[: lines.rfind(b"\n") + 1] + torn(1, lost)
    view = memoryview(lines)
    kept: list[bytes | memoryview] = []
    reached = begun = 0  # what is good and not in `kept` yet stands from `begun` to `reached`
    seen = checked = 0
    clock, asked = None, False  # most need none: their head is there
    for start, end, (size, count, crc, before, _) in _checks(lines):
        begin, before_it, checked = start - size, checked, end
        # No batch goes beyond the line that checks the one before it: so no byte is looked at twice.
        if size == 0 or begin < before_it or before < seen or crc32(view[begin:start]) != crc:
            continue  # damaged, or there a second time; none is written of nothing
        if reached == 0 and whole and not lines.startswith(_HEAD, begin):
            clock, asked = clock if asked else _agreed_clock(lines), True
            if clock is None:
                continue  # nobody knows when that was
            kept.append(b'["head",1,"","",%d,["","",0,0],"",""]\n' % clock)  # so that times can be placed all the same
        seen = before + count
        if begin != reached:
            kept.append(view[begun:reached])
            begun = begin
        reached = end
    rest = len(lines) - reached
    if not kept and not rest and not lost:
        return lines  # by far the most
    kept.append(view[begun:reached])
    if rest or lost:
        unended = rest and not lines.endswith(b"\n")
        kept.append(torn(lines.count(b"\n", reached) + bool(unended), rest + lost))
    return b"".join(kept)


def checks_of(lines: bytes) -> list[records.Check]:
    """Return the lines that check batches, as they stand; nothing tells whether they are right."""
    return [records.Check(*fields) for _, _, fields in _checks(lines)]


def _agreed_clock(lines: bytes) -> int | None:
    """Return the clock that most lines tell which check a batch: nothing checks these lines themselves.

    Returns:
        None if as many tell another one.
    """
    told = Counter(map(int, _CLOCK.findall(lines)))
    (clock, most), *others = told.most_common(2)
    return clock if not others or others[0][1] < most else None


def torn(records: int, size: int) -> bytes:
    """Return the line by which a reader hands on that something at the end of a segment is damaged or not whole."""
    return b'["torn",%d,%d]\n' % (records, size)


def _checks(lines: bytes) -> Iterator[tuple[int, int, Iterator[int]]]:
    """Yield where each line that checks a batch begins and ends, and its fields."""
    at = lines.find(_BEGINNING)
    while at >= 0:
        found = _CHECK.match(lines, at) if at == 0 or lines[at - 1] == 10 else None
        if found is not None:
            yield at, found.end(), map(int, found.groups())
        at = lines.find(_BEGINNING, at + 1)

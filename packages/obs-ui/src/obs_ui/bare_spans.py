"""Spans that say no more than when they ran, read from their lines a column at a time.

Of a million spans most are ``["span",NUMBER,PARENT,"NAME",START,DURATION,PROCESS_TIME]``. Making an object of each, and
columns of the objects, takes four times as long as working on the digits of all lines at once.
"""

from __future__ import annotations

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = ["BareSpans", "take_bare"]

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_WORTH_COLUMNS = 16 * 1024
"""Bytes of lines from which reading them by columns is the faster way."""

_HIGHEST_NUMBER = 100_000_000
"""The rarer numbers from here on are left to the reader of single lines, who tells damage from them."""

_SPAN = int.from_bytes(b'["span",', "little")
_ZEROS = np.uint64(0x3030303030303030)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_NEWLINE, _QUOTE, _COMMA, _BRACKET = b'\n",]'
_MARKS = 7
"""Six commas and the end of the line."""

_LEAST = len(b'["span",1,0,"",0,0,0]')


class BareSpans(Struct, frozen=True):
    """Spans as columns, in the order of their lines.

    Attributes:
        numbers: Their numbers.
        parents: The numbers of what they ran in, of the same writer.
        names: All names.
        name_numbers: Which of the names each has.
        starts: Nanoseconds since the writer's clock began.
        durations: Nanoseconds.
        process_times: Nanoseconds.
    """

    numbers: Ints
    parents: Ints
    names: list[str]
    name_numbers: NDArray[np.int64]
    starts: Ints
    durations: Ints
    process_times: Ints


def take_bare(lines: bytes) -> tuple[BareSpans | None, bytes]:
    """Read the bare spans among the lines of a segment.

    A line is only taken if every byte of it is as `obs_core.journal` writes it: whatever else there is, damage too, is
    left to the reader of single lines.

    Args:
        lines: Lines of JSON.

    Returns:
        The spans, None if there are not enough of them to be worth it, and the lines that are not read.
    """
    if len(lines) < _WORTH_COLUMNS:
        return None, lines
    text = np.frombuffer(lines, np.uint8)
    begins, marks = _lines_of_seven(text)
    if not len(begins):
        return None, lines
    # Eight bytes from each byte on, which are looked at as one number.
    words: Words = np.ndarray((len(text) - 7,), "<u8", lines, strides=(1,))
    first, second, third, fourth, fifth, sixth, end = marks
    columns = [
        _digits(words, begin + 1, stop)
        for begin, stop in ((first, second), (second, third), (fourth, fifth), (fifth, sixth), (sixth, end - 1))
    ]
    sound = (words[begins] == _SPAN) & (text[end - 1] == _BRACKET)
    sound &= (text[third + 1] == _QUOTE) & (text[fourth - 1] == _QUOTE) & (fourth - third > 2)
    sound &= columns[0][0] < _HIGHEST_NUMBER
    for _, is_number in columns:
        sound &= is_number
    if not sound.all():
        begins, third, fourth, end = begins[sound], third[sound], fourth[sound], end[sound]
    named = _named(lines, words, third + 2, fourth - 1) if len(begins) else None
    if named is None:
        return None, lines
    numbers, parents, starts, durations, process_times = (
        values if sound.all() else values[sound] for values, _ in columns
    )
    return BareSpans(numbers, parents, *named, starts, durations, process_times), _without(lines, begins, end + 1)


def _lines_of_seven(text: NDArray[np.uint8]) -> tuple[Ints, list[Ints]]:
    """Return where lines with six commas begin, and where their commas and ends are."""
    marks = np.flatnonzero((text == _COMMA) | (text == _NEWLINE))
    ends = np.flatnonzero(text[marks] == _NEWLINE)
    chosen = np.flatnonzero(np.diff(ends, prepend=-1) == _MARKS)
    last = ends[chosen]
    begins = np.where(last >= _MARKS, marks[last - _MARKS] + 1, 0)
    long = marks[last] - begins >= _LEAST
    return begins[long], [marks[last[long] - back] for back in range(_MARKS - 1, -1, -1)]


def _digits(words: Words, begins: Ints, ends: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the numbers that stand between two places each, and which of them are numbers of at most 16 digits."""
    widths = ends - begins
    values, sound = _eight_digits(words, ends, np.minimum(widths, 8))
    sound &= (widths > 0) & (widths <= 16)
    if widths.max() > 8:
        high, also = _eight_digits(words, np.maximum(ends - 8, 8), np.clip(widths - 8, 0, 8))
        values += high * 100_000_000
        sound &= also
    return values, sound


def _eight_digits(words: Words, ends: Ints, widths: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the numbers of up to eight digits that end at places, and which of them are made of digits only.

    Eight digits are one word, the first in its lowest byte. Neighbours are joined to pairs, pairs to fours, and these
    to the number: Daniel Lemire, "Quickly parsing eight digits" (2018).
    """
    word = words[ends - 8]
    word ^= _ZEROS
    word &= _ALL << ((8 - widths) * 8).astype(np.uint64)
    sound = ((word + np.uint64(0x7676767676767676) | word) & np.uint64(0x8080808080808080)) == 0
    for mask, factor, shift in (
        (0x0F0F0F0F0F0F0F0F, 10 << 8 | 1, 8),
        (0x00FF00FF00FF00FF, 100 << 16 | 1, 16),
        (0x0000FFFF0000FFFF, 10_000 << 32 | 1, 32),
    ):
        word &= np.uint64(mask)
        word *= np.uint64(factor)
        word >>= np.uint64(shift)
    return word.view(np.int64), sound


def _named(lines: bytes, words: Words, begins: Ints, ends: Ints) -> tuple[list[str], NDArray[np.int64]] | None:
    """Return all names, and which of them stands at each place; None if one is not written as JSON asks."""
    widths = ends - begins
    low = _last_bytes(words, ends, widths)
    high = _last_bytes(words, np.maximum(ends - 8, 8), widths - 8)
    # Many a span is named as the one before it. Of longer names there is more than these two words say.
    differs = (low[1:] != low[:-1]) | (high[1:] != high[:-1]) | (widths[1:] > 16)
    heads = np.concatenate(([0], np.flatnonzero(differs) + 1))
    places = map(slice, begins[heads].tolist(), ends[heads].tolist())
    written = list(map(lines.__getitem__, places))
    known = {name: number for number, name in enumerate(dict.fromkeys(written))}
    try:
        names = [msgspec.json.decode(b'"%b"' % name, type=str) for name in known]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    of_heads = np.fromiter(map(known.__getitem__, written), np.int64, len(written))
    return names, np.repeat(of_heads, np.diff(heads, append=len(begins)))


def _last_bytes(words: Words, ends: Ints, widths: Ints) -> Words:
    """Return the last bytes, at most eight, of what ends at places and is so wide."""
    shift = ((8 - np.clip(widths, 0, 8)) * 8).astype(np.uint64)
    found: Words = words[ends - 8] & (_ALL << shift)
    return found


def _without(lines: bytes, begins: Ints, ends: Ints) -> bytes:
    """Return the lines without those that stand between places, which are in order."""
    apart = np.flatnonzero(begins[1:] != ends[:-1])
    kept_from = np.concatenate(([0], ends[apart], ends[-1:])).tolist()
    kept_to = np.concatenate((begins[:1], begins[apart + 1], [len(lines)])).tolist()
    view = memoryview(lines)
    return b"".join([view[begin:end] for begin, end in zip(kept_from, kept_to, strict=True)])

"""Write times, dates, times of day and durations of a whole column: alike in precision, of any year."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from obs_core.interruptions import let_pass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from obs_renderers._columns import Times

__all__ = ["Clock", "clock_of", "duration_text", "iso_text", "moment_texts", "offset_text", "time_texts"]

_PER_SECOND = {"D": 1, "s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DIGITS = {"D": 0, "s": 0, "ms": 3, "us": 6, "ns": 9}
_UNITS = ("ns", "us", "ms", "s", "D")
_DAY = 86_400
_FARTHEST = 10**15
"""Seconds from 1970 up to which pandas looks a zone's clock up: 30 million years."""


class Clock(Struct):
    """Times as a clock shows them.

    Attributes:
        counts: Of `unit`, in UTC; any number where one is missing.
        unit: The coarsest of ``"D"``, ``"s"``, ``"ms"``, ``"us"``, ``"ns"`` that holds them all.
        offsets: Seconds that the zone's clock is ahead of UTC, a number for each time; None for times without a zone.
    """

    counts: NDArray[np.int64]
    unit: str
    offsets: NDArray[np.int64] | None = None


def clock_of(times: Times) -> Clock:
    """Bring times to the coarsest unit that holds them all, and look up how far their zone is from UTC.

    Where the zone is not known (of the year 20000), the times are given in UTC.
    """
    import numpy as np

    counts = np.where(times.missing, 0, times.counts)
    unit = times.unit
    # A time with a zone is never a mere date: its midnight is another one elsewhere.
    coarsest = "s" if times.zone is not None or times.kind in ("clock", "duration") else "D"
    if unit == "D" and coarsest == "s":
        counts, unit = counts * _DAY, "s"
    for coarser in _UNITS[_UNITS.index(unit) + 1 : _UNITS.index(coarsest) + 1]:
        step = _DAY if coarser == "D" else 1000
        if (counts % step).any():
            break
        counts, unit = counts // step, coarser
    if times.kind == "date" and unit != "D":
        counts, unit = counts // (_DAY * _PER_SECOND[unit]), "D"
    return Clock(counts, unit, None if times.zone is None else _offsets(times, counts // _PER_SECOND[unit]))


def _offsets(times: Times, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    import numpy as np
    import pandas as pd

    try:
        known = np.clip(seconds, -_FARTHEST, _FARTHEST)  # farther ones would fail, and take the zone of all with them
        moments = pd.DatetimeIndex(known.astype("datetime64[s]")).tz_localize("UTC").tz_convert(times.zone)
        local = moments.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    except BaseException as error:
        let_pass(error)
        return np.zeros_like(seconds)
    return local - known


def offset_text(seconds: int) -> str:
    """Write how far a clock is ahead of UTC: ``"+01:00"``."""
    sign, size = ("-", -seconds) if seconds < 0 else ("+", seconds)
    rest = f":{size % 60:02}" if size % 60 else ""
    return f"{sign}{size // 3600:02}:{size // 60 % 60:02}{rest}"


def time_texts(times: Times) -> list[str | None]:
    """Write a column's times; None where one is missing."""
    clock = clock_of(times)
    if times.kind == "duration":
        texts: list[Any] = [duration_text(count, clock.unit) for count in clock.counts.tolist()]
    elif times.kind == "clock":
        texts = [_signed(_clock_text, count, clock.unit) for count in clock.counts.tolist()]
    else:
        texts = moment_texts(clock)
    return [None if gone else text for text, gone in zip(texts, times.missing.tolist(), strict=True)]


def moment_texts(clock: Clock) -> list[str]:
    """Write moments as ISO 8601 does, but with a space: of any year."""
    import numpy as np

    # The day apart from the time of day: numpy takes the least count for "not a time", and what a zone adds to the
    # greatest would begin anew at the least.
    per_day = 1 if clock.unit == "D" else _DAY * _PER_SECOND[clock.unit]
    days, rest = clock.counts // per_day, clock.counts % per_day
    if clock.offsets is not None:
        rest = rest + clock.offsets * _PER_SECOND[clock.unit]
        days, rest = days + rest // per_day, rest % per_day
    texts = [iso_text(text) for text in np.datetime_as_string(days.astype("datetime64[D]"))]
    if clock.unit != "D":
        times = np.datetime_as_string(rest.astype(f"datetime64[{clock.unit}]"))
        texts = [f"{day} {time.partition('T')[2]}" for day, time in zip(texts, times.tolist(), strict=True)]
    if clock.offsets is None:
        return texts
    return [text + offset_text(offset) for text, offset in zip(texts, clock.offsets.tolist(), strict=True)]


def iso_text(text: str) -> str:
    """Write numpy's text of a moment with a space, and a year before our era with four digits."""
    if text.startswith("-"):
        year, dash, rest = text[1:].partition("-")
        text = f"-{year:0>4}{dash}{rest}"
    return text.replace("T", " ")


def duration_text(count: int, unit: str) -> str:
    """Write a duration exactly: ``"36:00:00"`` is ``"1 d 12:00:00"``."""
    return _signed(_span_text, count, unit)


def _signed(write: Callable[[int, str], str], count: int, unit: str) -> str:
    return f"-{write(-count, unit)}" if count < 0 else write(count, unit)


def _span_text(count: int, unit: str) -> str:
    if unit == "D":
        return f"{count} d"
    days, rest = divmod(count, _DAY * _PER_SECOND[unit])
    text = _clock_text(rest, unit)
    return f"{days} d {text}" if days else text


def _clock_text(count: int, unit: str) -> str:
    seconds, fraction = divmod(count, _PER_SECOND[unit])
    tail = f".{fraction:0{_DIGITS[unit]}}" if _DIGITS[unit] else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{tail}"

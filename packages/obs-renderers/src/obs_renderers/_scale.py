"""Axes for charts drawn in plain SVG: round ticks and positions in percent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from obs_core.text.durations import format_duration
from obs_core.text.numbers import statistic, statistics
from obs_renderers._times import duration_text, iso_text

if TYPE_CHECKING:
    from obs_renderers._columns import Unit

__all__ = ["Scale", "day_in", "nice_ticks", "ticks_in", "value_in"]

_TIME_STEPS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
    86400, 2 * 86400, 7 * 86400, 14 * 86400, 30 * 86400, 91 * 86400, 182 * 86400, 365 * 86400,
)  # fmt: skip


def nice_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Choose round numbers that cover a range: multiples of 1, 2 or 5 times a power of ten.

    Args:
        low: Least value.
        high: Greatest value, not less than `low`.
        about: How many are wanted; there are between about half and twice as many.
    """
    if not high > low:
        return [low]
    raw = high / about - low / about  # the difference itself may be more than a float can hold
    power = 10.0 ** math.floor(math.log10(raw)) if raw else 0.0
    if not power:  # the smallest floats have no tenths
        return [low, high]
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    ticks = (min(max(number * step, low), high) for number in range(first, math.floor(high / step + 1e-9) + 1))
    return list(dict.fromkeys(ticks))  # few floats may be left between the two ends


class Scale(Struct, frozen=True):
    """A linear map from a range of values to percent of a chart's width.

    Attributes:
        low: The value at `start` percent.
        high: The value at ``100 - start`` percent.
        start: Room at both sides, in percent.
    """

    low: float
    high: float
    start: float = 2.0

    def at(self, value: float) -> str:
        """Place a value: ``"12.34%"``."""
        return f"{self.fraction(value):.3f}%"

    def fraction(self, value: float) -> float:
        """Place a value in percent, as a number."""
        room = 100 - 2 * self.start
        span = self.high - self.low
        if not span or not math.isfinite(value):
            return 50.0
        if math.isfinite(span):
            return self.start + (value - self.low) / span * room
        return self.start + (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2) * room


def ticks_in(unit: Unit, low: float, high: float, about: int = 6) -> list[tuple[float, str]]:
    """Choose ticks for values of a unit, each with its text.

    Args:
        unit: What the values are.
        low: Least value.
        high: Greatest value.
        about: How many are wanted.
    """
    ticks = nice_ticks(low, high, about) if unit == "number" else _time_ticks(low, high, about)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.0
    if unit == "number":
        ticks = [0.0 if abs(tick) < step * 1e-6 else tick for tick in ticks]
        return list(zip(ticks, statistics(ticks, apart=ticks), strict=True))
    return [(tick, _tick_text(unit, tick, step)) for tick in ticks]


def _time_ticks(low: float, high: float, about: int) -> list[float]:
    raw = (high - low) / about
    step = next((step for step in _TIME_STEPS if step >= raw), None)
    if step is None or raw < 1:
        return nice_ticks(low, high, about)
    first = math.ceil(low / step)
    return [float(number * step) for number in range(first, math.floor(high / step) + 1)] or [low]


def _tick_text(unit: Unit, tick: float, step: float) -> str:
    if unit in ("epoch", "utc") and step >= 86_400:
        return day_in(unit, tick)
    return value_in(unit, tick)


def value_in(unit: Unit, value: float) -> str:
    """Write a value of a unit: a number, a duration in seconds, or a time in seconds since 1970.

    Times of a zone are told apart from those that say nothing of one.
    """
    if unit == "seconds":
        return format_duration(round(value * 1e9))
    if unit == "number":
        return statistic(value)
    return f"{_time_text(value)} UTC" if unit == "utc" else _time_text(value)


def day_in(unit: Unit, value: float) -> str:
    """Write the day of a time alone."""
    day = _time_text(value).partition(" ")[0]
    return f"{day} UTC" if unit == "utc" else day


def _time_text(epoch: float) -> str:
    """Write a moment of any year that numpy knows, to the second, or to the millisecond where there is a fraction."""
    import numpy as np

    whole = epoch == math.floor(epoch)
    count, unit = (int(epoch), "s") if whole else (round(epoch * 1000), "ms")
    if not abs(count) < 2**64:
        return f"{epoch:.0f} s after 1970"
    days, rest = divmod(count, 86_400 if whole else 86_400_000)
    day = iso_text(str(np.datetime64(days, "D")))
    return f"{day} {duration_text(rest, unit)}".removesuffix(".000").removesuffix(" 00:00:00")

"""Numbers, shares, times and names as short text, for pages and messages."""

from __future__ import annotations

import datetime
import math

__all__ = [
    "count_text",
    "duration_text",
    "number_text",
    "rough_time_text",
    "share_text",
    "signed_text",
    "time_text",
    "visible",
]

LONGEST = 80

_VISIBLE = str.maketrans({"\n": "↵", "\r": "", "\t": "⇥", "\0": "␀"})
_EPOCH = datetime.datetime(1970, 1, 1)
_DAY = 86_400_000_000


def number_text(value: float | None) -> str:
    """Write a number with four digits, whole above a thousand: ``3.142``, ``2013``, ``12,346``; a dash for none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) < 1000 and not isinstance(value, int):
        return f"{value:.4g}".replace("-", "−") if value else "0"
    if abs(value) < 1e15:
        return (f"{value:.0f}" if abs(value) < 9999.5 else f"{value:,.0f}").replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def signed_text(value: float, digits: int = 2) -> str:
    """Write a change with its sign: ``+0.20``, ``−1.50``."""
    return f"{value:+.{digits}f}".replace("-", "−")


def count_text(value: float | None) -> str:
    """Write how many; an estimate is rounded; a dash where nothing was counted."""
    return "–" if value is None or math.isinf(value) else f"{round(value):,}"


def share_text(share: float) -> str:
    """Write a share so that 99.996 % does not read as all of them."""
    text = f"{100 * share:.1f} %"
    return "> 99.9 %" if text == "100.0 %" and share < 1 else "< 0.1 %" if text == "0.0 %" and share > 0 else text


def time_text(micros: float) -> str:
    """Write a moment, given in microseconds since 1970: the day alone at midnight, no more digits than it has."""
    try:
        moment = _EPOCH + datetime.timedelta(microseconds=int(micros))
    except (OverflowError, ValueError):
        return f"{micros / (365.2425 * _DAY) + 1970:.0f}"
    if int(micros) % _DAY == 0:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d %H:%M}" if not moment.second else f"{moment:%Y-%m-%d %H:%M:%S}"


def rough_time_text(micros: float, span: float) -> str:
    """Write a moment that is known roughly, to a unit of which many fit into a span of microseconds."""
    units = (_DAY, 3_600_000_000, 60_000_000, 1_000_000)
    unit = next((unit for unit in units if span > 3_000 * unit), 1)
    return time_text(round(micros / unit) * unit)


def duration_text(seconds: float) -> str:
    """Write a length of time in the unit in which it is between 1 and 1,000 or so."""
    if math.isnan(seconds):
        return "–"
    size = abs(seconds)
    for unit, length in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)):
        if size >= 2 * length or (unit == "s" and size >= 1):
            return f"{number_text(float(f'{seconds / length:.3g}'))} {unit}"
    return f"{number_text(float(f'{seconds * 1e6:.3g}'))} µs" if seconds else "0 s"


def visible(text: str) -> str:
    """Shorten a name or value, and make line breaks and the like visible; it is not escaped."""
    short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return short.translate(_VISIBLE)

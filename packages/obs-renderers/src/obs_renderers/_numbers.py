"""Write numbers for people: counts, shares, statistics, sizes, durations."""

from __future__ import annotations

import math

__all__ = ["byte_size", "count", "duration", "plural", "share", "statistic"]

_SHORT_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))


def count(number: int) -> str:
    """Group the thousands: ``336,776``."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """Count things: ``1 row``, ``2 rows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def share(part: float, whole: float) -> str:
    """Write a share as a percentage that is never rounded to none or all: ``<0.1%``, ``>99.9%``."""
    ratio = part / whole if whole else 0.0
    if 0 < ratio < 0.001:
        return "<0.1%"
    if 0.999 < ratio < 1:
        return ">99.9%"
    return f"{ratio:.1%}" if ratio not in (0, 1) else f"{ratio:.0%}"


def statistic(number: float) -> str:
    """Write a statistic with about four significant digits."""
    if math.isnan(number):
        return "NA"
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if number and not 1e-4 <= abs(number) < 1e12:
        return _signed(f"{number:.4g}")
    decimals = 0 if number == int(number) else max(0, 3 - math.floor(math.log10(abs(number))))
    text = f"{number:,.{min(decimals, 8)}f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text else text)


def _signed(text: str) -> str:
    return text.replace("-", "−")


def byte_size(size: float) -> str:
    """Write a number of bytes: ``812 B``, ``4.2 MB``."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def duration(nanoseconds: float) -> str:
    """Write a duration in the unit that suits it: ``850 ns``, ``12.3 ms``, ``2 min 05 s``, ``3 d 04 h``."""
    if not nanoseconds:
        return "0 s"
    if nanoseconds < 0:
        return "−" + duration(-nanoseconds)
    if nanoseconds >= 59_995_000_000:
        return _long_duration(nanoseconds)
    for size, unit in _SHORT_UNITS:
        if nanoseconds >= size:
            return f"{_three_digits(nanoseconds / size)} {unit}"
    return f"{nanoseconds:.0f} ns"


def _three_digits(number: float) -> str:
    return f"{number:.2f}" if number < 9.995 else f"{number:.1f}" if number < 99.95 else f"{number:.0f}"


def _long_duration(nanoseconds: float) -> str:
    seconds = round(nanoseconds / 1e9)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"

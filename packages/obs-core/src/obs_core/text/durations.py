"""Nanoseconds as people read them: "3.4 ms", "2 d 3 h", "2026-11-22 23:42:37.417 UTC"."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime

__all__ = [
    "format_duration",
    "format_iso",
    "format_moment",
    "format_standing",
    "format_took",
    "moment_html",
    "parse_age",
]

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


def format_duration(ns: int) -> str:
    """Write a duration with two or three significant digits in the unit that fits it.

    Args:
        ns: Nanoseconds; negative ones get a minus sign.

    Examples:
        >>> [format_duration(ns) for ns in (417, 3_400_000, 72_000_000_000)]
        ['417 ns', '3.4 ms', '1 min 12 s']
    """
    if ns < 0:
        return "-" + format_duration(-ns)
    if ns < MICROSECOND:
        return f"{ns} ns" if ns else "0 s"
    if ns < SECOND - MILLISECOND // 2:
        return _subsecond(ns)
    if ns < MINUTE - SECOND // 20:
        return f"{ns / SECOND:.2f} s" if ns < 9_995_000_000 else f"{ns / SECOND:.1f} s"
    return _composed(ns)


def format_took(ns: int, status: str, least: str = "≥") -> str:
    """Write how long something took; of what was lost it is known only how long it was heard of, if it was.

    Args:
        ns: Nanoseconds.
        status: How it stands.
        least: What tells that it was no less.

    Examples:
        >>> [format_took(3_400_000, status) for status in ("succeeded", "lost")]
        ['3.4 ms', '≥ 3.4 ms']
        >>> format_took(0, "lost")
        'unknown'
    """
    if status != "lost":
        return format_duration(ns)
    return f"{least} {format_duration(ns)}" if ns > 0 else "unknown"


def format_standing(ns: int, status: str, between: str = " in ") -> str:
    """Write how something stands, and how long it took as far as that is known.

    Args:
        ns: Nanoseconds.
        status: How it stands.
        between: What stands between the two.

    Examples:
        >>> format_standing(3_400_000, "failed"), format_standing(0, "lost")
        ('failed in 3.4 ms', 'lost')
    """
    return status if status == "lost" and ns <= 0 else f"{status}{between}{format_took(ns, status)}"


def format_moment(ns: int, digits: int = 3) -> str:
    """Write a moment in UTC, to be read by people.

    Args:
        ns: Nanoseconds since the epoch.
        digits: How many digits of the second's fraction to show, 0 to 9. Digits beyond are cut off, not rounded.

    Examples:
        >>> format_moment(1_795_390_957_417_123_456)
        '2026-11-22 23:42:37.417 UTC'
    """
    seconds, fraction = divmod(ns, SECOND)
    tail = f".{fraction:09d}"[: digits + 1] if digits else ""
    return f"{_second(seconds).replace('T', ' ')}{tail} UTC"


def moment_html(ns: int, digits: int = 3) -> str:
    """Write a moment of obs's own for a deck: a browser shows it in the reader's time zone, with UTC in a tooltip.

    It stays in UTC where no script runs, and in text that is made of the HTML. Moments of the user's data are not
    written like this: they stay what they are.

    Args:
        ns: Nanoseconds since the epoch.
        digits: How many digits of the second's fraction to show, 0 to 3.

    Examples:
        >>> moment_html(1_795_390_957_417_123_456, digits=0)
        '<time datetime="2026-11-22T23:42:37.417Z" data-obs-moment="0">2026-11-22 23:42:37 UTC</time>'
    """
    seconds, fraction = divmod(ns, SECOND)
    at = f"{_second(seconds)}.{fraction // MILLISECOND:03d}Z"
    return f'<time datetime="{at}" data-obs-moment="{digits}">{format_moment(ns, digits)}</time>'


def format_iso(ns: int) -> str:
    """Write a moment in ISO 8601 with all nine digits, to be read by programs.

    Args:
        ns: Nanoseconds since the epoch.

    Examples:
        >>> format_iso(1_795_390_957_417_123_456)
        '2026-11-22T23:42:37.417123456+00:00'
    """
    seconds, fraction = divmod(ns, SECOND)
    return f"{_second(seconds)}.{fraction:09d}+00:00"


def parse_age(text: str) -> int:
    """Return an age such as ``"30d"`` in nanoseconds.

    Args:
        text: A number and one of s, m (minutes), h, d, w.

    Raises:
        ValueError: It is something else.

    Examples:
        >>> parse_age("1.5h") == 90 * 60 * 10**9
        True
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not an age: write a number and s, m, h, d or w, such as 30d")
    return int(float(found[1]) * _UNITS[found[2]])


def _subsecond(ns: int) -> str:
    if ns < MILLISECOND - MICROSECOND // 2:
        scale, unit = MICROSECOND, "µs"
    else:
        scale, unit = MILLISECOND, "ms"
    value = ns / scale
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def _composed(ns: int) -> str:
    """Write a minute or more as two units, the lesser one rounded."""
    minutes, seconds = divmod(_rounded(ns, SECOND), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(_rounded(ns, MINUTE), 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(_rounded(ns, HOUR), 24)
    return f"{days:,} d {hours} h"


def _rounded(ns: int, unit: int) -> int:
    return (ns + unit // 2) // unit


@functools.lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")

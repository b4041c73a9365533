"""Numbers and names as short text."""

from __future__ import annotations

import math

from obs_core.rendering import escape

__all__ = ["name_html", "number_text"]

LONGEST = 80

_VISIBLE = str.maketrans({"\n": "↵", "\r": "", "\t": "⇥", "\0": "␀"})


def number_text(value: float | None) -> str:
    """Write a number with four digits, whole above a thousand: ``3.142``, ``12,346``; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if 1000 <= abs(value) < 1e15:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−") if value else "0"


def name_html(text: str) -> str:
    """Write a column's name or a value, escaped and of bounded length; line breaks and the like are made visible."""
    short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return escape(short.translate(_VISIBLE)) or "<i>(empty)</i>"

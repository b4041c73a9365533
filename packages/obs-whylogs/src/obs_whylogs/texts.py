"""Names as short text."""

from __future__ import annotations

from obs_core.rendering import escape
from obs_core.secrets import masked_text

__all__ = ["name_html"]

LONGEST = 80

_VISIBLE = str.maketrans({"\n": "↵", "\r": "", "\t": "⇥", "\0": "␀"})


def name_html(text: str) -> str:
    """Write a column's name or a value, escaped and of bounded length; line breaks and the like are made visible."""
    short = text if len(text) <= LONGEST else masked_text(text, LONGEST, "…")
    return escape(short.translate(_VISIBLE)) or "<i>(empty)</i>"

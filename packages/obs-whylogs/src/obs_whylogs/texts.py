"""Names as short text."""

from __future__ import annotations

from obs_core.rendering import escape
from obs_core.secrets import masked_text
from obs_core.text.controls import visible

__all__ = ["name_html"]

LONGEST = 80


def name_html(text: str) -> str:
    """Write a column's name or a value, escaped and of bounded length; line breaks and the like are made visible."""
    short = text if len(text) <= LONGEST else masked_text(text, LONGEST, "…")
    return escape(visible(short)) or "<i>(empty)</i>"

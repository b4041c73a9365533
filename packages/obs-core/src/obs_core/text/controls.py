"""Control characters as a reader can see them: two values that differ by one must not look the same."""

from __future__ import annotations

__all__ = ["visible"]

_NAMED = {"\n": "↵", "\r": "", "\t": "⇥", "\x7f": "␡"}
"""As editors show them; a carriage return comes before a line feed, which says it all."""

_C0 = {chr(code): chr(0x2400 + code) for code in range(0x20)}
_C1 = {chr(code): f"\\x{code:02x}" for code in range(0x80, 0xA0)}
"""Unicode has pictures of the first, and none of the second."""

_VISIBLE = str.maketrans({**_C1, **_C0, **_NAMED})


def visible(text: str) -> str:
    r"""Write line breaks, tabs and other control characters as characters that are seen.

    Examples:
        >>> visible("two\nlines\x05")
        'two↵lines␅'
    """
    return text.translate(_VISIBLE)

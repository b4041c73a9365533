"""Control characters as a reader can see them: two values that differ by one must not look the same.

Secrets are masked here, before: one that holds a tab or a line break would not be known any more afterwards.
"""

from __future__ import annotations

from obs_core.text.masking import mask

__all__ = ["in_order", "visible", "visible_lines"]

_NAMED = {"\n": "↵", "\t": "⇥", "\x7f": "␡"}
"""As editors show them."""

_C0 = {chr(code): chr(0x2400 + code) for code in range(0x20)}
_C1 = {chr(code): f"\\x{code:02x}" for code in range(0x80, 0xA0)}
"""Unicode has pictures of the first, and none of the second."""

_UNSEEN = (0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
"""Characters without a width, line ends that no keyboard has, and those that turn the direction of what follows.

The joiners U+200C and U+200D stay: Persian words and emoji need them.
"""

_TURNING = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Those of them that turn the direction: what follows one may be shown in front of what it follows."""

_ESCAPED = {chr(code): f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _UNSEEN}
_VISIBLE = str.maketrans({**_C1, **_ESCAPED, **_C0, **_NAMED})
_IN_LINES = str.maketrans({char: text for char, text in {**_C1, **_ESCAPED, **_C0}.items() if char not in "\r\n\t"})
_IN_ORDER = str.maketrans({chr(code): f"\\u{code:04x}" for code in _TURNING})
_SPACE = "␠"


def in_order(text: str) -> str:
    r"""Write the marks that turn the direction of text as escapes: characters then stand as they follow each other.

    Text of a language that is written from right to left stays as it is.

    Examples:
        >>> in_order("safe\u202egpj.exe")
        'safe\\u202egpj.exe'
    """
    return text if text.isascii() else text.translate(_IN_ORDER)


def visible(text: str) -> str:
    r"""Write a value on one line so that every character of it is seen, those that have no look of their own too.

    Spaces are marked where they stand first or last.

    Examples:
        >>> visible("two\nlines\x05"), visible("JFK ")
        ('two↵lines␅', 'JFK␠')
    """
    text = mask(text).replace("\r\n", "\n").translate(_VISIBLE)
    inner = text.strip(" ")
    if len(inner) == len(text):
        return text
    before = len(text) - len(text.lstrip(" ")) if inner else 0
    return _SPACE * before + inner + _SPACE * (len(text) - before - len(inner))


def visible_lines(text: str) -> str:
    r"""Write text of several lines so that control characters are seen; line breaks, tabs and spaces stay.

    Examples:
        >>> visible_lines("two\n\tlines\x1b")
        'two\n\tlines␛'
    """
    return mask(text).replace("\r\n", "\n").translate(_IN_LINES)

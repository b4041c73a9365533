"""How far two texts, or two rows of words, are alike."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["alike_at_first"]


def alike_at_first(one: Sequence[object], other: Sequence[object]) -> int:
    """Return with how many equal letters, or words, both begin.

    Args:
        one: A text, or a list of words.
        other: Another one.

    Examples:
        >>> alike_at_first("part-0001", "part-0002")
        8
    """
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))

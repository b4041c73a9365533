"""Examples of texts, drawn so that each distinct text is as likely as any other.

Those with the smallest hashes are kept. The sample of a union is therefore found in the samples of its parts.

Source: E. Cohen, H. Kaplan, "Summarizing Data using Bottom-k Sketches" (2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TextSample", "pattern_of"]

SIZE = 256
"""Distinct texts whose pattern is kept."""

EXAMPLES = 12
"""Of these, texts that are kept themselves."""

_LONGEST_PATTERN = 32


class TextSample:
    """A sample of distinct texts: the patterns of 256, and 12 of them in full.

    Args:
        hashes: The hashes of the sample, ascending, 32 bits each.
        patterns: The pattern of each.
        texts: The first texts, shortened.
    """

    __slots__ = ("hashes", "patterns", "texts")

    def __init__(self, hashes: NDArray[np.uint32], patterns: list[str], texts: list[str]) -> None:
        self.hashes = hashes
        self.patterns = patterns
        self.texts = texts

    @classmethod
    def merged(cls, parts: Sequence[TextSample]) -> TextSample:
        """Draw the sample of all texts."""
        if len(parts) == 1:
            return parts[0]
        hashes = np.concatenate([part.hashes for part in parts])
        kept, places = np.unique(hashes, return_index=True)
        # Which part an equal hash is taken from makes no difference, but for two texts of one hash.
        ends = np.cumsum([len(part.hashes) for part in parts])
        owners = np.searchsorted(ends, places[:SIZE], side="right")
        starts = np.concatenate([[0], ends])[owners]
        chosen = [(parts[owner], place) for owner, place in zip(owners, (places[:SIZE] - starts).tolist(), strict=True)]
        patterns = [part.patterns[place] for part, place in chosen]
        texts = [part.texts[place] for part, place in chosen[:EXAMPLES] if place < len(part.texts)]
        return cls(kept[:SIZE], patterns, texts)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TextSample)
            and np.array_equal(self.hashes, other.hashes)
            and (self.patterns, self.texts) == (other.patterns, other.texts)
        )

    __hash__ = None  # type: ignore[assignment]


def pattern_of(text: str) -> str:
    """Write what a text looks like: ``A9`` of ``N12345``, ``a9-a9-a9-a9-a9`` of a UUID, ``Aa, Aa`` of ``Doe, Jane``.

    ``A`` are capitals, ``a`` other letters, ``9`` digits, ``A9`` both; all other characters stay.

    Args:
        text: Any text.

    Returns:
        Its pattern, at most 32 characters.
    """
    parts: list[str] = []
    kinds = 0
    for character in text[:256]:
        kind = 4 if character.isdigit() else (1 if character.isupper() else 2) if character.isalpha() else 0
        if kind:
            kinds |= kind
            continue
        if kinds:
            parts.append(_KINDS[kinds])
            kinds = 0
        parts.append(" " if character.isspace() else character)
        if len(parts) > _LONGEST_PATTERN:
            break
    if kinds:
        parts.append(_KINDS[kinds])
    return "".join(parts)[:_LONGEST_PATTERN]


_KINDS = ["", "A", "a", "Aa", "9", "A9", "a9", "Aa9"]

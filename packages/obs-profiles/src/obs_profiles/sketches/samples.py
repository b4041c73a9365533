"""Examples of texts, drawn so that each distinct text is as likely as any other.

Those with the smallest hashes are kept. The sample of a union is therefore found in the samples of its parts.

Source: E. Cohen, H. Kaplan, "Summarizing Data using Bottom-k Sketches" (2007).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
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
    def of(cls, hashes: NDArray[np.uint32], show: Callable[[int], str]) -> TextSample:
        """Draw a sample.

        Args:
            hashes: The hashes of distinct texts, ascending; two texts may have one.
            show: Returns a text by the place of its hash.
        """
        texts = map(show, range(len(hashes)))
        entries = zip(hashes.tolist(), texts, strict=True)
        return cls._of_entries((hashed, pattern_of(text), text) for hashed, text in entries)

    @classmethod
    def merged(cls, parts: Sequence[TextSample]) -> TextSample:
        """Draw the sample of all texts."""
        if len(parts) == 1:
            return parts[0]
        kept = np.unique(np.concatenate([part.hashes for part in parts]))[:SIZE]
        entries: set[tuple[int, str, str]] = set()
        for part in parts:
            count = int(np.searchsorted(part.hashes, kept[-1], "right")) if len(kept) else 0
            texts = [*part.texts, *[""] * (count - len(part.texts))]
            entries.update(zip(part.hashes[:count].tolist(), part.patterns, texts, strict=False))
        return cls._of_entries(sorted(entries))

    @classmethod
    def _of_entries(cls, entries: Iterable[tuple[int, str, str]]) -> TextSample:
        """Take hashes, ascending, with their patterns and texts; of texts of one hash the first by the alphabet."""
        groups = itertools.groupby(entries, key=operator.itemgetter(0))
        chosen = [min(members) for _, members in itertools.islice(groups, SIZE)]
        hashes = np.array([hashed for hashed, _, _ in chosen], np.uint32)
        texts = [text for _, _, text in chosen[:EXAMPLES]]
        return cls(hashes, [pattern for _, pattern, _ in chosen], texts)

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

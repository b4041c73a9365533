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

from obs_profiles.columns.texts import beginning_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LONGEST_PATTERN", "TextSample", "pattern_of"]

SIZE = 256
"""Distinct texts whose pattern is kept."""

EXAMPLES = 12
"""Of these, texts that are kept themselves."""

LONGEST_PATTERN = 32
"""Characters of a pattern that are kept."""


class TextSample:
    """A sample of distinct texts: the patterns of 256, and 12 of them in full.

    Args:
        hashes: The hashes of the sample, ascending, 32 bits each.
        patterns: The pattern of each.
        texts: The first texts, shortened.
        counts: How often each is there; None where that is not known, as of what older versions wrote.
    """

    __slots__ = ("counts", "hashes", "patterns", "texts")

    def __init__(
        self,
        hashes: NDArray[np.uint32],
        patterns: list[str],
        texts: list[str],
        counts: NDArray[np.int64] | None = None,
    ) -> None:
        self.hashes = hashes
        self.patterns = patterns
        self.texts = texts
        self.counts = counts

    @classmethod
    def of(cls, hashes: NDArray[np.uint32], counts: NDArray[np.int64], show: Callable[[int], str]) -> TextSample:
        """Draw a sample.

        Args:
            hashes: The hashes of distinct texts, ascending; two texts may have one.
            counts: How often each is there.
            show: Returns a text by the place of its hash.
        """
        texts = map(show, range(len(hashes)))
        entries = zip(hashes.tolist(), texts, strict=True)
        made = cls._of_entries((hashed, _pattern_of_kept(text), text) for hashed, text in entries)
        made.counts = _counts_of(made.hashes, hashes, counts)
        return made

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
        made = cls._of_entries(sorted(entries))
        known = [part.counts for part in parts if part.counts is not None]
        if len(known) == len(parts):
            # What is in the sample of all is in that of each part that has it: its counts are all there.
            made.counts = _counts_of(kept, np.concatenate([part.hashes for part in parts]), np.concatenate(known))
        return made

    def beside(self, other: TextSample) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]] | None:
        """Return the distinct texts of which both samples tell whether they are there, and how often on each side.

        Args:
            other: Another sample.

        Returns:
            Their hashes, ascending, and the counts of both; 0 where a text is not there. None where that is not known.
        """
        if self.counts is None or other.counts is None:
            return None
        # Up to its own last hash a full sample has each text that is there; a smaller one has all.
        lasts = [int(sample.hashes[-1]) for sample in (self, other) if len(sample.hashes) == SIZE]
        both = np.unique(np.concatenate([self.hashes, other.hashes]))
        known = both[both <= min(lasts)] if lasts else both
        return known, _counts_of(known, self.hashes, self.counts), _counts_of(known, other.hashes, other.counts)

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
            and np.array_equal(self.counts, other.counts)  # type: ignore[arg-type]
        )

    __hash__ = None  # type: ignore[assignment]


def _counts_of(chosen: NDArray[np.uint32], hashes: NDArray[np.uint32], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add up the counts of each of some hashes, which are distinct and ascending."""
    places = np.searchsorted(chosen, hashes)
    there = places < len(chosen)
    there[there] = chosen[places[there]] == hashes[there]
    found = np.zeros(len(chosen), np.int64)
    np.add.at(found, places[there], counts[there])
    return found


def _pattern_of_kept(text: str) -> str:
    """Write what a text looks like that is kept: of a long one the hash is no part."""
    beginning = beginning_of(text)
    return pattern_of(text if beginning is None else f"{beginning}…")


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
        if len(parts) > LONGEST_PATTERN:
            break
    if kinds:
        parts.append(_KINDS[kinds])
    return "".join(parts)[:LONGEST_PATTERN]


_KINDS = ["", "A", "a", "Aa", "9", "A9", "a9", "Aa9"]

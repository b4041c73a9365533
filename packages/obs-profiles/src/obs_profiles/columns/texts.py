"""Texts as the bytes of their UTF-8, one behind the other."""

from __future__ import annotations

import re
from bisect import bisect_right
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from obs_core.secrets import mask, masked_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LONGEST", "PackedTexts", "UnpackedTexts", "beginning_of", "cuts", "may_be_several"]

LONGEST = 100
"""Bytes of a text that profiles keep."""

_STANDS_FOR_OTHERS = re.compile(r"\*\*\*|\\x[89a-f][0-9a-f]|\\ud[89a-f][0-9a-f]{2}")
"""What stands in place of a secret, and of what is no UTF-8: texts that hold it may have differed."""

_CUT = re.compile("…[0-9a-f]{16}$")
"""What a text that is kept in part ends in: half of its hash."""

_FEWEST_KEPT = 90
"""Bytes of such a text that are kept at least, but for a character that is cut in two."""

_HALF = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
"""Half of a surrogate pair, as `PackedTexts.of` keeps it."""

_MASKED_WITHIN = 10_000
"""Bytes of a text that are looked through for secrets before it is cut: half of one would be known to nobody."""

PIECE = 1 << 22
"""Bytes of texts that are looked at together: what that takes besides is some times as much, however large a column."""

_DIGEST = 16

_KEPT = 1 << 25
"""Bytes of packed texts that are kept until some of them are shown; others are then packed again."""


def cuts(sizes: NDArray[np.int64], most: int = PIECE) -> Iterator[tuple[int, int]]:
    """Cut values into pieces of so many bytes; a larger one is a piece of its own.

    Args:
        sizes: The bytes of each.
        most: The bytes of a piece.

    Yields:
        Where a piece begins, and where it ends.
    """
    ends, start = np.cumsum(sizes), 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, "right")))
        yield start, stop
        start = stop


@dataclass(slots=True)
class PackedTexts:
    """Texts, or other sequences of bytes, in one buffer.

    Attributes:
        data: The bytes of all texts, and perhaps of others.
        starts: Where each text begins.
        lengths: Its bytes.
        digest: Of a single text of which only the beginning is in the buffer: its digest; else nothing.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    digest: bytes = b""
    _characters: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, texts: Sequence[str]) -> PackedTexts:
        """Pack texts; halves of surrogate pairs are kept as three bytes each.

        Raises:
            TypeError: One of them is no text.
        """
        if len(texts) == 1 and str.__len__(texts[0]) > PIECE:
            return cls._of_beginning(texts[0])
        data = np.frombuffer("\0".join(texts).encode("utf-8", "surrogatepass"), np.uint8)
        ends = np.append(np.flatnonzero(data == 0), len(data))
        if len(ends) != len(texts):  # some hold a NUL themselves, or there are none
            return cls.of_bytes([str.encode(text, "utf-8", "surrogatepass") for text in texts])
        starts = np.concatenate([[0], ends[:-1] + 1])
        return cls(data, starts, ends - starts)

    @classmethod
    def of_bytes(cls, parts: Sequence[bytes]) -> PackedTexts:
        """Pack sequences of bytes."""
        # A class of its own may claim another length than what is joined has.
        lengths = np.fromiter(map(bytes.__len__, parts), np.int64, len(parts))
        return cls(np.frombuffer(b"".join(parts), np.uint8), np.cumsum(lengths) - lengths, lengths)

    @classmethod
    def _of_beginning(cls, text: str) -> PackedTexts:
        """Pack what is shown of a text that is too long to be copied as a whole."""
        digest, length, characters = blake2b(digest_size=_DIGEST), 0, str.__len__(text)
        for start in range(0, characters, PIECE):
            part = str.__getitem__(text, slice(start, start + PIECE)).encode("utf-8", "surrogatepass")
            digest.update(part)
            length += len(part)
        beginning = str.__getitem__(text, slice(_MASKED_WITHIN)).encode("utf-8", "surrogatepass")
        one = np.zeros(1, np.int64)
        return cls(np.frombuffer(beginning, np.uint8), one, one + length, digest.digest(), one + characters)

    def __len__(self) -> int:
        return len(self.starts)

    def pieces(self) -> Iterator[PackedTexts]:
        """Go through the texts in pieces of a few megabytes, without copying."""
        if len(self.data) <= PIECE:
            yield self
            return
        for start, stop in cuts(self.lengths):
            yield self._between(start, stop)

    def _between(self, start: int, stop: int) -> PackedTexts:
        """Return some of the texts, in no more of the buffer than they need."""
        if self.digest:
            return self
        starts, lengths = self.starts[start:stop], self.lengths[start:stop]
        first, last = int(starts.min()), int((starts + lengths).max())
        return PackedTexts(self.data[first:last], starts - first, lengths)

    def digest_at(self, place: int) -> bytes:
        """Return the 16 bytes of the BLAKE2b digest of a text, by which a long one is hashed."""
        if self.digest:
            return self.digest
        start = int(self.starts[place])
        part = self.data[start : start + int(self.lengths[place])]
        return blake2b(np.ascontiguousarray(part).data, digest_size=_DIGEST).digest()

    def bytes_at(self, place: int, most: int | None = None) -> bytes:
        """Return the bytes of a text, or the first ones."""
        start, length = int(self.starts[place]), int(self.lengths[place])
        return self.data[start : start + (length if most is None else min(length, most))].tobytes()

    def text_at(self, place: int, most: int | None = None) -> str:
        r"""Return a text, or its first bytes as one; what is no UTF-8 is written as ``\\xff``.

        Half of a surrogate pair is written as ``\\ud800``, as in names of columns.
        """
        found = self.bytes_at(place, most)
        try:
            return found.decode()
        except UnicodeDecodeError as error:
            # A character that was cut in two is left out.
            if most is not None and len(found) == most and error.start >= most - 4:
                found = found[: error.start]
            return _HALF.sub(_named_half, found).decode("utf-8", "backslashreplace")

    def shown_at(self, place: int, hashed: int, *, raw: bool = False) -> str:
        """Return a text as profiles keep it, masked; of a long one the first bytes and its hash, so none is another.

        Args:
            place: Which text.
            hashed: The first half of its hash.
            raw: Whether it is bytes.
        """
        long = int(self.lengths[place]) > LONGEST
        most = _MASKED_WITHIN if long else LONGEST
        found = self.bytes_at(place, most).decode("utf-8", "backslashreplace") if raw else self.text_at(place, most)
        return f"{masked_text(found, LONGEST)}…{hashed:016x}" if long else mask(found)

    def characters(self) -> NDArray[np.int64]:
        """Return how many characters each text has; of what is no UTF-8, each byte is one."""
        if self._characters is not None:
            return self._characters
        made = [piece._characters_at_once() for piece in self.pieces()]
        return np.concatenate(made) if made else self.lengths

    def _characters_at_once(self) -> NDArray[np.int64]:
        if not len(self.data) or int(self.data.max()) < 0x80:
            return self.lengths
        if len(self) == 1 and len(self.data) > PIECE:
            return np.array([_characters_of(self.data)], np.int64)
        # A character has one byte that does not continue it.
        continuing = (self.data & 0xC0) == 0x80
        if not _is_text(self.data) or continuing[self.starts[self.lengths > 0]].any():
            return np.fromiter(map(self._characters_at, range(len(self))), np.int64, len(self))
        before = np.zeros(len(self.data) + 1, np.int64)
        np.cumsum(continuing, out=before[1:])
        characters: NDArray[np.int64] = self.lengths - (before[self.starts + self.lengths] - before[self.starts])
        return characters

    def _characters_at(self, place: int) -> int:
        found = self.bytes_at(place)
        try:
            return len(found.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError:
            return len(found.decode("utf-8", "surrogateescape"))


class UnpackedTexts:
    """Texts, or other sequences of bytes, that are packed when they are looked at, a few megabytes at once.

    Args:
        sizes: About how many bytes each takes.
        pack: Packs those from one place up to another one.
    """

    def __init__(self, sizes: NDArray[np.int64], pack: Callable[[int, int], PackedTexts]) -> None:
        self._cuts = list(cuts(sizes))
        self._pack = pack
        self._kept: list[PackedTexts] = []

    @classmethod
    def of(cls, texts: Sequence[str]) -> UnpackedTexts:
        """Take texts of Python."""
        sizes = np.fromiter(map(str.__len__, texts), np.int64, len(texts))

        def pack(start: int, stop: int) -> PackedTexts:
            packed = PackedTexts.of(texts[start:stop])
            packed._characters = sizes[start:stop]
            return packed

        return cls(sizes, pack)

    def __len__(self) -> int:
        return self._cuts[-1][1] if self._cuts else 0

    def pieces(self) -> Iterator[PackedTexts]:
        """Go through the texts in pieces; the first ones are kept for those that are shown."""
        room, kept = _KEPT, self._kept
        for place, (start, stop) in enumerate(self._cuts):
            piece = self._pack(start, stop)
            room -= len(piece.data)
            if room >= 0 and len(kept) == place:
                kept.append(piece)
            yield piece

    def shown_at(self, place: int, hashed: int, *, raw: bool = False) -> str:
        """Return a text as profiles keep it; see `PackedTexts.shown_at`."""
        number = bisect_right(self._cuts, place, key=lambda cut: cut[0]) - 1
        if number < len(self._kept):
            return self._kept[number].shown_at(place - self._cuts[number][0], hashed, raw=raw)
        return self._pack(place, place + 1).shown_at(0, hashed, raw=raw)


def _characters_of(data: NDArray[np.uint8]) -> int:
    """Count the characters of a long text, piece by piece."""
    decoder = getincrementaldecoder("utf-8")("surrogateescape")
    pieces = (data[start : start + PIECE].tobytes() for start in range(0, len(data), PIECE))
    return sum(len(decoder.decode(piece)) for piece in pieces) + len(decoder.decode(b"", final=True))


def _is_text(data: NDArray[np.uint8]) -> bool:
    """Tell whether bytes are UTF-8."""
    try:
        str(np.ascontiguousarray(data).data, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def may_be_several(text: str) -> bool:
    """Tell whether texts that differ may all be kept as this one."""
    return _STANDS_FOR_OTHERS.search(text) is not None


def beginning_of(text: str) -> str | None:
    """Return what a profile has of a text that is too long to be kept; None of one that it has as a whole.

    Args:
        text: A text as profiles keep it: of a long one its first 100 bytes, and its hash, as docs/profiles.md says.
    """
    found = _CUT.search(text)
    if found is None:
        return None
    beginning = text[: found.start()]
    # Masked, they are fewer; a short text that ends like this is one as somebody wrote it.
    return beginning if len(beginning.encode("utf-8", "surrogatepass")) > _FEWEST_KEPT or "***" in beginning else None


def _named_half(half: re.Match[bytes]) -> bytes:
    return half[0].decode("utf-8", "surrogatepass").encode("ascii", "backslashreplace")

"""Texts as the bytes of their UTF-8, one behind the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obs_core.secrets import mask, masked_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LONGEST", "PackedTexts", "may_be_several"]

LONGEST = 100
"""Bytes of a text that profiles keep."""

_STANDS_FOR_OTHERS = re.compile(r"\*\*\*|\\x[89a-f][0-9a-f]|\\ud[89a-f][0-9a-f]{2}")
"""What stands in place of a secret, and of what is no UTF-8: texts that hold it may have differed."""

_HALF = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
"""Half of a surrogate pair, as `PackedTexts.of` keeps it."""

_MASKED_WITHIN = 10_000
"""Bytes of a text that are looked through for secrets before it is cut: half of one would be known to nobody."""


@dataclass(slots=True)
class PackedTexts:
    """Texts, or other sequences of bytes, in one buffer.

    Attributes:
        data: The bytes of all texts, and perhaps of others.
        starts: Where each text begins.
        lengths: Its bytes.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> PackedTexts:
        """Pack texts; halves of surrogate pairs are kept as three bytes each.

        Raises:
            TypeError: One of them is no text.
        """
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

    def __len__(self) -> int:
        return len(self.starts)

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
        """Return how many characters each text has: its bytes, but for those that continue a character."""
        used = self._used()
        if not len(used) or int(used.max()) < 0x80:
            return self.lengths
        before = np.zeros(len(self.data) + 1, np.int64)
        np.cumsum((self.data & 0xC0) == 0x80, out=before[1:])
        continuing: NDArray[np.int64] = before[self.starts + self.lengths] - before[self.starts]
        return self.lengths - continuing

    def _used(self) -> NDArray[np.uint8]:
        if not len(self.starts):
            return self.data[:0]
        return self.data[int(self.starts.min()) : int((self.starts + self.lengths).max())]


def may_be_several(text: str) -> bool:
    """Tell whether texts that differ may all be kept as this one."""
    return _STANDS_FOR_OTHERS.search(text) is not None


def _named_half(half: re.Match[bytes]) -> bytes:
    return half[0].decode("utf-8", "surrogatepass").encode("ascii", "backslashreplace")

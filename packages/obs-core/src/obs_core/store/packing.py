"""Gzip as the store holds it: members that can be found and opened each by itself, inflated within bounds."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from obs_core.store.base import StoreError

__all__ = [
    "CONTENT",
    "LONGEST_OUTLINE",
    "SEGMENT",
    "Bounds",
    "Member",
    "compressed",
    "inflated",
    "level_within",
    "member",
    "members",
    "outlined",
    "unpacked",
]


class Bounds(NamedTuple):
    """How far a file is inflated: half a megabyte may be made to hold half a gigabyte.

    What obs writes stays within them, since what would not is stored as it is: see `level_within` and `compressed`.

    Attributes:
        most: Bytes, if the file is not so large itself.
        per_byte: Bytes that each stored byte may be inflated to whatever the limit: what is large is as large as it is.
    """

    most: int
    per_byte: int

    def room(self, size: int) -> int:
        """Return how many bytes a file of some size may hold."""
        return max(self.most, self.per_byte * size)


SEGMENT = Bounds(16 * 1024 * 1024, 16)
"""Of a journal's segment, which ends at eight megabytes and one write."""

CONTENT = Bounds(32 * 1024 * 1024, 64)
"""Of what stands in a file of its own: a part of a deck, what a task returned, a script that many decks share."""

_PIECE = 256 * 1024
"""Bytes that are given to zlib at once, and taken from it."""

_ANY = b"\x1f\x8b\x08"
_OURS = re.compile(rb"\x1f\x8b\x08\x04\0\0\0\0\0\xff..OB\x04\0", re.DOTALL)
"""A gzip header (RFC 1952) with an extra field of ours, in which the size of the whole member follows."""

_HEADER = struct.Struct("<10sH2sHI")
"""That header with the length of all extra fields, and the first of them whole."""

_OUTLINE = struct.Struct("<2sHI")
"""The beginning of our other extra field: a checksum of the outline and of what follows the header."""

LONGEST_OUTLINE = 60_000
"""Bytes; all extra fields of a member have 65,535."""


class Member(NamedTuple):
    """A gzip member in a file.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        content: What it holds, or its outline if that is asked for; None if it is damaged.
        whole: Whether it is all there.
        size: Bytes that it holds, uncompressed.
        has_outline: Whether `content` is its outline.
    """

    start: int
    end: int
    content: bytes | None
    whole: bool
    size: int
    has_outline: bool = False


def member(content: bytes | memoryview, level: int = 1, outline: bytes = b"") -> bytes:
    """Return content as one gzip member that says how long it is, so that damage before it does not hide it.

    Args:
        content: What it holds.
        level: How much zlib tries.
        outline: What many readers may take instead of it, at most `LONGEST_OUTLINE` bytes; empty for none.
    """
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    end = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    body = b"%b%b%b" % (packer.compress(content), packer.flush(), end)
    extra = b""
    if outline:
        extra = _OUTLINE.pack(b"OL", len(outline) + 4, zlib.crc32(body, zlib.crc32(outline))) + outline
    size = _HEADER.size + len(extra) + len(body)
    head = _HEADER.pack(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff", 8 + len(extra), b"OB", 4, size)
    return b"%b%b%b" % (head, extra, body)


def level_within(inflated: int, stored: int) -> int:
    """Return how much zlib is to try at the next member of a segment, so that readers inflate the whole of it.

    Args:
        inflated: Bytes that the segment holds with that member.
        stored: Bytes that it has in the file without it.
    """
    return 1 if inflated <= max(SEGMENT.most, SEGMENT.per_byte * stored) else 0


def compressed(content: bytes) -> bytes:
    """Return the content of a file as gzip, the same for the same content.

    Of what is large and compresses so well that readers would take it for an attack, the beginning is stored as it is,
    in a member of its own.
    """
    packed = zlib.compress(content, level=6, wbits=31)
    if len(content) <= CONTENT.room(len(packed)):
        return packed
    begin = len(content) // CONTENT.per_byte + 1
    return zlib.compress(content[:begin], level=0, wbits=31) + zlib.compress(content[begin:], level=6, wbits=31)


def unpacked(content: bytes) -> bytes:
    """Decompress a whole file of gzip members.

    Raises:
        StoreError: It is damaged, or holds more than anybody wrote.
    """
    whole, unused = inflated(content, CONTENT)
    if unused or not content:
        too_much = f", or hold more than {CONTENT.room(len(content)):,}" if unused else ""
        raise StoreError(f"{unused} of {len(content)} stored bytes are damaged{too_much}")
    return whole


def inflated(content: bytes, bounds: Bounds = SEGMENT) -> tuple[bytes, int]:
    """Decompress gzip members one after the other.

    A damaged member is left out whole, since nothing tells which of its bytes are right. One that breaks off gives
    what stood before the break.

    Args:
        content: The file.
        bounds: How far it is inflated.

    Returns:
        What they hold, and how many bytes of the file could not be used.
    """
    lines, unused, _ = _inflated(content, bounds, outlines=False)
    return lines, unused


def outlined(content: bytes) -> tuple[bytes, int, int]:
    """Decompress gzip members as `inflated` does, but of those that have an outline take that.

    Returns:
        What they hold, how many bytes of the file could not be used, and how many bytes all of it is, uncompressed.
    """
    return _inflated(content, SEGMENT, outlines=True)


def _inflated(content: bytes, bounds: Bounds, *, outlines: bool) -> tuple[bytes, int, int]:
    parts: list[bytes] = []
    unused = reached = size = 0
    for one in members(content, bounds, outlines=outlines):
        unused += one.start - reached
        reached = one.end
        if not one.whole:
            unused += one.end - one.start
        if one.content is not None:
            parts.append(one.content)
            size += one.size
    return b"".join(parts), unused + len(content) - reached, size


def members(content: bytes, bounds: Bounds = SEGMENT, *, outlines: bool = False) -> Iterator[Member]:
    """Yield the gzip members of a file.

    Args:
        content: Of a file, or from any place in it on.
        bounds: How far it is inflated in all, damaged members included; where that is not enough, what is left of the
            file is given as one damaged member.
        outlines: Whether to take the outline of each member that has one and is not damaged, and not inflate it.
    """
    at, size = 0, len(content)
    room = bounds.room(size)
    while at < size:
        if not content.startswith(_ANY, at):
            at = _next_of_ours(content, at + 1)
            continue
        found = _outline_of(content, at) if outlines else None
        if found is None:
            if room <= 0:
                yield Member(at, size, None, False, 0)
                return
            end, part, whole, spent = _inflate_one(content, at, room)
            found = Member(at, end if whole else _next_of_ours(content, at + 1), part, whole, len(part or b""))
            room -= spent
        yield found
        at = found.end


def _next_of_ours(content: bytes, at: int) -> int:
    """Return where the next member of ours begins; the end of the content if there is none."""
    found = _OURS.search(content, at)
    return len(content) if found is None else found.start()


def _outline_of(content: bytes, at: int) -> Member | None:
    """Return the outline of the member that begins somewhere; None if it has none, or is damaged."""
    if not _OURS.match(content, at) or at + _HEADER.size + _OUTLINE.size > len(content):
        return None
    _, extra, _, _, size = _HEADER.unpack_from(content, at)
    name, length, crc = _OUTLINE.unpack_from(content, at + _HEADER.size)
    begin, end = at + _HEADER.size + _OUTLINE.size, at + size
    if name != b"OL" or extra != 8 + _OUTLINE.size - 4 + length or end > len(content):
        return None
    if zlib.crc32(memoryview(content)[begin:end]) != crc:
        return None
    outline = content[begin : begin + length - 4]
    return Member(at, end, outline, True, int.from_bytes(content[end - 4 : end], "little"), has_outline=True)


def _inflate_one(content: bytes, at: int, room: int) -> tuple[int, bytes | None, bool, int]:
    """Inflate the member that begins somewhere.

    Returns:
        Where it ends, what it holds, whether it is whole, and what finding that out took, in bytes.
    """
    view, size = memoryview(content), len(content)
    # What is given to zlib beyond a member's end is copied, so a member whose size is not known gets little at first:
    # a file of a million small ones takes linear time.
    step, claimed = 4096, False
    if _OURS.match(content, at) and at + 20 <= size:
        step, claimed = max(20, struct.unpack_from("<I", content, at + 16)[0]), True
    inflate = zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    reached, left = at, room
    given: bytes | memoryview = b""
    is_full = False  # there may be more to come of what was given
    while not inflate.eof and (given or is_full or reached < size):
        if not given and not is_full:
            given = view[reached : reached + min(step, _PIECE)]
            reached += len(given)
            step = 2 * step
        most = min(left + 1, _PIECE)
        try:
            part = inflate.decompress(given, most)
        except zlib.error:
            return size, None, False, room - left + most  # how much it was until there, zlib does not tell
        left -= len(part)
        if left < 0:
            return size, None, False, room
        parts.append(part)
        given, is_full = inflate.unconsumed_tail, len(part) == most
    spent = max(room - left, reached - at if claimed else 0)
    if not inflate.eof and content.endswith(bytes(4)):
        return size, None, False, spent  # a power failure leaves zeros, which may inflate to what was never written
    return reached - len(inflate.unused_data), b"".join(parts), inflate.eof, spent

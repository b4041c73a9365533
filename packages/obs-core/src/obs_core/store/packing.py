"""Gzip as the store holds it: members that can be found and opened each by itself, inflated within bounds."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from obs_core.store.base import StoreError

__all__ = ["MOST_INFLATED", "inflated", "member", "members", "unpacked"]

MOST_INFLATED = 512 * 1024 * 1024
"""Bytes beyond which no content that is read as text or lines is inflated: a few megabytes may be made to hold
terabytes."""

_PER_BYTE = 64
"""Bytes that each stored byte may be inflated to whatever the limit: a large output is as large as it is."""

_ANY = b"\x1f\x8b\x08"
_OURS = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x08\x00OB\x04\x00"
"""A gzip header (RFC 1952) with an extra field of ours, in which the size of the whole member follows."""


def member(content: bytes | memoryview, level: int = 1) -> bytes:
    """Return content as one gzip member that says how long it is, so that damage before it does not hide it."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = packer.compress(content) + packer.flush()
    size = len(_OURS) + 4 + len(body) + 8
    return b"%b%b%b%b" % (
        _OURS,
        struct.pack("<I", size),
        body,
        struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF),
    )


def unpacked(content: bytes) -> bytes:
    """Decompress a whole file of gzip members.

    Raises:
        StoreError: It is damaged, or holds more than anybody wrote.
    """
    whole, unused = inflated(content)
    if unused or not content:
        raise StoreError(f"{unused} of {len(content)} stored bytes are damaged")
    return whole


def inflated(content: bytes, limit: int = MOST_INFLATED) -> tuple[bytes, int]:
    """Decompress gzip members one after the other.

    A damaged member is left out whole, since nothing tells which of its bytes are right. One that breaks off gives
    what stood before the break.

    Args:
        content: The file.
        limit: Bytes to inflate at the most, if the file is not so large itself.

    Returns:
        What they hold, and how many bytes of the file could not be used.
    """
    room = max(limit, _PER_BYTE * len(content))
    parts: list[bytes] = []
    unused = reached = 0
    for start, end, part, whole in members(content, room):
        unused += start - reached
        reached = end
        if not whole:
            unused += end - start
        if part is not None:
            parts.append(part)
    return b"".join(parts), unused + len(content) - reached


def members(content: bytes, room: int = MOST_INFLATED) -> Iterator[tuple[int, int, bytes | None, bool]]:
    """Yield where each gzip member stands, what it holds, None if it is damaged, and whether it is whole.

    Args:
        content: Of a file, or from any place in it on.
        room: Bytes that are inflated in all; the last member is given as damaged where that is not enough.
    """
    at, size = 0, len(content)
    while at < size:
        if not content.startswith(_ANY, at):
            at = content.find(_OURS, at + 1)
            if at < 0:
                return
            continue
        end, part, whole = _inflate_one(content, at, room)
        if not whole:  # go on where the next one of ours begins
            following = content.find(_OURS, at + 1)
            end = size if following < 0 else following
        room -= len(part or b"")
        yield at, end, part, whole
        at = end


def _inflate_one(content: bytes, at: int, room: int) -> tuple[int, bytes | None, bool]:
    """Inflate the member that begins somewhere; returns where it ends, what it holds, and whether it is whole."""
    view, size = memoryview(content), len(content)
    # What is given to zlib beyond a member's end is copied, so a member whose size is not known gets little at first:
    # a file of a million small ones takes linear time.
    step = 4096
    if content.startswith(_OURS, at) and at + 20 <= size:
        step = max(20, struct.unpack_from("<I", content, at + 16)[0])
    inflate = zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    reached, left = at, room
    while reached < size and not inflate.eof:
        chunk = view[reached : reached + step]
        try:
            part = inflate.decompress(chunk, left + 1)
        except zlib.error:
            return size, None, False
        left -= len(part)
        if left < 0:
            return size, None, False
        parts.append(part)
        reached += len(chunk)
        step = min(2 * step, 1 << 20)
    if not inflate.eof and content.endswith(bytes(4)):
        return size, None, False  # a power failure leaves zeros, which may inflate to something that was never written
    return reached - len(inflate.unused_data), b"".join(parts), inflate.eof

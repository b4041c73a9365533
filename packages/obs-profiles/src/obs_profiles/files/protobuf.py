"""Reading messages of Protocol Buffers without their schema: fields by number.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["Message", "signed", "varint"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Message:
    """A message, of which only what is asked for is decoded.

    Args:
        data: Its bytes.

    Raises:
        ValueError: They are no message.
    """

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        place = 0
        while place < len(data):
            key, place = varint(data, place)
            value: int | bytes
            match key & 7:
                case 0:
                    value, place = varint(data, place)
                case 1:
                    value, place = data[place : place + 8], place + 8
                case 2:
                    length, place = varint(data, place)
                    value, place = data[place : place + length], place + length
                case 5:
                    value, place = data[place : place + 4], place + 4
                case other:
                    raise ValueError(f"a field of the unknown wire type {other}")
            if place > len(data):
                raise ValueError("a field is cut off")
            self._fields.setdefault(key >> 3, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def integer(self, number: int) -> int:
        """Return a field that is a varint; 0 if it is not there."""
        value = self._fields.get(number, [0])[-1]
        return value if isinstance(value, int) else 0

    def double(self, number: int) -> float:
        """Return a field that is a double; 0 if it is not there."""
        value = self._fields.get(number, [b"\0" * 8])[-1]
        return float(struct.unpack("<d", value)[0]) if isinstance(value, bytes) else 0.0

    def content(self, number: int) -> bytes:
        """Return a field that is bytes, text or a message; empty if it is not there."""
        value = self._fields.get(number, [b""])[-1]
        return value if isinstance(value, bytes) else b""

    def message(self, number: int) -> Message:
        """Return a field that is a message; an empty one if it is not there."""
        return Message(self.content(number))

    def messages(self, number: int) -> Iterator[Message]:
        """Go through a repeated field, or the entries of a map: their keys are field 1, their values field 2."""
        for value in self._fields.get(number, []):
            if isinstance(value, bytes):
                yield Message(value)

    def integers(self, number: int) -> Iterator[int]:
        """Go through a field of repeated varints, packed or not."""
        for value in self._fields.get(number, []):
            if isinstance(value, int):
                yield value
                continue
            place = 0
            while place < len(value):
                found, place = varint(value, place)
                yield found


def varint(data: bytes, place: int) -> tuple[int, int]:
    """Read a varint; return it and where it ends.

    Raises:
        ValueError: It is cut off, or longer than ten bytes.
    """
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise ValueError("a number is cut off")
        value |= (data[place] & 0x7F) << shift
        place += 1
        if not data[place - 1] & 0x80:
            return value, place
        shift += 7


def signed(value: int) -> int:
    """Return what a varint of 64 bits is as a signed integer."""
    return value - (1 << 64) if value >> 63 else value

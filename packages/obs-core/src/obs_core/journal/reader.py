"""Read segments back: whole, torn by a kill, or written by a newer obs."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator, Sequence

import msgspec

from obs_core.journal.records import AnyRecord, Head
from obs_core.store.base import Store
from obs_core.store.fetching import fetch_each
from obs_core.store.paths import execution_path

__all__ = ["read_segment", "read_segments", "segment_names", "writer_of"]

_decoder: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)


def segment_names(store: Store, execution_id: str) -> list[str]:
    """Return the paths of an execution's segments, each once, each writer's in their order."""
    folder = f"{execution_path(execution_id)}/journal"
    names = [name for name in store.names(folder) if name.endswith((".jsonl", ".jsonl.gz"))]
    packed = {name for name in names if name.endswith(".gz")}
    return [f"{folder}/{name}" for name in names if f"{name}.gz" not in packed]


def writer_of(path: str) -> str:
    """Return the writer of a segment from its path."""
    return path.rpartition("/")[2].partition("-")[0]


def read_segment(store: Store, path: str, wanted: Callable[[bytes], bool] | None = None) -> list[AnyRecord]:
    """Return the records of a segment; torn lines and records of unknown kinds are left out.

    Args:
        store: Where it is.
        path: The segment's path.
        wanted: Chooses lines before they are decoded; the head is always read.

    Returns:
        Its records in order; none if the segment is gone.
    """
    lines = segment_lines(store, path)
    if wanted is not None:
        lines = chosen(lines, wanted)
    return decode(lines)


def chosen(lines: bytes, wanted: Callable[[bytes], bool]) -> bytes:
    """Return the head and those of the lines that are wanted."""
    return b"\n".join(line for line in lines.split(b"\n") if line.startswith(b'["head"') or wanted(line))


def segment_lines(store: Store, path: str) -> bytes:
    """Return the whole lines of a segment, decompressed."""
    try:
        content = store.get(path)
    except FileNotFoundError:
        # It was compressed between the listing and now.
        if path.endswith(".gz"):
            return b""
        return segment_lines(store, f"{path}.gz")
    return unpacked(content) if path.endswith(".gz") else content


def read_segments(store: Store, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the whole lines of segments, each with its path, in the order of the paths."""
    return zip(paths, fetch_each(store, functools.partial(segment_lines, store), paths), strict=True)


def unpacked(content: bytes) -> bytes:
    """Decompress gzip of any number of members; what is broken off at the end is left out."""
    parts = []
    while content:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(content))
        except zlib.error:
            break
        content = member.unused_data
    return b"".join(parts)


def decode(lines: bytes) -> list[AnyRecord]:
    """Decode lines, all at once if they are sound, one by one if any is not."""
    try:
        return _decoder.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return list(_decode_sound(lines))


def head_of(found: list[AnyRecord]) -> Head | None:
    """Return the head among a segment's records."""
    return next((record for record in found if isinstance(record, Head)), None)


def _decode_sound(lines: bytes) -> Iterator[AnyRecord]:
    for line in lines.split(b"\n"):
        try:
            yield _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue

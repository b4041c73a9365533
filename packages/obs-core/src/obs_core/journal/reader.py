"""Read segments back: whole, torn by a kill, damaged, or written by a newer obs."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from obs_core.journal.batches import sound, torn
from obs_core.journal.records import AnyRecord, Torn
from obs_core.store.base import Store
from obs_core.store.fetching import fetch_each
from obs_core.store.packing import inflated, outlined, unpacked
from obs_core.store.paths import execution_path

__all__ = [
    "added_lines",
    "chosen",
    "decode",
    "decoded_by",
    "ends_of_closed",
    "ends_of_segments",
    "read_segments",
    "segment_lines",
    "segment_names",
    "unpacked",
    "writer_of",
]

_MOST_READ = 1024 * 1024 * 1024
"""Bytes of a file that are read as a segment: a writer goes on in a new one long before."""

_END = 256 * 1024
"""Bytes at both ends of a segment that are enough to tell what it is about and how it ended."""

_CHECK = b'["check",'

_AT_ONCE = 64 * 1024
"""Bytes of lines that are decoded together where not all of a segment's can be."""

_MOST_UNREADABLE = 50_000
"""Lines that cannot be read, after which the good ones are not looked for any more between those that follow."""

_OLDER_FOLDER = "journal"
"""Where the segments of an execution lay until each execution had one folder less."""

_decoder: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)
_any_line: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


def segment_names(store: Store, execution_id: str) -> list[str]:
    """Return the paths of an execution's segments, each once, each writer's in their order."""
    folder = execution_path(execution_id)
    names = store.names(folder)
    if _OLDER_FOLDER in names:
        names += [f"{_OLDER_FOLDER}/{name}" for name in store.names(f"{folder}/{_OLDER_FOLDER}")]
    segments = {name for name in names if name.endswith((".jsonl", ".jsonl.gz"))}
    found = [f"{folder}/{name}" for name in segments if f"{name}.gz" not in segments]
    return sorted(found, key=_writer_and_number) if len(found) > 1 else found


def _writer_and_number(path: str) -> tuple[str, int, str]:
    """Order segments as they were written: from the ten thousandth on, their numbers have more digits."""
    writer, _, rest = path.rpartition("/")[2].partition("-")
    number = rest.partition(".")[0]
    return writer, int(number) if number.isascii() and number.isdecimal() and len(number) < 12 else -1, path


def writer_of(path: str) -> str:
    """Return the writer of a segment from its path."""
    return path.rpartition("/")[2].partition("-")[0]


def chosen(lines: bytes, wanted: tuple[bytes, ...]) -> bytes:
    """Return the head and those of the lines that are wanted.

    Args:
        lines: Lines of a segment.
        wanted: How they begin.
    """
    return b"\n".join(_beginning(wanted).findall(lines))


@functools.lru_cache(maxsize=16)
def _beginning(wanted: tuple[bytes, ...]) -> re.Pattern[bytes]:
    return re.compile(b"^(?:%s).*$" % b"|".join(map(re.escape, (b'["head"', *wanted))), re.MULTILINE)


def segment_lines(store: Store, path: str, *, outlines: bool = False) -> bytes:
    """Return the sound lines of a segment, decompressed.

    One that cannot be read at all (a folder of that name, another user's file) gives the line that says so, so that one
    bad file does not hide the others.

    Args:
        store: Where it is.
        path: Its path.
        outlines: Whether parts that have an outline are not inflated: their points are `records.Outline` then.
    """
    try:
        content = store.get(path, 0, _MOST_READ)
    except FileNotFoundError:
        # It was compressed between the listing and now.
        return b"" if path.endswith(".gz") else segment_lines(store, f"{path}.gz", outlines=outlines)
    except OSError:
        if not store.local:
            raise  # nobody can tell a file that cannot be read from a network that is down
        return torn(1, 0)
    # A file appears with its first lines: an empty one has lost them, unless it appeared just now.
    return _lines_of(path, content, outlines=outlines) if content else torn(1, 0)


def ends_of_segments(store: Store, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the lines at the beginning of the first segment and at the end of the last, each with its path.

    Of large segments in a folder only these ends are read.

    Args:
        store: Where they are.
        paths: Of one writer, in their order.
    """
    for path in dict.fromkeys((paths[0], paths[-1])):
        if not store.local:
            yield path, segment_lines(store, path)
            continue
        try:
            beginning = store.get(path, 0, _END)
            size = len(beginning) if len(beginning) < _END else store.size_of(path)
            if size <= 2 * _END:
                yield path, segment_lines(store, path) if size > len(beginning) else _lines_of(path, beginning)
                continue
            if path == paths[0]:
                yield path, _part_of(path, beginning)
            if path == paths[-1]:
                lines = _part_of(path, store.get(path, size - _END))
                yield path, lines if _CHECK in lines else segment_lines(store, path)
        except OSError:  # compressed between the listing and now, or not to be read
            yield path, segment_lines(store, path)


def ends_of_closed(store: Store, path: str, size: int) -> bytes:
    """Return the lines at both ends of a segment that nothing is added to any more; of a small one all lines.

    Args:
        store: Where it is.
        path: Its path.
        size: The size of its file.
    """
    if size > 2 * _END:
        end = _part_of(path, store.get(path, size - _END))
        if _CHECK in end:
            return _part_of(path, store.get(path, 0, _END)) + end
    return segment_lines(store, path)


def _part_of(path: str, content: bytes) -> bytes:
    """Return the whole batches in a part of a segment; what is cut off at its ends is no damage."""
    lines = inflated(content)[0] if path.endswith(".gz") else content
    lines = sound(lines[: lines.rfind(b"\n") + 1], whole=lines.startswith(b'["head"'))
    return lines[: lines.rfind(b'["torn",')] if b'["torn",' in lines else lines


def added_lines(path: str, content: bytes, start: int) -> tuple[bytes, int]:
    """Return the sound lines that a segment has beyond those that were read before.

    Args:
        path: The segment's path.
        content: Its file from `start` on, or all of it if it is compressed.
        start: How many bytes were read before, uncompressed.

    Returns:
        The lines, and how many bytes have been read by now: batches that are whole.
    """
    lost = 0
    if path.endswith(".gz"):
        if start == 0:
            lines, lost, size = outlined(content)
            if size != len(lines):  # it is closed: there is no half of a batch at its end
                return sound(lines, lost=lost), size
            content = lines
        else:
            content, lost = inflated(content)
            content = content[start:]
    last = content.rfind(b'\n["check",')
    end = content.rfind(b"\n") + 1
    if last >= 0:
        end = content.find(b"\n", last + 1) + 1 or last + 1
    elif content.startswith(b'["head"') and content.partition(b"\n")[0].endswith(b",1]"):
        end = 0  # its first batch is on the way
    return sound(content[:end], lost=lost, whole=start == 0), start + end


def read_segments(store: Store, paths: Sequence[str], *, outlines: bool = False) -> Iterator[tuple[str, bytes]]:
    """Yield the sound lines of segments, each with its path, in the order of the paths; see `segment_lines`."""
    fetch = functools.partial(segment_lines, store, outlines=outlines)
    return zip(paths, fetch_each(store, fetch, paths), strict=True)


def decode(lines: bytes) -> list[AnyRecord]:
    """Decode lines, all at once if they are sound, one by one if any is not.

    Records of kinds that this version does not know are left out; what is no record of any kind is counted in a `Torn`.
    """
    return decoded_by(_decoder, lines)


def decoded_by(decoder: msgspec.json.Decoder[Any], lines: bytes) -> list[Any]:
    """Decode lines as `decode` does.

    Args:
        decoder: Knows all kinds of records, some of them maybe by types of its own.
        lines: The lines.
    """
    try:
        return decoder.decode_lines(lines)
    except _UNDECODABLE:
        return list(_decode_sound(decoder, lines))


def _lines_of(path: str, content: bytes, *, outlines: bool = False) -> bytes:
    if not path.endswith(".gz"):
        return sound(content)
    lines, lost = outlined(content)[:2] if outlines else inflated(content)
    return sound(lines, lost=lost)


def _decode_sound(decoder: msgspec.json.Decoder[Any], lines: bytes) -> Iterator[Any]:
    unreadable = size = at = 0
    while at < len(lines):
        end = lines.find(b"\n", at + _AT_ONCE) + 1 or len(lines)
        part = lines[at:end]
        at = end
        known = b"\n".join(_KNOWN.findall(part))
        try:
            found = decoder.decode_lines(known)
            # Lines of other kinds, a newer obs's, need only be lines.
            others = _NOT_KNOWN.findall(part) if len(known) + 1 < len(part) else []
            are_lines = all(map(_has_a_kind, others)) and len(_any_line.decode_lines(b"\n".join(others))) == len(others)
        except _UNDECODABLE:
            are_lines = False
        if are_lines:
            yield from found
            continue
        if unreadable > _MOST_UNREADABLE:
            unreadable, size = unreadable + part.count(b"\n"), size + len(part)
            continue
        for line in part.split(b"\n"):
            try:
                yield decoder.decode(line)
            except _UNDECODABLE:
                if line and not _is_of_unknown_kind(line):
                    unreadable += 1
                    size += len(line)
    if unreadable:
        yield Torn(unreadable, size)


def _is_of_unknown_kind(line: bytes) -> bool:
    try:
        cells = _any_line.decode(line)
        kind = msgspec.json.decode(cells[0]) if cells else None
    except _UNDECODABLE:
        return False
    return isinstance(kind, str) and kind not in _KINDS


_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_KINDS = frozenset(str(kind.__struct_config__.tag) for kind in AnyRecord.__args__)
_OF_KNOWN_KIND = rb'\["(?:%b)"[,\]]' % "|".join(map(re.escape, sorted(_KINDS))).encode()
_KNOWN = re.compile(rb"^%b.*$" % _OF_KNOWN_KIND, re.MULTILINE)
_NOT_KNOWN = re.compile(rb"^(?!%b).+$" % _OF_KNOWN_KIND, re.MULTILINE)
_has_a_kind = re.compile(rb'\["[\w-]+"[,\]]').match

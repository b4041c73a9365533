"""The lines of a log: how what is said is encoded, and what a line that is read back says.

docs/store-format.md describes them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from obs_core.model import LogLine

__all__ = [
    "FORMAT",
    "HEAD",
    "LONGEST_LINE",
    "LONGEST_TRACEBACK",
    "STREAMS",
    "Choice",
    "count_told",
    "decode_row",
    "encodable",
    "encode_line",
    "encoded_rest",
    "end_of_lines",
    "global_name",
    "is_time",
    "lines_with",
    "lost_in",
    "row_in",
    "rows_in",
    "said_in",
    "severity_of",
]

LONGEST_LINE = 16 * 1024
"""Characters of a line that are kept; of a longer one the beginning and the end."""

LONGEST_TRACEBACK = 64 * 1024
"""Characters that are kept of a line's traceback, likewise."""

HALF = b"\x18\n"
"""ASCII's "cancel" ends the first half of a line of which a full disk took no more: the line follows, or is counted as
lost. No other line has that byte."""

HEAD, FORMAT = "log", 1
STREAMS = {"out": "stdout", "err": "stderr", "raw": "output"}
"""What the kinds of printed lines are called where people read them."""

_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_SEVERITIES = {**{name: number for number, name in _LEVELS.items()}, "WARN": 30, "FATAL": 50, "TRACE": 5}

_LOGGED = re.compile(rb'^\[-?\d+,(?:\d+,|"(?:out|err|raw)",[^,]*,[^,]*," *\{).*$', re.MULTILINE)
"""Lines that may have a level: what was logged, and printed JSON."""

_MOST_TOLD = 2**53
_LATEST = 2**62

encode_line = msgspec.json.Encoder(enc_hook=repr).encode
decode_row = msgspec.json.Decoder(list).decode


# encoding


def encoded_rest(*values: Any) -> msgspec.Raw:
    """Encode values that stand in many lines alike, at their ends."""
    return msgspec.Raw(encode_line(encodable(values))[1:-1])


def encodable(value: Any) -> Any:
    """Return a value in a form that can be encoded, whatever it is and holds."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, tuple | list):
        return [encodable(each) for each in value]
    if isinstance(value, dict):
        return {encodable(str(key)): encodable(each) for key, each in value.items()}
    return value if isinstance(value, int | float | None) and not _too_large(value) else encodable(repr(value)[:1000])


def _too_large(value: int | float | None) -> bool:
    return isinstance(value, int) and value.bit_length() > 63


# decoding


def end_of_lines(content: bytes) -> int:
    """Return where the last whole line ends: what follows is a line that is being written."""
    return content.rfind(b"\n") + 1


def rows_in(content: bytes) -> Iterator[list[Any]]:
    """Decode each line that can be decoded."""
    for line in content.split(b"\n"):
        yield from row_in(line)


def without_halves(lines: bytes) -> bytes:
    """Leave out the halves of lines that a full disk took."""
    return _HALVES.sub(b"", lines) if HALF in lines else lines


_HALVES = re.compile(rb"^.*\x18\n", re.MULTILINE)


def row_in(line: bytes) -> Iterator[list[Any]]:
    """Decode a line; what is no whole line of a log gives nothing."""
    if line.startswith(b"["):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            row = decode_row(line)
            if row:
                yield row


def said_in(row: list[Any], writer: str) -> LogLine | None:
    """Read a row; None if it is none that says something."""
    try:
        at, kind, task, span, text = row[:5]
        if not is_time(at) or type(text) is not str:
            return None
        task, span = global_name(task, writer), global_name(span, writer)
        if type(kind) is int:
            level, logger, where, exception = (each if type(each) is str else str(each) for each in row[5:9])
            fields = row[9] if type(row[9]) is dict else {}
            stream = "warnings" if logger == "py.warnings" else "logging"
            return LogLine(at, level, kind, stream, text, task, span, logger, where, exception, fields, writer)
        if type(kind) is not str:
            return None
        if text.startswith("{") and text.endswith("}"):
            return _structured(at, STREAMS.get(kind, kind), text, task, span, writer)
        return LogLine(at, "", 0, STREAMS.get(kind, kind), text, task, span, writer=writer)
    except (ValueError, TypeError, IndexError):
        return None


def is_time(at: Any) -> bool:
    """Tell whether a value is a time in nanoseconds, and not what a damaged line has in its place."""
    return type(at) is int and -_LATEST < at < _LATEST


def _structured(at: int, stream: str, text: str, task: str, span: str, writer: str) -> LogLine:
    """Read a printed line that is a JSON object, as structlog and other loggers write it."""
    plain = LogLine(at, "", 0, stream, text, task, span, writer=writer)
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return plain
    key = next((key for key in ("event", "message", "msg") if isinstance(fields.get(key), str)), None)
    level = fields.get("level", "")
    severity = _SEVERITIES.get(level.upper(), 0) if isinstance(level, str) else 0
    if key is None or not severity:
        return plain
    said, exception, logger = fields.pop(key), fields.pop("exception", ""), fields.pop("logger", "")
    del fields["level"]
    return LogLine(
        at, level.upper(), severity, stream, said, task, span, str(logger), "", str(exception), fields, writer
    )


def global_name(ref: Any, writer: str) -> str:
    """Return the global name of a task or span, which its own process names by a number alone."""
    return f"{writer}.{ref}" if isinstance(ref, int) else str(ref)


def lines_with(content: bytes, needle: bytes) -> Iterator[bytes]:
    """Go through the lines that hold some bytes, among which may be the line feed before."""
    at = content.find(needle)
    while at >= 0:
        at += needle.startswith(b"\n")
        begin, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
        end = len(content) if end < 0 else end
        yield content[begin:end]
        at = content.find(needle, end)


def count_told(line: bytes, kind: str, place: int) -> int:
    """Return a number of lines that a line of a kind tells; 0 if it tells none."""
    row = next(row_in(line), [])
    told = row[place] if len(row) > place and row[0] == kind else 0
    return told if type(told) is int and 0 <= told <= _MOST_TOLD else 0


def lost_in(content: bytes) -> int:
    """Return how many lines that are lost a log tells of."""
    return sum(count_told(line, "lost", 1) for line in lines_with(content, b'\n["lost",'))


def severity_of(level: str | int | None) -> int:
    """Return a level as a number: 30 for ``"warning"``; 0 for None.

    Raises:
        ValueError: There is no such level.
    """
    if level is None:
        return 0
    if isinstance(level, int):
        return level
    found = _SEVERITIES.get(level.upper())
    if found is None and level.isdecimal():
        found = int(level)
    if found is None:
        raise ValueError(f"{level!r} is not a level; choose one of debug, info, warning, error, critical")
    return found


class Choice:
    """Which lines are wanted: most are told from others before they are decoded."""

    def __init__(self, tasks: Iterable[str] | None, level: str | int | None, grep: str, since: int) -> None:
        self._tasks = None if tasks is None else set(tasks)
        self._severity = severity_of(level)
        self._grep = grep = encodable(grep)
        self._needle = encode_line(grep)[1:-1] if grep else b""
        self._since = since

    def lines(self, content: bytes, writer: str, last: int | None = None) -> list[LogLine]:
        """Return the wanted lines in their order.

        Args:
            content: Whole lines.
            writer: Who wrote them.
            last: How many at most, the last ones; None for all.
        """
        found: list[LogLine] = []
        candidates = self._candidates(content)
        if last is None:
            for line in candidates:
                found += self._decoded(line, writer)
            return found
        for line in reversed(list(candidates)):
            found += self._decoded(line, writer)
            if len(found) >= last:
                break
        return found[::-1]

    def _candidates(self, content: bytes) -> Iterable[bytes]:
        if self._needle:
            return lines_with(content, self._needle)
        if self._severity:
            return [found[0] for found in _LOGGED.finditer(content)]
        return content.split(b"\n")

    def _decoded(self, line: bytes, writer: str) -> Iterator[LogLine]:
        for row in row_in(line):
            said = said_in(row, writer)
            if said is not None and self.takes(said):
                yield said

    def takes(self, said: LogLine) -> bool:
        """Tell whether a line is wanted."""
        return (
            said.severity >= self._severity
            and said.at >= self._since
            and (self._tasks is None or said.task in self._tasks)
            and (not self._grep or self._grep in said.text or self._grep in said.exception)
        )

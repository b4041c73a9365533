"""How obs-core alone draws Python's own values; obs-renderers draws more of them, and nicer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from obs_core.text.bounded_repr import bounded_repr, describe_error, hides_itself
from obs_core.text.controls import visible_lines
from obs_core.text.masking import mask, mask_value

if TYPE_CHECKING:
    from traceback import StackSummary, TracebackException

__all__ = ["PLAIN_RENDERERS", "ReprRenderer", "escape", "note"]

_LONGEST_TEXT = 20_000
_LONGEST_TRACEBACK = 30_000
_SHORT = 100
_BYTES_SHOWN = 256
_MASKED_AHEAD = 4_096  # bytes looked at beyond those, for a secret that is cut there
_BYTES_PER_LINE = 16
_WRAPPED = 'style="white-space:pre-wrap;overflow-wrap:anywhere"'
_OUR_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def escape(text: str) -> str:
    """Write text so that HTML shows it as it is, in an element or in a quoted attribute.

    Args:
        text: Any text.

    Examples:
        >>> escape('<a href="x">')
        '&lt;a href=&quot;x&quot;&gt;'
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#x27;")


def note(text: str) -> str:
    """Draw a small remark of ours, such as how much was left out."""
    return f'<p style="color:var(--obs-muted, #59636e);font-size:.85em;margin:.25em 0">{escape(text)}</p>'


class ReprRenderer:
    """Draws a value as its bounded, escaped `repr`; a long container has an item on each line."""

    def to_html(self, python_value: Any) -> str:
        """Draw any value."""
        text = bounded_repr(python_value, _LONGEST_TEXT)
        if len(text) > _SHORT:
            text = bounded_repr(python_value, _LONGEST_TEXT, lines=True)
        return f"<pre {_WRAPPED}>{escape(text)}</pre>"


_AS_REPR = ReprRenderer()


class _LiteralRenderer:
    def to_html(self, python_value: Any) -> str:
        return f"<code>{escape(bounded_repr(python_value))}</code>"


class _TextRenderer:
    def to_html(self, python_value: str) -> str:
        if hides_itself(python_value):
            return _AS_REPR.to_html(python_value)
        if not python_value:
            return "<code>&#x27;&#x27;</code>"
        text = mask(python_value)  # before it is cut: half of a secret would not be known any more
        shown = escape(visible_lines(text[:_LONGEST_TEXT]))
        more = len(text) - _LONGEST_TEXT
        rest = note(f"{more:,} more characters") if more > 0 else ""
        return f"<pre {_WRAPPED}>\n{shown}</pre>{rest}"  # HTML drops the first line break of a <pre>


class _BytesRenderer:
    def to_html(self, python_value: bytes | bytearray | memoryview) -> str:
        if hides_itself(python_value):
            return _AS_REPR.to_html(python_value)
        view = memoryview(python_value).cast("B")
        shown = mask_value(bytes(view[: _BYTES_SHOWN + _MASKED_AHEAD]))[:_BYTES_SHOWN]
        dump = "\n".join(_hex_lines(shown))
        cut = f", the first {_BYTES_SHOWN} are shown" if view.nbytes > _BYTES_SHOWN else ""
        caption = note(f"{type(python_value).__name__}, {view.nbytes:,} bytes{cut}")
        return f"{caption}<pre>{escape(dump)}</pre>"


class _ErrorRenderer:
    """Draws an exception with its traceback: secrets masked, no variables, none of obs's own calls."""

    def to_html(self, python_value: BaseException) -> str:
        first = mask(describe_error(python_value))
        kind, _, message = first.partition(": ")
        headline = f"<strong>{escape(kind)}</strong>{': ' if message else ''}{escape(message)}"
        style = 'style="color:var(--obs-bad, #b3261e)"'
        return f"<p {style}>{headline}</p><pre {_WRAPPED}>{escape(_traceback_text(python_value))}</pre>"


def _hex_lines(data: bytes) -> Iterator[str]:
    for start in range(0, len(data), _BYTES_PER_LINE):
        row = data[start : start + _BYTES_PER_LINE]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{start:04x}  {row.hex(' '):<{3 * _BYTES_PER_LINE}} {letters}"


def _traceback_text(error: BaseException) -> str:
    from traceback import TracebackException  # slow to import, and needed only when something failed

    told = TracebackException.from_exception(error)
    for each in _chain(told):
        _leave_out_our_calls(each.stack)
    text = mask("".join(told.format()))
    if len(text) <= _LONGEST_TRACEBACK:
        return text
    start, end = text[: _LONGEST_TRACEBACK // 4], text[-3 * _LONGEST_TRACEBACK // 4 :]
    return f"{start}\n... {len(text) - len(start) - len(end):,} characters left out ...\n{end}"


def _chain(told: TracebackException) -> Iterator[TracebackException]:
    waiting: list[TracebackException | None] = [told]
    while waiting:
        each = waiting.pop()
        if each is not None:
            yield each
            waiting += [each.__cause__, each.__context__, *(each.exceptions or ())]


def _leave_out_our_calls(stack: StackSummary) -> None:
    """Drop the calls through obs-core that led to the task, unless there are no others."""
    theirs = (place for place, frame in enumerate(stack) if not frame.filename.startswith(_OUR_FOLDER))
    del stack[: next(theirs, 0)]


PLAIN_RENDERERS: dict[type, Any] = {
    **dict.fromkeys([type(None), bool, int, float, complex], _LiteralRenderer()),
    **dict.fromkeys([bytes, bytearray, memoryview], _BytesRenderer()),
    **dict.fromkeys([dict, list, tuple, set, frozenset], ReprRenderer()),
    str: _TextRenderer(),
    BaseException: _ErrorRenderer(),
}
"""The built-in renderers by type."""

"""Show exceptions and tracebacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from obs_core.interruptions import let_pass
from obs_core.text.numbers import plural
from obs_renderers._highlight import highlighted_lines
from obs_renderers._markup import escape, fragment, shorten
from obs_renderers._types import reject

if TYPE_CHECKING:
    from traceback import FrameSummary
    from types import TracebackType

__all__ = ["TracebackRenderer"]

_AROUND = 2
_MAX_FRAMES = 40
_MAX_MESSAGE = 10_000
_MAX_GROUP = 20
_MAX_CHAIN = 20


class TracebackRenderer:
    """Show an exception with its traceback, causes, notes and, for a group, its members.

    The place where it was raised is open, with the lines around it; frames of installed packages are
    folded. Values of variables are never shown: they may be secrets.

    Examples:
        >>> try:
        ...     {}["no such airport"]
        ... except KeyError as error:
        ...     html = TracebackRenderer().to_html(error)
    """

    def to_html(self, error: Any) -> str:
        """Render an exception.

        Args:
            error: An exception or a traceback object.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is neither.
        """
        from types import TracebackType

        if isinstance(error, TracebackType):
            body = _frames(error)
        elif isinstance(error, BaseException):
            body = "".join(_chain(error))
        else:
            reject(self, error, "an exception or a traceback")
        return fragment("traceback", body, styles=("code", "traceback"))


def _chain(error: BaseException) -> Iterator[str]:
    seen: set[int] = set()
    current: BaseException | None = error
    joint = ""
    while current is not None and id(current) not in seen and len(seen) < _MAX_CHAIN:
        seen.add(id(current))
        yield joint + _section(current)
        joint, current = _before(current)


def _before(error: BaseException) -> tuple[str, BaseException | None]:
    if error.__cause__ is not None:
        return '<p class="joint">caused by</p>', error.__cause__
    if error.__context__ is not None and not error.__suppress_context__:
        return '<p class="joint">raised while handling</p>', error.__context__
    return "", None


def _section(error: BaseException) -> str:
    name = f"<b>{escape(_qualified(type(error)))}</b>"
    message = f"<pre>{escape(shorten(_message(error), _MAX_MESSAGE))}</pre>"
    notes = "".join(
        f'<p class="note">{escape(shorten(str(note), 1000))}</p>' for note in getattr(error, "__notes__", ())
    )
    rest = _frames(error.__traceback__) + _members(error)
    return f"<section><header>{name}{message}{notes}</header>{rest}</section>"


def _qualified(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:
        let_pass(broken)
        return f"(its message cannot be printed: {type(broken).__name__})"


def _members(error: BaseException) -> str:
    if not isinstance(error, BaseExceptionGroup):
        return ""
    shown = error.exceptions[:_MAX_GROUP]
    rest = len(error.exceptions) - len(shown)
    more = f'<p class="note">and {plural(rest, "exception")} more</p>' if rest else ""
    return f'<div class="members">{"".join("".join(_chain(member)) for member in shown)}{more}</div>'


def _frames(trace: TracebackType | None) -> str:
    import traceback

    frames = traceback.extract_tb(trace) if trace is not None else []
    if not frames:
        return ""
    shown = list(frames)
    if len(frames) > _MAX_FRAMES:
        shown = [*frames[: _MAX_FRAMES // 2], *frames[-_MAX_FRAMES // 2 :]]
    written = [_frame(frame, last=frame is shown[-1]) for frame in shown]
    if hidden := len(frames) - len(shown):
        written.insert(_MAX_FRAMES // 2, f'<p class="note">{plural(hidden, "frame")} not shown</p>')
    return f'<div class="frames">{"".join(written)}</div>'


def _frame(frame: FrameSummary, *, last: bool) -> str:
    installed = "site-packages" in frame.filename or "/lib/python" in frame.filename
    opened = " open" if last or not installed else ""
    place = f"{escape(shorten(frame.name, 100))} <span>{escape(_short_path(frame.filename))}:{frame.lineno}</span>"
    lines = _source(frame)
    if not lines:
        return f'<p class="place">{place}</p>'
    css = " class='installed'" if installed else ""
    return f"<details{opened}{css}><summary>{place}</summary>{lines}</details>"


def _short_path(path: str) -> str:
    """Leave out the part of a path that says where on this machine packages are."""
    for marker in ("site-packages/", "/lib/python"):
        head, found, tail = path.rpartition(marker)
        if found and head:
            return tail.partition("/")[2] if marker == "/lib/python" else tail
    return "/".join(path.split("/")[-3:])


def _source(frame: FrameSummary) -> str:
    import linecache
    import textwrap

    lines = linecache.getlines(frame.filename)
    number = frame.lineno or 0
    if not 0 < number <= len(lines):
        return ""
    first = max(1, number - _AROUND)
    text = "".join(lines[first - 1 : number + _AROUND]).expandtabs(4).rstrip("\n")
    marked = [
        f'<span class="line{" here" if first + place == number else ""}">{line}</span>'
        for place, line in enumerate(highlighted_lines(textwrap.dedent(text), "python"))
    ]
    style = f"counter-reset: line {first - 1}; --digits: {len(str(number + _AROUND))}ch"
    return f'<pre style="{style}"><code>{chr(10).join(marked)}</code></pre>'

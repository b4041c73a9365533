"""Show exceptions and tracebacks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obs_core
from obs_core.interruptions import let_pass
from obs_core.provenance import code_name
from obs_core.text.bounded_repr import notes_of
from obs_core.text.numbers import plural
from obs_renderers._highlight import highlighted_lines
from obs_renderers._markup import escape, fragment, script, shorten
from obs_renderers._types import reject

if TYPE_CHECKING:
    from traceback import FrameSummary
    from types import FrameType, TracebackType

__all__ = ["TracebackRenderer"]

_AROUND = 2
_MAX_FRAMES = 40
_MAX_MESSAGE = 10_000
_MAX_GROUP = 20
_MAX_CHAIN = 20
_MAX_COPIED = 100_000

_COPY_BUTTONS = (
    '<button type="button" data-copy="path">Copy path</button>'
    '<button type="button" data-copy="printed">Copy traceback</button>'
)


class TracebackRenderer:
    """Show an exception with its traceback, causes, notes and, for a group, its members.

    File and line where it was raised in the user's own code come first. That place is open, with the lines around it;
    frames of installed packages are folded, those of obs itself left out. The whole traceback, as Python prints it, can
    be copied. Values of variables are never shown: they may be secrets.

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
            body = "".join(_chain(error)) + _copied(error)
        else:
            reject(self, error, "an exception or a traceback")
        return fragment("traceback", body, styles=("code", "traceback"))


def _copied(error: BaseException) -> str:
    """Keep what Python would print, whole, for whoever sends it on."""
    import traceback

    printed = shorten("".join(traceback.format_exception(error)), _MAX_COPIED)
    return f'<pre class="printed" hidden>{escape(printed)}</pre>{script("copy")}'


def _chain(error: BaseException, *, copies: bool = True) -> Iterator[str]:
    seen: set[int] = set()
    current: BaseException | None = error
    joint = ""
    while current is not None and id(current) not in seen and len(seen) < _MAX_CHAIN:
        seen.add(id(current))
        yield joint + _section(current, copies=copies and not joint)
        joint, current = _before(current)


def _before(error: BaseException) -> tuple[str, BaseException | None]:
    if error.__cause__ is not None:
        return '<p class="joint">caused by</p>', error.__cause__
    if error.__context__ is not None and not error.__suppress_context__:
        return '<p class="joint">raised while handling</p>', error.__context__
    return "", None


def _section(error: BaseException, *, copies: bool) -> str:
    name = f"<b>{escape(_qualified(type(error)))}</b>"
    message = f"<pre>{escape(shorten(_message(error), _MAX_MESSAGE))}</pre>"
    shown, more = notes_of(error)
    lines = [*shown, *([f"and {plural(more, 'more note')}"] * bool(more))]
    notes = "".join(f'<p class="note">{escape(line)}</p>' for line in lines)
    place = _raised_at(error.__traceback__, copies=copies)
    rest = _frames(error.__traceback__) + _members(error)
    return f"<section><header>{name}{message}{notes}{place}</header>{rest}</section>"


def _raised_at(trace: TracebackType | None, *, copies: bool) -> str:
    """Say where the user's own code raised it; where a package did, if none of it is the user's."""
    frames = _frames_shown(trace)[0]
    if not frames:
        return ""
    own = next((frame for frame in reversed(frames) if not _is_installed(frame.filename)), frames[-1])
    file, line = escape(_short_path(own.filename)), own.lineno
    where = f"<span><code>{file}:{line}</code> in {escape(shorten(own.name, 100))}</span>"
    if copies:
        where += f'<span class="path" hidden>{escape(code_name(own.filename))}:{line}</span>{_COPY_BUTTONS}'
    return f'<div class="at">{where}</div>'


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
    return f'<div class="members">{"".join("".join(_chain(member, copies=False)) for member in shown)}{more}</div>'


def _frames(trace: TracebackType | None) -> str:
    frames, of_obs = _frames_shown(trace)
    if not frames:
        return ""
    shown = frames
    if len(frames) > _MAX_FRAMES:
        shown = [*frames[: _MAX_FRAMES // 2], *frames[-_MAX_FRAMES // 2 :]]
    written = [_frame(frame, last=frame is shown[-1]) for frame in shown]
    if hidden := len(frames) - len(shown):
        written.insert(_MAX_FRAMES // 2, f'<p class="note">{plural(hidden, "frame")} not shown</p>')
    left_out = f'<p class="note">{plural(of_obs, "frame")} of obs left out</p>' if of_obs else ""
    return f'<div class="frames">{"".join(written)}</div>{left_out}'


def _frames_shown(trace: TracebackType | None) -> tuple[list[FrameSummary], int]:
    """Return the frames but obs's own, and how many of those there are; all of them, if there are no others."""
    import traceback

    if trace is None:
        return [], 0
    frames = list(traceback.extract_tb(trace))
    others = [
        shown for shown, (frame, _) in zip(frames, traceback.walk_tb(trace), strict=True) if not _is_of_obs(frame)
    ]
    return (others, len(frames) - len(others)) if others else (frames, 0)


def _is_of_obs(frame: FrameType) -> bool:
    """Tell whether a frame is of obs-core or of an integration; not so a module of the user's with a like name."""
    file = frame.f_code.co_filename
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package.startswith("obs_") and ("site-packages" in file or file.startswith(_OBS))


_OBS = str(Path(obs_core.__file__).parents[3]) + os.sep
"""Where obs's packages lie beside each other in a checkout of it."""


def _is_installed(file: str) -> bool:
    return "site-packages" in file or "/lib/python" in file


def _frame(frame: FrameSummary, *, last: bool) -> str:
    installed = _is_installed(frame.filename)
    opened = " open" if last or not installed else ""
    place = f"{escape(_short_path(frame.filename))}:{frame.lineno} <span>{escape(shorten(frame.name, 100))}</span>"
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
    return "/".join(code_name(path).split("/")[-3:])


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

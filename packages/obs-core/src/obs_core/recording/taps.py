"""Tell what is written to a stream: one tap in place of its ``write``, whoever listens.

Others put their own ``write`` over a stream too, above ours or below it: wandb, test tools, the program. So ours is put
in once, and there is one for each stream:

- While nobody has put anything above it, taking it away leaves exactly what was there before.
- Else it stays where it is, tells nobody and passes on what is written, until somebody listens again.
- A tap that was taken away may live on in what somebody has kept of the stream. It is put in again where the stream is
  as it was then; where it is not, a new one is, and the old one tells nobody, so that nothing is told twice.
"""

from __future__ import annotations

import io
import weakref
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

from obs_core.failsafe import keep_away
from obs_core.interruptions import let_pass
from obs_core.locks import Attached, new_rlock

__all__ = ["Listener", "is_tapped", "leave", "listen", "writer_of"]

_Told = Callable[[Any], None]


class Listener(NamedTuple):
    """Who is told what is written to a stream.

    Attributes:
        before: Takes each text before the stream does, whatever the program has given to it.
        after: Takes it when the stream has taken or refused it.
        refused: Takes it when the stream has raised.
    """

    before: _Told
    after: _Told | None = None
    refused: _Told | None = None


class _Tap:
    """What is known of a tap. Only the tap itself holds it: it may hold the stream.

    Attributes:
        listeners: Who is told.
        before: Tells them a text before the stream takes it.
        after: Who is told when the stream has taken it.
        refused: Who is told when the stream has raised.
        stood: What stood in the stream's own ``write`` attribute before; None for nothing.
        is_out: Whether it was taken away.
    """

    __slots__ = ("after", "before", "is_out", "listeners", "refused", "stood")

    def __init__(self, stood: Any) -> None:
        self.stood = stood
        self.is_out = False
        self.tell(())

    def tell(self, listeners: tuple[Listener, ...]) -> None:
        """Tell these from now on, and nobody else."""
        self.listeners = listeners
        self.before = _one_of([each.before for each in listeners])
        self.after = [each.after for each in listeners if each.after is not None]
        self.refused = [each.refused for each in listeners if each.refused is not None] + self.after


_taps: Attached[Any, weakref.ref[Callable[..., Any]]] = Attached()
"""Each stream's tap. Known by what it is: a wrapper of somebody's may carry all attributes of what it wraps."""

_lock = new_rlock()


def listen(stream: Any, listener: Listener) -> bool:
    """Tell a listener from now on what is written to a stream, once, however often this is called.

    Returns:
        Whether it will be told: False where a stream's ``write`` cannot be set.
    """
    with _lock:
        try:
            tap = _tap_in(stream)
        except (AttributeError, TypeError) as error:
            let_pass(error)
            return False
        if listener not in tap.listeners:
            tap.tell((*tap.listeners, listener))
        return True


def is_tapped(stream: Any) -> bool:
    """Tell whether a tap stands in place of a stream's ``write``: False if somebody has put his own over it since."""
    write = _write_of(stream)
    return write is not None and vars(stream).get("write") is write


def leave(stream: Any, listener: Listener) -> None:
    """Tell a listener no more; the tap is taken away if that was the last one."""
    with _lock:
        write = _write_of(stream)
        if write is None:
            return
        tap = _tap_of(write)
        tap.tell(tuple(each for each in tap.listeners if each != listener))
        if not tap.listeners and vars(stream).get("write") is write:
            tap.is_out = True
            if tap.stood is None:
                del stream.write
            else:
                stream.write = tap.stood


def writer_of(frame: FrameType) -> FrameType:
    """Return the frame that wrote to a stream.

    Args:
        frame: The one that called the listener.
    """
    while frame.f_globals is globals() and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _tap_in(stream: Any) -> _Tap:
    """Return the tap of a stream, through which goes what is written to it: a new one if there is none."""
    write = _write_of(stream)
    if write is None:
        return _put_in(stream)
    tap = _tap_of(write)
    found = vars(stream).get("write")
    if found is tap.stood:  # it was taken away, by us or by somebody
        stream.write = found = write
    if found is write:
        tap.is_out = False
    elif tap.is_out or getattr(found, "__self__", None) is stream:  # else somebody has put his own over ours
        listeners = tap.listeners
        tap.tell(())
        tap = _put_in(stream)
        tap.tell(listeners)
    return tap


def _put_in(stream: Any) -> _Tap:
    own, stood = stream.write, vars(stream).get("write")
    is_plain = stood is None and type(stream).write is io.TextIOWrapper.write
    tap = _Tap(stood)
    write = (_plain if is_plain else _as_it_is_called)(own, tap)
    vars(write)["tap"] = tap
    # No signal is handled between these two: a stream that is not known to be tapped would be tapped again.
    _taps[stream] = weakref.ref(write)
    stream.write = write
    return tap


def _write_of(stream: Any) -> Callable[..., Any] | None:
    write = _taps.get(stream)
    return None if write is None else write()


def _tap_of(write: Callable[..., Any]) -> _Tap:
    tap: _Tap = vars(write)["tap"]
    return tap


# Each `print` calls it twice: so the one listener that there mostly is stands in a variable of the function.


def _plain(own: Callable[[str], int], tap: _Tap) -> Callable[[str], Any]:
    """Return the tap over a stream's own ``write``: as short as can be, for it is called twice for each `print`."""

    def write(text: str, /) -> Any:
        try:
            tap.before(text)
        except BaseException as error:
            keep_away(error, "keeping what is printed")
        try:
            written = own(text)
        except BaseException:
            _tell_each(tap.refused, text)
            raise
        if tap.after:
            _tell_each(tap.after, text)
        return written

    return write


def _as_it_is_called(own: Callable[..., Any], tap: _Tap) -> Callable[..., Any]:
    """Return the tap over a function of somebody's, which may take more than a text."""

    def write(text: Any, /, *more: Any, **named: Any) -> Any:
        try:
            tap.before(text)
        except BaseException as error:
            keep_away(error, "keeping what is printed")
        try:
            written = own(text, *more, **named)
        except BaseException:
            _tell_each(tap.refused, text)
            raise
        _tell_each(tap.after, text)
        return written

    return write


def _tell_each(listeners: list[_Told], text: Any) -> None:
    for told in listeners:
        told(text)


def _nobody(text: object) -> None:
    """Be told by a tap that nobody listens to."""


def _one_of(listeners: list[_Told]) -> _Told:
    if not listeners:
        return _nobody
    return listeners[0] if len(listeners) == 1 else partial(_tell_each, listeners)

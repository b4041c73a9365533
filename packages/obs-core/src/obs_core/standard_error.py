"""Write to standard error, whatever a program has put in its place, without a trace in how its process ends."""

from __future__ import annotations

import io
import sys
from types import TracebackType

from obs_core.interruptions import let_pass

__all__ = ["written_at_once"]


class written_at_once:
    """See to it that what a block writes to standard error is written when it ends, or never.

    A program may have put a file with a buffer in place of `sys.stderr`. What waits there while it can take nothing (a
    full disk, a pipe that nobody reads) Python tries to write at exit, and ends with the code 120.
    """

    __slots__ = ("_stream",)

    def __enter__(self) -> None:
        self._stream: io.TextIOWrapper | None = None
        stream = sys.stderr
        if type(stream) is io.TextIOWrapper and type(stream.buffer) is io.BufferedWriter:
            try:
                stream.flush()
            except (OSError, ValueError) as error:  # what the program itself has written waits there; or it is closed
                let_pass(error)
            else:
                self._stream = stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._stream is None:
            return
        try:
            self._stream.flush()
        except (OSError, ValueError) as refused:
            let_pass(refused)
            _forget_what_waits(self._stream)


def _forget_what_waits(stream: io.TextIOWrapper) -> None:
    """Empty the buffers of a stream that takes nothing, by giving what they hold to a file that drops it."""
    raw = stream.buffer.raw if isinstance(stream.buffer, io.BufferedWriter) else None
    if type(raw) is not io.FileIO or stream.closed:
        return
    vars(raw)["write"] = len
    try:
        stream.flush()
    finally:
        del vars(raw)["write"]

"""What one client may take of the server: a connection among so many, time to send its request, and its size."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEADER_BYTES", "BoundedProtocol", "most_connections", "quiet"]

HEADER_BYTES = 32_768
"""Bytes of a request's line and headers; browsers send a few hundred, and long cookies of other servers."""

REQUEST_SECONDS = 10.0
"""How long a client may take from connecting, or from a request's first byte, to its last one."""

ANSWER_SECONDS = 10.0
"""Between two looks at an answer of which the client has not taken all."""

_LEAST_TAKEN = 8 * 1024
"""Bytes of it that must be taken meanwhile; who takes less holds a connection that others wait for."""

_MOST_CONNECTIONS = 512
_SPARE_DESCRIPTORS = 64
"""For the store, the index, and connections on their way to being refused."""

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 5\r\n"
    b"connection: close\r\n\r\nToo many connections are open here. Try again in a moment.\n"
)


def most_connections() -> int:
    """Return how many connections may be open at once: so few that descriptors are left for the store."""
    try:
        import resource

        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except ImportError:  # Windows knows no such limit
        return _MOST_CONNECTIONS
    if allowed == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(8, min(_MOST_CONNECTIONS, (allowed - _SPARE_DESCRIPTORS) // 2))


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection without a request for `REQUEST_SECONDS`, and refuses one too many.

    One whose answer is not taken is closed too.
    """

    _next_look: asyncio.TimerHandle | None = None
    _deadline: asyncio.TimerHandle | None = None
    _answered = False
    most = _MOST_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # any byte that is not taken at once is looked after
        if len(self.connections) > self.most:
            transport.write(_BUSY)
            transport.close()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        if self.transport.is_closing():  # refused: whatever else it sends is not read
            return
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next request, if one has begun already."""
        self._answered = True
        super().on_response_complete()
        self._wait()

    def pause_writing(self) -> None:
        """Look after an answer that the client does not take as fast as it comes."""
        super().pause_writing()
        self._look_again()

    def resume_writing(self) -> None:
        """Go on: all that was there is taken."""
        self._forget_answer()
        super().resume_writing()

    def _look_again(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._next_look = self.loop.call_later(ANSWER_SECONDS, self._look, waiting)

    def _look(self, before: int) -> None:
        self._next_look = None
        if before - self.transport.get_write_buffer_size() < min(before, _LEAST_TAKEN):
            self.transport.abort()  # closing would wait until it is taken
        else:
            self._look_again()

    def _forget_answer(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._forget_deadline()
        self._forget_answer()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Set a time for a request that is not whole; a later byte of it does not move it."""
        state = self.conn.their_state
        # Between two requests uvicorn closes a connection that is idle.
        waits = state is h11.SEND_BODY or (state is h11.IDLE and (not self._answered or self.conn.trailing_data[0]))
        if not waits:
            self._forget_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def quiet(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say in a line what asyncio logs with a traceback each time: that no descriptor is left."""
    if "out of system resource" not in str(context.get("message")):
        loop.default_exception_handler(context)
        return
    now = loop.time()
    if now - _said.get("descriptors", -60.0) >= 60.0:
        _said["descriptors"] = now
        os.write(2, b"obs ui: no file descriptor is left, so new connections wait (see `ulimit -n`).\n")


_said: dict[str, float] = {}

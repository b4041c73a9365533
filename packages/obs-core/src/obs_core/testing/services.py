"""A service on loopback, for the tests of what talks to one over a network."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal, NamedTuple, Self

__all__ = ["Behaviour", "LoopbackService", "Request"]

Behaviour = Literal["answers", "refuses", "hangs", "fails"]
"""What a service does: answer, refuse the key, never answer, or answer with status 500."""


class Request(NamedTuple):
    """A request that a service received.

    Attributes:
        path: The address, without the host.
        authorization: The authorization header.
        body: The body.
    """

    path: str
    authorization: str
    body: str


class LoopbackService:
    """A small HTTP service on loopback that keeps what it is sent; a subclass says how it answers.

    Args:
        behaviour: What it does.

    Attributes:
        refusal: Status and answer when it refuses.
        url: Where it is.
        requests: What it was asked.
        released: Set it to let hanging requests go.

    Examples:
        >>> class Tracker(LoopbackService):
        ...     def answer(self, path: str, body: str) -> dict[str, Any]:
        ...         return {"ok": True}
        >>> with Tracker.serving("hangs") as service:
        ...     print(service.url)
        http://127.0.0.1:...
    """

    refusal: ClassVar[tuple[int, dict[str, Any]]] = (401, {})

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.released = threading.Event()
        self.url = ""

    def answer(self, path: str, body: str) -> dict[str, Any]:
        """Return the answer to a request, as JSON."""
        raise NotImplementedError(f"{type(self).__name__} must define answer(path, body)")

    @classmethod
    @contextmanager
    def serving(cls, behaviour: Behaviour) -> Iterator[Self]:
        """Serve on a free port."""
        service = cls(behaviour)
        server = ThreadingHTTPServer(("127.0.0.1", 0), service._handler())
        server.daemon_threads = True
        service.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield service
        finally:
            service.released.set()
            server.shutdown()
            server.server_close()

    def _respond(self, request: Request) -> tuple[int, dict[str, Any]]:
        if self.behaviour == "answers":
            return 200, self.answer(request.path, request.body)
        return self.refusal if self.behaviour == "refuses" else (500, {})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode("utf-8", "replace")
                request = Request(self.path, self.headers.get("authorization", ""), body)
                service.requests.append(request)
                if service.behaviour == "hangs":
                    service.released.wait(600)
                    return
                status, answer = service._respond(request)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = _handle

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

"""A small Comet on loopback: it answers, refuses, hangs or fails, and keeps what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Behaviour = Literal["answers", "refuses", "hangs", "fails"]

_UNKNOWN_KEY = {"sdk_error_code": 90212, "msg": "API key is not registered"}
_BEATS = (
    "is_alive_beat_duration_millis",
    "gpu_monitor_interval_millis",
    "cpu_monitor_interval_millis",
)


class Comet:
    """What was asked of the server.

    Attributes:
        url: Where it is.
        requests: Path and body of each request.
        released: Set it to let hanging requests go.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[tuple[str, str]] = []
        self.released = threading.Event()
        self.url = ""

    def sent_to(self, end: str) -> list[dict[str, Any]]:
        """The bodies of the requests to an address that ends like this."""
        return [json.loads(body) for path, body in self.requests if path.partition("?")[0].endswith(end) and body]

    def answer(self, path: str) -> dict[str, Any]:
        """Answer in the shapes that the client needs."""
        if path.endswith("/run"):
            return {
                "runId": "run",
                "project_id": "project",
                "focusUrl": f"{self.url}/flights/delays/",
                "workspaceName": "flights",
                "projectName": "delays",
            }
        if path.endswith("/status-report/update"):
            return dict.fromkeys(_BEATS, 5000)
        return {"msg": "ok", "code": 200, "version": "99.0.0", "defaultWorkspaceName": "flights"}


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Comet]:
    """Serve on a free port of loopback."""
    comet = Comet(behaviour)

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            comet.requests.append((self.path, self.rfile.read(length).decode("utf-8", "replace")))
            if comet.behaviour == "hangs":
                comet.released.wait(600)
                return
            status = {"answers": 200, "refuses": 403, "fails": 500}[comet.behaviour]
            answer = {"answers": comet.answer(self.path), "refuses": _UNKNOWN_KEY, "fails": {}}[comet.behaviour]
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _handle

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    comet.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield comet
    finally:
        comet.released.set()
        server.shutdown()
        server.server_close()

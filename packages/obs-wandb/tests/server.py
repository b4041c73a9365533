"""A small W&B on loopback: it answers, refuses, hangs or fails, and keeps what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Behaviour = Literal["answers", "refuses", "hangs", "fails"]


class Wandb:
    """What was asked of the server.

    Attributes:
        url: Where it is.
        requests: Path, authorization header and body of each request.
        released: Set it to let hanging requests go.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[tuple[str, str, str]] = []
        self.released = threading.Event()
        self.url = ""

    def operations(self, name: str) -> list[dict[str, Any]]:
        """The variables of each GraphQL operation of a name."""
        bodies = [json.loads(body) for path, _, body in self.requests if path == "/graphql" and body]
        return [body["variables"] for body in bodies if name in body["query"]]

    def answer(self, body: str) -> dict[str, Any]:
        """Answer a GraphQL request in the shapes that the client needs."""
        query = json.loads(body)["query"] if body else ""
        viewer = {"id": "1", "entity": "flights", "username": "ada", "email": "", "admin": False, "flags": "{}"}
        viewer["teams"] = {"edges": []}
        if "UpsertBucket" in query:
            variables = json.loads(body)["variables"]
            project = {"id": "p", "name": "delays", "entity": {"id": "e", "name": "flights"}}
            bucket = {
                "id": "b",
                "name": variables.get("name"),
                "displayName": variables.get("displayName"),
                "description": "",
                "config": "{}",
                "sweepName": None,
                "historyLineCount": 0,
                "project": project,
            }
            return {"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}}
        if "CreateRunFiles" in query:
            return {"data": {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": []}}}
        return {"data": {"viewer": viewer, "serverInfo": {"cliVersionInfo": {}, "latestLocalVersionInfo": None}}}


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Wandb]:
    """Serve on a free port of loopback."""
    wandb = Wandb(behaviour)

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length).decode("utf-8", "replace")
            wandb.requests.append((self.path, self.headers.get("authorization", ""), body))
            if wandb.behaviour == "hangs":
                wandb.released.wait(600)
                return
            status = {"answers": 200, "refuses": 401, "fails": 500}[wandb.behaviour]
            content = json.dumps(wandb.answer(body) if self.path == "/graphql" and status == 200 else {}).encode()
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
    wandb.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield wandb
    finally:
        wandb.released.set()
        server.shutdown()
        server.server_close()

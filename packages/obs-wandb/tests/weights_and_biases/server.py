"""A small W&B on loopback: it answers, refuses, hangs or fails, and keeps what it was sent."""

from __future__ import annotations

import json
from typing import Any

from obs_core.testing import LoopbackService


class Wandb(LoopbackService):
    """W&B, as far as its client needs it."""

    def operations(self, name: str) -> list[dict[str, Any]]:
        """The variables of each GraphQL operation of a name."""
        bodies = [json.loads(body) for path, _, body in self.requests if path == "/graphql" and body]
        return [body["variables"] for body in bodies if name in body["query"]]

    def answer(self, path: str, body: str) -> dict[str, Any]:
        """Answer a GraphQL request in the shapes that the client needs."""
        if path != "/graphql":
            return {}
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

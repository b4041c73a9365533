"""A small Comet on loopback: it answers, refuses, hangs or fails, and keeps what it was sent."""

from __future__ import annotations

import json
from typing import Any

from obs_core.testing import LoopbackService

_BEATS = (
    "is_alive_beat_duration_millis",
    "gpu_monitor_interval_millis",
    "cpu_monitor_interval_millis",
)


class Comet(LoopbackService):
    """Comet, as far as its client needs it."""

    refusal = (403, {"sdk_error_code": 90212, "msg": "API key is not registered"})

    def sent_to(self, end: str) -> list[dict[str, Any]]:
        """The bodies of the requests to an address that ends like this."""
        return [json.loads(body) for path, _, body in self.requests if path.partition("?")[0].endswith(end) and body]

    def answer(self, path: str, _body: str) -> dict[str, Any]:
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

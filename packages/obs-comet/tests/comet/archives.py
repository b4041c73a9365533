"""Reads what comet_ml writes offline: an archive of two JSON files for each experiment."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any


class OfflineExperiment:
    """One experiment, as its archive tells it."""

    def __init__(self, archive: Path) -> None:
        with zipfile.ZipFile(archive) as opened:
            about = json.loads(opened.read("experiment.json"))
            messages = [json.loads(line) for line in opened.read("messages.json").splitlines()]
        self.key: str = about["offline_id"]
        self.project, self.workspace = about["project_name"], about["workspace"]
        self.began: int = about["start_time"]
        self.crashed: bool = about["customer_error_reported"]
        self.others: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}
        self.metrics: dict[str, list[Any]] = {}
        for message in messages:
            self._take(message["type"], message["payload"])

    def _take(self, kind: str, payload: dict[str, Any]) -> None:
        if kind == "log_other":
            self.others[payload["key"]] = payload["value"]
        elif kind == "parameter_msg":
            self.parameters[payload["param"]["paramName"]] = payload["param"]["paramValue"]
        elif kind == "metric_msg":
            metric = payload["metric"]
            if metric["metricName"] == "process duration":  # the client's own
                return
            self.metrics.setdefault(metric["metricName"], []).append(float(metric["metricValue"]))


def experiments_in(folder: Path) -> list[OfflineExperiment]:
    """The experiments whose archives lie in a folder, by their beginning."""
    return sorted(map(OfflineExperiment, folder.glob("*.zip")), key=lambda one: one.began)

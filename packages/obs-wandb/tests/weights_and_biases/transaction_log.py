"""Reads what wandb writes offline: a header, then LevelDB's log format holding protobuf records.

Source of the framing: https://github.com/google/leveldb/blob/main/doc/log_format.md.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEADER, _BLOCK, _RECORD_HEADER = 7, 32 * 1024, 7


class OfflineRun:
    """One run, as its ``.wandb`` file tells it."""

    def __init__(self, folder: Path) -> None:
        from wandb.proto import wandb_internal_pb2

        records: Any = wandb_internal_pb2
        (file,) = folder.glob("*.wandb")
        self.id = file.stem.removeprefix("run-")
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.exit_code: int | None = None
        self.notes = self.name = self.project = self.entity = self.group = ""
        for data in _records(file.read_bytes()):
            record = records.Record()
            record.ParseFromString(data)
            self._take(record)

    def _take(self, record: Any) -> None:
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
            self.notes, self.name, self.project, self.entity = run.notes, run.display_name, run.project, run.entity
            self.group = run.run_group
            self.config |= {item.key: json.loads(item.value_json) for item in run.config.update}
        elif kind == "config":
            self.config |= {item.key: json.loads(item.value_json) for item in record.config.update}
        elif kind == "history":
            items = record.history.item
            self.history.append({(i.key or ".".join(i.nested_key)): json.loads(i.value_json) for i in items})
        elif kind == "exit":
            self.exit_code = record.exit.exit_code

    def logged(self, key: str) -> list[Any]:
        """The values of one metric, in their order."""
        return [row[key] for row in self.history if key in row]


def runs_in(folder: Path) -> list[OfflineRun]:
    """The runs below a folder, by id; read once wandb's own process has written everything."""
    import wandb

    wandb.teardown()
    found = [OfflineRun(one) for one in sorted(folder.glob("wandb/offline-run-*"))]
    return sorted(found, key=lambda run: run.id)


def _records(content: bytes) -> Iterator[bytes]:
    position, parts = _HEADER, []
    while position + _RECORD_HEADER <= len(content):
        left = _BLOCK - position % _BLOCK
        if left < _RECORD_HEADER:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        if kind == 0:
            return
        position += _RECORD_HEADER
        parts.append(content[position : position + length])
        position += length
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []

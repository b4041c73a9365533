"""The JSON that commands print for other programs: one style, which says what it is and its version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from obs_core.model import ExecutionView
from obs_core.text.durations import format_iso

__all__ = ["execution_as_json", "json_document", "json_line"]

_VERSION = 1
"""Counted up when a key is renamed, removed, or means something else; a new key changes nothing for who reads."""


def json_line(command: str, fields: Mapping[str, Any]) -> str:
    """Return an object of a list, on one line.

    Args:
        command: The command that prints it.
        fields: What is in it; times as `format_iso` writes them, durations in seconds.
    """
    return _encoded(command, fields).decode()


def json_document(command: str, fields: Mapping[str, Any]) -> str:
    """Return the one object that a command prints, for people too.

    Args:
        command: The command.
        fields: What is in it; times as `format_iso` writes them, durations in seconds.
    """
    return msgspec.json.format(_encoded(command, fields)).decode()


def execution_as_json(view: ExecutionView) -> dict[str, Any]:
    """Return what every command tells of the execution that it is about."""
    return {
        "id": view.id,
        "name": view.name,
        "status": view.status,
        "started": format_iso(view.started),
        "duration": view.duration / 1e9,
        "git_commit": view.git_commit,
    }


def _encoded(command: str, fields: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"schema": f"obs.{command}/{_VERSION}", **fields})

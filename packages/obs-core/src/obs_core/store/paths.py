"""Where things lie in a store."""

from __future__ import annotations

import os

from obs_core.store.base import StoreError

EXECUTIONS = "executions"


SHARED = "shared"


LATEST = "latest"


PINS = "pins"


def execution_path(execution_id: str) -> str:
    """Return the folder of one execution."""
    return f"{EXECUTIONS}/{execution_id}"


def segment_path(execution_id: str, writer: str, number: int) -> str:
    """Return the file of one journal segment."""
    return f"{EXECUTIONS}/{execution_id}/{writer}-{number:04d}.jsonl"


def blob_path(execution_id: str, digest: str) -> str:
    """Return the file of content that belongs to one execution."""
    return f"{EXECUTIONS}/{execution_id}/blobs/{digest}.gz"


def shared_path(digest: str) -> str:
    """Return the file of content that many executions share."""
    return f"{SHARED}/{digest}.gz"


def latest_path(digest: str) -> str:
    """Return the file that says where the newest artifact of a task and a name is."""
    return f"{LATEST}/{digest}.json"


def pin_path(execution_id: str) -> str:
    """Return the file that says that an execution is to be kept."""
    return f"{PINS}/{execution_id}"


def capture_path(execution_id: str, name: str) -> str:
    """Return the file of a capture."""
    return f"{EXECUTIONS}/{execution_id}/captures/{name}"


def faults_path(execution_id: str, writer: str) -> str:
    """Return the file of what a writer's process left when it crashed or got SIGTERM."""
    return f"{EXECUTIONS}/{execution_id}/faults-{writer}.txt"


def log_path(execution_id: str, writer: str, number: int) -> str:
    """Return the file of one segment of what a process logged and printed."""
    return f"{logs_path(execution_id)}/{writer}-{number:04d}.jsonl"


def logs_path(execution_id: str) -> str:
    """Return the folder of what an execution logged and printed."""
    return f"{EXECUTIONS}/{execution_id}/logs"


def sums_path(execution_id: str) -> str:
    """Return the file in which readers keep what they added up of a large execution that ended."""
    return f"{EXECUTIONS}/{execution_id}/sums.json"


def report_path(execution_id: str, name: str) -> str:
    """Return the file of a report."""
    return f"{EXECUTIONS}/{execution_id}/reports/{name}.html"


def parts_of(path: str) -> list[str]:
    """Return the parts of a path in a store.

    Raises:
        StoreError: It leads out of the store, or is no path.
    """
    parts = path.split("/")
    if not _FORBIDDEN.isdisjoint(parts) or "\0" in path or "\\" in path or (os.name == "nt" and ":" in path):
        raise StoreError(f"{path[:200]!r} is not the path of a file in a store")
    return parts


def belongs_to(path: str, execution_id: str) -> bool:
    """Tell whether a path that a record names is one that this execution may name: its own, or shared content."""
    try:
        parts = parts_of(path)
    except StoreError:
        return False
    own = parts[:2] == [EXECUTIONS, execution_id] and len(parts) == 4 and parts[2] in _NAMED_BY_RECORDS
    return own or (parts[0] == SHARED and len(parts) == 2)


_FORBIDDEN = frozenset(("", ".", ".."))

_NAMED_BY_RECORDS = ("blobs", "captures")

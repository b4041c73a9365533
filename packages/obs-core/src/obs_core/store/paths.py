"""Where things lie in a store."""

from __future__ import annotations

EXECUTIONS = "executions"


SHARED = "shared"


LATEST = "latest"


def execution_path(execution_id: str) -> str:
    """Return the folder of one execution."""
    return f"{EXECUTIONS}/{execution_id}"


def segment_path(execution_id: str, writer: str, number: int) -> str:
    """Return the file of one journal segment."""
    return f"{EXECUTIONS}/{execution_id}/journal/{writer}-{number:04d}.jsonl"


def blob_path(execution_id: str, digest: str) -> str:
    """Return the file of content that belongs to one execution."""
    return f"{EXECUTIONS}/{execution_id}/blobs/{digest}.gz"


def shared_path(digest: str) -> str:
    """Return the file of content that many executions share."""
    return f"{SHARED}/{digest}.gz"


def latest_path(digest: str) -> str:
    """Return the file that says where the newest artifact of a task and a name is."""
    return f"{LATEST}/{digest}.json"


def capture_path(execution_id: str, name: str) -> str:
    """Return the file of a capture."""
    return f"{EXECUTIONS}/{execution_id}/captures/{name}"


def report_path(execution_id: str, name: str) -> str:
    """Return the file of a report."""
    return f"{EXECUTIONS}/{execution_id}/reports/{name}.html"

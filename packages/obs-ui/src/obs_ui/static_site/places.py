"""Which file of a site holds which page."""

from __future__ import annotations

import functools
import hashlib
import posixpath
import re
from urllib.parse import parse_qs, quote, urlsplit

from msgspec import Struct

__all__ = ["Places", "data_file", "file_of_task", "folder_of", "pipeline_file", "root_of", "shared_file"]

LIST = "index.html"
PIPELINES = "pipelines/index.html"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}", re.ASCII)
_OF_AN_EXECUTION = re.compile(r"/executions/([^/]+)(?:/(changes|report\.html|trace\.json)|/tasks/([^/]+))?")


class Places(Struct, frozen=True):
    """Where the pages of a site lie, seen from one of them.

    Attributes:
        page: The file of that page.
        executions: The executions that the site holds.
        tasks: The tasks of this page's execution that have pages.
        others: What there is beside the pages of this execution: ``changes``, ``report.html``, ``trace.json``.
    """

    page: str
    executions: frozenset[str]
    tasks: frozenset[str] | None = None
    others: frozenset[str] = frozenset()

    def of(self, address: str) -> str | None:
        """Return where a page lies, relative to this one; None if the site does not hold it."""
        return _of(self, address)

    def _relative(self, address: str) -> str | None:
        parts = urlsplit(address)
        file = self._file(parts.path, parts.query)
        if file is None:
            return None
        # The list and the page of a task are told by the address what to show.
        query = f"?{parts.query}" if parts.query and (file == LIST or "/tasks/" in parts.path) else ""
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        return quote(posixpath.relpath(file, posixpath.dirname(self.page) or ".")) + query + fragment

    def _file(self, path: str, query: str) -> str | None:
        if path in ("/", "/executions"):
            return LIST
        if path == "/pipelines":
            named = parse_qs(query, keep_blank_values=True).get("name")
            return pipeline_file(named[0]) if named else PIPELINES
        if path.startswith("/static/"):
            return path[1:]
        found = _OF_AN_EXECUTION.fullmatch(path)
        if found is None or found[1] not in self.executions:
            return None
        folder = folder_of(found[1])
        if found[3]:
            here = self.page.startswith(f"{folder}/")
            missing = here and self.tasks is not None and found[3] not in self.tasks
            return None if missing else f"{folder}/{file_of_task(found[3])}"
        if found[2]:
            name = "changes.html" if found[2] == "changes" else found[2]
            return f"{folder}/{name}" if found[2] in self.others else None
        return f"{folder}/index.html"


@functools.lru_cache(4_096)
def _of(places: Places, address: str) -> str | None:
    """Find it once: the panels of all spans of an execution name the same pages."""
    return places._relative(address)


def folder_of(execution_id: str) -> str:
    """Return the folder of an execution."""
    return f"executions/{execution_id}"


def file_of_task(task_id: str) -> str:
    """Return the name of a task's page; ids that no file can have are replaced by their hashes."""
    return f"task-{_safe(task_id)}.html"


def pipeline_file(name: str) -> str:
    """Return the file of a pipeline's page: its name as far as a file can have it, and what tells it from others."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower(), flags=re.ASCII).strip("-")[:50]
    return f"pipelines/{readable or 'untitled'}-{_digest(name)[:8]}.html"


def shared_file(digest: str) -> str:
    """Return the file of a script or style that several decks hold."""
    return f"shared/{digest}.js"


def data_file(content: str) -> str:
    """Return the file of an answer that is too large for a page, by what it holds: many may have that in common."""
    return f"data/{_digest(content)[:24]}.js"


def root_of(page: str) -> str:
    """Return the site's root, relative to a page."""
    return "../" * page.count("/") or "./"


def _safe(name: str) -> str:
    return name if _SAFE.fullmatch(name) and name.lower() == name else f"{_digest(name)[:20]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

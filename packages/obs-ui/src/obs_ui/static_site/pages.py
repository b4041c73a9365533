"""The pages of a site, each with the answers that its scripts ask for."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from obs_core.failsafe import ObsError, warn
from obs_core.interruptions import let_pass
from obs_core.model import ExecutionView, TaskView
from obs_core.report.contents import tree_order
from obs_core.text.bounded_repr import describe_error
from obs_ui import reports
from obs_ui.addresses import Viewer
from obs_ui.index import ListQuery
from obs_ui.pages.execution import drawn_window, span_contents
from obs_ui.site import Site, ordered, pipeline_address
from obs_ui.snapshots import Snapshot
from obs_ui.static_site.answering import NotThereError, Pages
from obs_ui.static_site.folder import SiteFolder
from obs_ui.static_site.places import (
    LIST,
    PIPELINES,
    Places,
    data_file,
    file_of_task,
    folder_of,
    pipeline_file,
    root_of,
    shared_file,
)
from obs_ui.static_site.scripts import as_script

__all__ = ["MOST_TASKS", "SiteWriter"]

MOST_TASKS = 200
"""Tasks of an execution that get pages; each page lists them all."""

_MOST_SPANS = 500
_SPANS_A_FILE = 100
_ALL_SPANS = 5_000
"""Spans up to which a timeline holds each of them; of more those are gathered that share a pixel of a wide screen."""

_PIXELS = 4_000
_MOST_LANES = 2_000
_INLINE = 16_000
"""Characters of an answer that stand in its page; what is longer gets a file that is read when it is asked for."""

_ASKED = re.compile(r' data-(?:lazy|lanes|metrics|resources|frame|durations)="(/[^"]+)"')
_PENDING = re.compile(r' data-part="(logs)"')
_SHARED = re.compile(r"obs:shared:([0-9a-f]{32})")
_MODULE = ' type="module" src='
_POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file: data:;"
    " frame-src 'self' file:; form-action 'self' file:; base-uri 'none'"
)
"""As the server's (`obs_ui.security.PAGE_POLICY`), for pages that may be opened from disk, where nothing is 'self'."""


class SiteWriter:
    """Writes the pages of a site.

    Args:
        site: The executions, and their index.
        pages: The UI's pages.
        folder: Where to.
        executions: The executions that the site holds.
        reports: Whether each execution gets its report and its trace to take along.
    """

    def __init__(
        self, site: Site, pages: Pages, folder: SiteFolder, executions: frozenset[str], *, reports: bool = False
    ) -> None:
        self.site = site
        self._pages = pages
        self._folder = folder
        self._executions = executions
        self._reports = reports
        self._shared: set[str] = set()

    def execution(self, execution_id: str) -> dict[str, str]:
        """Write all pages of an execution; returns the files with the hashes of what they hold.

        One that cannot be shown gets a page that says so, and stops none of the others.
        """
        written: dict[str, str] = {}
        try:
            snapshot = self.site.look(execution_id)
            page = _PagesOfExecution(self, snapshot, self._places(snapshot))
            written.update(page.write())
            for digest in page.shared:
                written.update(self._shared_body(digest))
        except (OSError, ObsError):
            raise  # the store cannot be read, or the folder cannot be written: so it is with the next ones
        except Exception as error:
            let_pass(error)
            written.update([self._unreadable(execution_id, error)])
        return written

    def _unreadable(self, execution_id: str, error: Exception) -> tuple[str, str]:
        said = f"{execution_id} cannot be shown: {describe_error(error)}"
        warn(f"execution {said}")
        file = f"{folder_of(execution_id)}/index.html"
        viewer = Viewer(Places(file, self._executions), plain=True)
        text = self.site.filled("error.html", viewer, message=f"The execution {said}")
        return file, self.put(file, _filled(text, file, {"answers": {}, "files": {}}))

    def _places(self, snapshot: Snapshot) -> Places:
        tasks = frozenset(task.id for task, _ in tree_order(snapshot.tasks)[:MOST_TASKS])
        others = {"report.html", "trace.json"} if self._reports else set()
        if snapshot.view.status != "running" and self._has_changes(snapshot):
            others.add("changes")
        return Places(f"{folder_of(snapshot.view.id)}/index.html", self._executions, tasks, frozenset(others))

    def _has_changes(self, snapshot: Snapshot) -> bool:
        return self.site.past.last_good(snapshot.view) is not None

    def list_page(self, at: int) -> dict[str, str]:
        """Write the list of executions, and say when it was written."""
        viewer = Viewer(Places(LIST, self._executions), plain=True, written=at)
        rows = [
            {
                "id": one.id,
                "at": one.started // 1_000_000,
                "text": _searched(one),
                "status": one.status,
                "verdict": one.verdicts.outcome,
                "tags": [[str(name), str(value)] for name, value in one.tags.items()],
                "duration": one.duration,
                "name": one.name,
                "metrics": one.metrics,
            }
            for one in self.site.list(ListQuery()).executions
        ]
        return dict(self.page("/executions", viewer, {"list": rows}, large=10**9))

    def pipelines(self, names: list[str]) -> dict[str, str]:
        """Write the pages of all pipelines."""
        written = dict(self.page("/pipelines", Viewer(Places(PIPELINES, self._executions), plain=True)))
        for name in names:
            viewer = Viewer(Places(pipeline_file(name), self._executions), plain=True)
            written |= self.page(pipeline_address(name), viewer)
        return written

    def page(
        self, address: str, viewer: Viewer, answers: dict[str, Any] | None = None, large: int = _INLINE, **more: Any
    ) -> Iterator[tuple[str, str]]:
        """Write a page.

        Args:
            address: What the UI calls it.
            viewer: Where it lies, and what lies around it.
            answers: What its scripts ask for, beyond what is seen in it.
            large: Characters from which on an answer gets a file of its own.
            more: What else the page tells its scripts.

        Yields:
            The files, with the hashes of what they hold.
        """
        assert isinstance(viewer.addresses, Places)
        file = viewer.addresses.page
        text = self._pages.get(address, viewer).decode("utf-8", "replace")
        found = dict(answers or {}) | self._asked(address, text, viewer)
        inline: dict[str, Any] = {}
        files: dict[str, str] = {}
        for key, value in found.items():
            encoded = as_script(value)
            if len(encoded) <= large:
                inline[key] = value
                continue
            content = f"obsFile({encoded});\n"
            files[key] = name = data_file(content)
            yield name, self.put(name, content)
        yield file, self.put(file, _filled(text, file, {"answers": inline, "files": files, **more}))

    def _asked(self, address: str, text: str, viewer: Viewer) -> dict[str, Any]:
        """Return what a page asks for by itself."""
        found: dict[str, Any] = {}
        for name in _PENDING.findall(text):
            found[f"part/{name}"] = self.get(f"{address}?part={name}", viewer)
        for asked in map(html.unescape, _ASKED.findall(text)):
            try:
                found[_key(asked)] = self.get(asked, viewer)
            except NotThereError as error:
                found[_key(asked)] = f"This cannot be shown: {error}"
        return found

    def get(self, address: str, viewer: Viewer) -> Any:
        """Return what the UI answers: JSON as a value, HTML as text."""
        content = self._pages.get(address, viewer)
        return json.loads(content) if content.startswith((b"{", b"[")) else content.decode("utf-8", "replace")

    def put(self, name: str, content: str | bytes) -> str:
        """Write a file."""
        return self._folder.put(name, content)

    def _shared_body(self, digest: str) -> Iterator[tuple[str, str]]:
        name = shared_file(digest)
        try:
            body = self._pages.get(f"/shared/{digest}", Viewer(plain=True)).decode("utf-8", "surrogatepass")
        except NotThereError:
            return  # the deck says that it was not kept
        yield name, self.put(name, f"obsFile({as_script(body)});\n")


class _PagesOfExecution:
    """The pages of one execution.

    Args:
        writer: Writes them.
        snapshot: The execution.
        places: Where its page lies.
    """

    def __init__(self, writer: SiteWriter, snapshot: Snapshot, places: Places) -> None:
        self._writer = writer
        self._snapshot = snapshot
        self._places = places
        self._address = f"/executions/{snapshot.view.id}"
        self.shared: set[str] = set()

    def write(self) -> Iterator[tuple[str, str]]:
        """Write them; yields the files with the hashes of what they hold."""
        viewer = Viewer(self._places, plain=True)
        spans = self._spans(viewer)
        chunks = [dict(spans[start : start + _SPANS_A_FILE]) for start in range(0, len(spans), _SPANS_A_FILE)]
        base = f"{folder_of(self._snapshot.view.id)}/spans-"
        at = {span: number for number, chunk in enumerate(chunks) for span in chunk}
        for number, chunk in enumerate(chunks):
            yield f"{base}{number}.js", self._writer.put(f"{base}{number}.js", f"obsFile({as_script(chunk)});\n")
        answers = {f"{self._address}/timeline": self._timeline()}
        yield from self._writer.page(self._address, viewer, answers, spans={"files": base, "at": at})
        for task, _ in tree_order(self._snapshot.tasks)[:MOST_TASKS]:
            yield from self._task(task)
        if "changes" in self._places.others:
            yield from self._beside("/changes", "changes.html")
        for name in ("report.html", "trace.json"):
            if name in self._places.others:
                yield from self._download(name)

    def _viewer(self, file: str) -> Viewer:
        folder = folder_of(self._snapshot.view.id)
        return Viewer(msgspec.structs.replace(self._places, page=f"{folder}/{file}"), plain=True)

    def _beside(self, path: str, file: str) -> Iterator[tuple[str, str]]:
        yield from self._writer.page(self._address + path, self._viewer(file))

    def _task(self, task: TaskView) -> Iterator[tuple[str, str]]:
        address = f"{self._address}/tasks/{task.id}"
        viewer = self._viewer(file_of_task(task.id))
        answers = {f"{address}/decks": self._writer.get(f"{address}/decks", viewer)}
        for label, deck in self._snapshot.decks(task).items():
            items = self._snapshot.items(task, deck)
            for item in items:
                self.shared.update(_SHARED.findall(item))
            query = urlencode({"deck": re.sub("[\ud800-\udfff]", "\ufffd", label)})
            answers[_key(f"{address}/decks/items?{query}")] = items
        yield from self._writer.page(address, viewer, answers)

    def _timeline(self) -> dict[str, Any]:
        trace = self._snapshot.trace
        whole = max(1, trace.end - trace.start)
        width = whole if len(trace) <= _ALL_SPANS else _PIXELS
        found = drawn_window(self._snapshot, 0, whole, width, range(_MOST_LANES))
        return found | {"running": False}

    def _spans(self, viewer: Viewer) -> list[tuple[str, str]]:
        """Return the panels of spans, by row and, where a line of the logs may name it, by id."""
        trace = self._snapshot.trace
        found: list[tuple[str, str]] = []
        for row in self._telling_rows():
            panel = self._writer.site.filled("_span.html", viewer, **span_contents(self._snapshot, row))
            found.append((str(row), panel))
            if row and (trace.kind(row) == "task" or row in self._rows_said_in):
                found.append((trace.ref(row), panel))
        return found

    def _telling_rows(self) -> list[int]:
        """Return the spans whose attributes are kept: all, or tasks, what failed and the longest."""
        trace = self._snapshot.trace
        rows = range(len(trace))
        if len(rows) <= _MOST_SPANS:
            return list(rows)
        first = [row for row in rows if row in trace.errors or row in self._rows_said_in or trace.kind(row) == "task"]
        longest = (-trace.durations).argsort(kind="stable")[:_MOST_SPANS].tolist()
        return sorted(dict.fromkeys([*first[:_MOST_SPANS], *longest]))[: 2 * _MOST_SPANS]

    @property
    def _rows_said_in(self) -> set[int]:
        lines, _ = self._snapshot.recent_lines()
        return {row for line in lines if line.span and (row := self._snapshot.row_of(line.span)) is not None}

    def _download(self, name: str) -> Iterator[tuple[str, str]]:
        file = f"{folder_of(self._snapshot.view.id)}/{name}"
        if name == "trace.json":
            path = Path(reports.trace_file(self._snapshot))
            yield file, self._writer.put(file, path.read_bytes())
            path.unlink()
        else:
            yield file, self._writer.put(file, reports.execution_report(self._snapshot))


def _key(address: str) -> str:
    """Return an address as the scripts of a page look for it: its query as their `URLSearchParams` writes it."""
    path, _, query = address.partition("?")
    given = parse_qsl(query, keep_blank_values=True, errors="replace")
    written = urlencode(given).replace("~", "%7E").replace("%2A", "*")
    return f"{path}?{written}" if written else path


def _searched(view: ExecutionView) -> str:
    """Return all that a search looks at, as the index has it (`obs_ui.index.indexing`)."""
    told = (view.id, view.error or "", view.name, view.host, view.user, view.command, view.git_commit)
    texts = [*told, *(text for pair in ordered(view.tags) for text in pair)]
    return "\n".join(text[:2000] for text in texts).lower()


def _filled(page: str, file: str, told: dict[str, Any]) -> str:
    """Return a page as it lies in a site: with classic scripts, its policy, and what its scripts ask for."""
    data = json.dumps(told).replace("<", "\\u003c")
    head = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    page = page.replace("<html ", f'<html data-root="{root_of(file)}" ', 1)
    page = page.replace('<meta charset="utf-8">\n', f'<meta charset="utf-8">\n{head}', 1)
    page = re.sub(r' data-live="[^"]*"| data-since="[^"]*"', "", page.replace(_MODULE, " defer src="))
    return page.replace("</body>", f'<script type="application/json" id="obs-answers">{data}</script>\n</body>', 1)

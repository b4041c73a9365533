"""What every page needs: the store, its index, the executions being looked at, the templates."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import anyio
import jinja2
from sqlalchemy.engine import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from obs_core.journal.reader import segment_names
from obs_core.model import ExecutionView, TaskView, Verdict, VerdictCounts
from obs_core.reading.changes.comparing import PastRuns, compare
from obs_core.reading.changes.result import Changes
from obs_core.report.contents import said_of, shown_verdicts
from obs_core.report.tabs import verdict_of
from obs_core.store import Store
from obs_core.text.controls import in_order
from obs_core.text.durations import format_duration, format_iso, format_took
from obs_core.text.failures import short_place
from obs_core.text.numbers import multiple, share, statistic, statistics
from obs_ui.addresses import ASKED, FOLLOWED, Viewer, placed, viewer_of
from obs_ui.index import Indexer, ListPage, ListQuery, find, list_executions
from obs_ui.index.queries import Place, tag_names
from obs_ui.index.tasks import TaskIndex
from obs_ui.pipelines import Pipeline, Pipelines, every
from obs_ui.snapshots import Snapshot, SnapshotCache

__all__ = ["SITE", "Shown", "Site", "in_thread", "site_of"]

T = TypeVar("T")

SITE = "obs.site"
"""Where a request's scope says which of several stores it is for."""

HERE = Path(__file__).parent
_LARGE = 3
"""Segments of a journal; in a folder a full one holds some 130,000 spans."""

_THREADS = 40
_COUNTED_FOR = 5.0
_MOST_COUNTS = 200
_MOST_COMPARISONS = 50

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)


class Shown:
    """What every page can ask: for executions by their ids, and to be filled.

    Attributes:
        name: Which of several stores it shows; empty if it shows one alone, or all of them.
        stopping: Whether the server is about to end, and with it all that is live.
    """

    name = ""
    names: Sequence[str] = ()

    def __init__(self) -> None:
        self.stopping = False
        self._changes: dict[tuple[str, int, str, int], Changes] = {}
        self._threads: anyio.CapacityLimiter | None = None

    @property
    def threads(self) -> anyio.CapacityLimiter:
        """The threads in which its pages are made: where one store hangs, those of the others go on."""
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(_THREADS)
        return self._threads

    def start(self) -> None:
        """Begin to follow what is shown."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop following, and let all that is live end."""
        self.stopping = True

    def join(self) -> None:
        """Wait until nothing is followed."""
        raise NotImplementedError

    @property
    def shown_stores(self) -> Sequence[Store]:
        """The stores of which executions are shown."""
        raise NotImplementedError

    @property
    def place(self) -> str:
        """What is shown, at the beginning of a sentence."""
        raise NotImplementedError

    def look(self, execution_id: str) -> Snapshot:
        """Return how an execution stands now.

        Raises:
            HTTPException: There is none of this id.
        """
        raise NotImplementedError

    def changes(self, before: Snapshot, after: Snapshot) -> Changes:
        """Return what changed between two executions; it is found once for each state of them.

        Args:
            before: The one that is compared with.
            after: The execution.
        """
        key = before.view.id, before.version, after.view.id, after.version
        found = self._changes.get(key)
        if found is None:
            found = self._compared(before, after)
            if len(self._changes) >= _MOST_COMPARISONS:
                self._changes.clear()
            self._changes[key] = found
        return found

    def _compared(self, before: Snapshot, after: Snapshot) -> Changes:
        return compare(after.side, before.side)

    def task(self, execution_id: str, task_id: str) -> tuple[Snapshot, TaskView]:
        """Return an execution and one of its tasks.

        Raises:
            HTTPException: There is none of this id.
        """
        snapshot = self.look(execution_id)
        task = snapshot.task(task_id)
        if task is None:
            raise HTTPException(404, f"There is no task {task_id[:100]} in this execution.")
        return snapshot, task

    def page(self, template: str, request: Request, code: int = 200, /, **values: Any) -> HTMLResponse:
        """Fill a template."""
        return HTMLResponse(self.filled(template, viewer_of(request), **values), code)

    def filled(self, template: str, viewer: Viewer, **values: Any) -> str:
        """Fill a template for whoever looks."""
        page = _environment().get_template(template).render(site=self, viewer=viewer, **values)
        if viewer.addresses is None:
            return page
        # Scripts of plain files look up what they ask for by the addresses that templates know.
        return placed(page, viewer.addresses, FOLLOWED if viewer.plain else FOLLOWED + ASKED)


class Site(Shown):
    """What all pages of a store share.

    Args:
        store: Where the executions are.
        engine: The index.
        name: Which of several stores it is.

    Attributes:
        indexer: Keeps the index as the store is.
        snapshots: The executions that are being looked at.
        past: What earlier executions are compared by.
        tasks: How the tasks of executions went.
        pipelines: How the executions of each name went.
        rows: How many executions a page of the list holds.
    """

    def __init__(self, store: Store, engine: Engine, name: str = "") -> None:
        super().__init__()
        self.name = name
        self.store = store
        self.engine = engine
        self.indexer = Indexer(engine, store)
        self.snapshots = SnapshotCache(store)
        self.past = PastRuns(store)
        self.tasks = TaskIndex(engine, store, self.indexer.store_number)
        self.pipelines = Pipelines(engine, self.indexer.store_number, name)
        self.rows = 50
        self._counts: dict[ListQuery, tuple[int, float, dict[str, int] | None]] = {}

    def start(self) -> None:
        """Begin to follow the store."""
        self.indexer.start()

    def stop(self) -> None:
        """Stop following the store, and let all that is live end."""
        super().stop()
        self.indexer.stop()

    def join(self) -> None:
        """Wait until the store is no longer followed."""
        self.indexer.join()

    @property
    def shown_stores(self) -> Sequence[Store]:
        """The store."""
        return [self.store]

    @property
    def place(self) -> str:
        """The store, at the beginning of a sentence."""
        return f"The store {self.name or self.store.url}"

    @property
    def version(self) -> tuple[object, ...]:
        """Another one whenever lists and pipelines may show something else."""
        return self.indexer.version, self.tasks.version, self.indexer.complete, self.indexer.trouble

    @property
    def complete(self) -> bool:
        """Whether every execution of the store has been looked at once."""
        return self.indexer.complete

    @property
    def troubles(self) -> Sequence[str]:
        """Why the store cannot be read just now, as sentences; none if it can."""
        trouble = self.indexer.trouble
        return [f"{self.place if self.name else 'The store'} cannot be read just now: {trouble}"] if trouble else []

    def every_pipeline(self, now: int) -> Sequence[Pipeline]:
        """Return all pipelines; see `Pipelines.all`."""
        return self.pipelines.all(now)

    def tags(self) -> Sequence[str]:
        """Return tags that executions have; see `tag_names`."""
        return tag_names(self.engine, self.indexer.store_number)

    def list(self, query: ListQuery, place: Place | None = None) -> ListPage:
        """Return a page of the list of executions; see `list_executions`."""
        version, now = self.indexer.version, time.monotonic()
        counted, at, counts = self._counts.get(query.of_any_status, (-1, 0.0, None))
        # Other servers may write into the same index, so a count is believed for a few seconds only.
        fresh = counted == version and now - at < _COUNTED_FOR
        store = self.indexer.store_number
        page = list_executions(self.engine, store, query, self.rows, counts if fresh else None, place)
        if not fresh:
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            self._counts[query.of_any_status] = version, now, page.counts
        return page

    def summary(self, execution_id: str) -> ExecutionView:
        """Return what the index knows of an execution.

        Raises:
            HTTPException: There is none of this id.
        """
        view = self.indexed(execution_id)
        return view if view is not None else self.look(execution_id).view

    def indexed(self, execution_id: str) -> ExecutionView | None:
        """Return what the index knows of an execution; None if it does not know it."""
        self._check(execution_id)
        return find(self.engine, self.indexer.store_number, execution_id)

    def look(self, execution_id: str) -> Snapshot:
        """Return how an execution stands now.

        Raises:
            HTTPException: There is none of this id.
        """
        self._check(execution_id)
        if not self.has(execution_id):
            raise HTTPException(404, f"There is no execution {execution_id} in this store.")
        return self.snapshots.of(execution_id).look()

    def has(self, execution_id: str) -> bool:
        """Ask the store whether it holds an execution."""
        return self.snapshots.holds(execution_id) or bool(segment_names(self.store, execution_id))

    def _compared(self, before: Snapshot, after: Snapshot) -> Changes:
        return compare(after.side, before.side, earlier=lambda _, view: self.past.before(view))

    def takes_long(self, execution_id: str) -> bool:
        """Tell whether an execution is so large, and not read yet, that a page should not wait for it."""
        self._check(execution_id)
        return not self.snapshots.holds(execution_id) and len(segment_names(self.store, execution_id)) > _LARGE

    def _check(self, execution_id: str) -> None:
        if not _ID.fullmatch(execution_id):
            raise HTTPException(404, "That is not the id of an execution.")


def site_of(request: Request) -> Site:
    """Return the site that a request is for."""
    site: Site = request.scope.get(SITE) or request.app.state.site
    return site


async def in_thread(site: Shown, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in one of a site's threads; whoever waits for it in vain is let go."""
    return await anyio.to_thread.run_sync(function, *arguments, abandon_on_cancel=True, limiter=site.threads)


def clock_time(ns: int) -> str:
    """Return a time for the ``datetime`` of a ``<time>``; the browser writes it in its own time zone."""
    return format_iso(max(0, min(ns, 253_402_300_799 * 10**9)))


def is_web_address(url: str) -> bool:
    """Tell whether a link may be followed: http and https alone."""
    return re.match(r"https?://[^\s]+$", url, re.IGNORECASE) is not None


def command_in(text: str) -> str:
    """Return the part of a text that is to be typed: what follows "type:", or all of it."""
    return text.rpartition("type: ")[2]


def pipeline_address(name: str) -> str:
    """Return the address of the page of all executions of one name."""
    return f"/pipelines?{urlencode({'name': name.encode('utf-8', 'replace').decode()})}"


def share_of(part: float, whole: float) -> str:
    """Write a share; what threads that ran at once took is a multiple where it is more than the clock's time."""
    return multiple(part, whole) if part > whole > 0 else share(part, whole)


def metric_words(values: Sequence[float | None]) -> list[str]:
    """Write the last, the least and the greatest value of a metric; the latter two look alike only if they are."""
    known = [value for value in values if value is not None]
    told = iter(statistics(known, apart=[value for value in values[1:] if value is not None]))
    return ["not finite" if value is None else next(told) for value in values]


def percent(part: float, whole: float) -> str:
    """Write a share for an attribute of a drawing."""
    return f"{max(0.0, min(100.0, 100 * part / whole)) if whole > 0 else 0:.3f}%"


def ordered(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return tags as pairs of text."""
    return [(str(name), str(value)) for name, value in tags.items()]


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC")


def with_times(text: str) -> list[tuple[str, str]]:
    """Return the parts of a text: each, and for a moment in UTC what the browser writes in the reader's zone.

    Examples:
        >>> with_times("killed at 2026-11-28 22:22:09 UTC")
        [('killed at ', ''), ('2026-11-28 22:22:09 UTC', '2026-11-28T22:22:09+00:00')]
    """
    found: list[tuple[str, str]] = []
    end = 0
    for moment in _MOMENT.finditer(text):
        found += [(text[end : moment.start()], ""), (moment[0], f"{moment[1]}T{moment[2]}+00:00")]
        end = moment.end()
    return [part for part in (*found, (text[end:], "")) if part[0]]


def counted(verdicts: Iterable[Verdict]) -> VerdictCounts:
    """Count verdicts by what they found."""
    found = VerdictCounts()
    for one in verdicts:
        setattr(found, one.outcome, getattr(found, one.outcome) + 1)
        found.said.append((one.outcome, one.name, one.found))
    return found


def as_lines(tags: Mapping[str, str]) -> str:
    """Return tags as text for a tooltip, one a line."""
    return "\n".join(f"{name}: {value}" for name, value in ordered(tags))[:4000]


def _shown(value: Any) -> Any:
    """Write what stands in a page: no name turns the direction of what follows it.

    What a page hands back, such as a search, is written with the filter ``exactly``.
    """
    return in_order(value) if type(value) is str else value


@functools.cache
def _environment() -> jinja2.Environment:
    import obs_core.report

    own = jinja2.FileSystemLoader(HERE / "templates")
    cores = jinja2.FileSystemLoader(Path(obs_core.report.__file__).parent)
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([own, cores]),
        autoescape=True,
        auto_reload=False,  # they are part of the package: whether they changed is not asked for each page
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_shown,
        lstrip_blocks=True,
    )
    environment.filters.update(
        duration=format_duration, took=format_took, clock_time=clock_time, short_place=short_place
    )
    environment.filters.update(share_of=share_of, command_in=command_in, verdict_of=verdict_of)
    environment.filters["exactly"] = environment.filters["escape"]  # which is then no plain text for `_shown`
    environment.filters.update(ordered=ordered, as_lines=as_lines)
    environment.tests["web_address"] = is_web_address
    environment.globals["percent"] = percent
    environment.globals["pipeline_address"] = pipeline_address
    environment.globals["shown_verdicts"] = shown_verdicts
    environment.filters.update(
        said_of=said_of,
        counted=counted,
        with_times=with_times,
        every=every,
        statistic=statistic,
        metric_words=metric_words,
    )
    return environment

"""The executions of a store as a table that is read as far as one looks."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from obs_core import clock
from obs_core.model import STATUSES, ExecutionView, Status
from obs_core.outcomes import OUTCOMES, Outcome
from obs_core.reading.listing import list_executions
from obs_core.store import Store
from obs_core.text.durations import format_moment, format_took, parse_age
from obs_core.text.html_tables import table
from obs_core.text.numbers import plural

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

__all__ = ["ExecutionTable", "executions"]

_COLUMNS = ("id", "name", "status", "started", "duration", "error", "host", "user", "command", "git_commit")
"""Those that are fields of `ExecutionView`; ``verdict``, what the checks found at worst, is one more."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SHOWN = 10
"""Rows of its representation."""

_LONGEST_NAME = 120


def executions(
    store: Store | str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    status: Status | Collection[Status] | None = None,
    tags: Mapping[str, str] | None = None,
    since: datetime | timedelta | str | None = None,
    verdict: Outcome | Literal["none"] | None = None,
) -> ExecutionTable:
    """Return the executions of a store, newest first, as a lazy table: only the rows that you look at are read.

    Args:
        store: Where they are kept. Default: `OBS_STORE`, or ``.obs``.
        name: Only those of this name.
        status: Only ``"running"``, ``"succeeded"``, ``"failed"`` or ``"lost"`` ones; one of them or several.
        tags: Only those with these tags.
        since: Only those that began after this moment (an aware datetime), or at most this long ago: a timedelta, or
            text such as ``"7d"`` with the units s, m, h, d and w.
        verdict: Only those with this worst verdict: ``"failed"``, ``"warned"`` or ``"passed"``; ``"none"``: nothing was
            checked.

    Raises:
        StoreError: `store` is a folder that is not there.
        ValueError: There is no such status or verdict; `since` is a datetime without a zone, or a text that is not an
            age.

    Examples:
        >>> last = load_execution("last")
        >>> executions(name="flights")[0].id == last.id
        True
        >>> frame = executions(status=["failed", "lost"], since="7d").to_pandas()
    """
    chosen = {status} if isinstance(status, str) else None if status is None else set(status)
    for one in chosen or ():
        _check("status", one, STATUSES)
    if verdict is not None:
        _check("verdict", verdict, (*OUTCOMES, "none"))
    begin = None if since is None else _moment(since)
    return ExecutionTable(store, name=name, statuses=chosen, tags=tags or {}, begin=begin, verdict=verdict)


def _check(name: str, given: object, known: Collection[str]) -> None:
    if given not in known:
        *others, last = map(repr, known)
        raise ValueError(f"{name}={given!r} is none of {', '.join(others)} and {last}")


def _moment(since: datetime | timedelta | str) -> int:
    """Return nanoseconds since the epoch."""
    if isinstance(since, datetime):
        if since.tzinfo is None:
            raise ValueError(f"since={since!r} has no time zone: use datetime.now(UTC), or an age such as '7d'")
        return int((since - _EPOCH) / timedelta(microseconds=1)) * 1_000
    if isinstance(since, timedelta):
        return clock.epoch() - int(since / timedelta(microseconds=1)) * 1_000
    return clock.epoch() - parse_age(since)


class ExecutionTable(Sequence[ExecutionView]):
    """Executions, newest first: each is read when it is needed, and then kept.

    Get it from `executions`. As a frame it has the columns ``id``, ``name``, ``status``, ``started`` (UTC),
    ``duration`` (seconds), ``error``, ``host``, ``user``, ``command``, ``git_commit``, ``verdict`` (what the checks
    found at worst), one ``tag:NAME`` for each tag, and one ``metric:NAME`` for each metric, its last value.
    """

    def __init__(
        self,
        store: Store | str | os.PathLike[str] | None,
        *,
        name: str | None,
        statuses: Collection[Status] | None,
        tags: Mapping[str, str],
        begin: int | None,
        verdict: str | None = None,
    ) -> None:
        self._name, self._statuses, self._tags, self._begin = name, statuses, tags, begin
        self._verdict = verdict
        self._read: list[ExecutionView] = []
        self._rest = filter(self._is_wanted, itertools.takewhile(self._is_young, list_executions(store)))

    def __iter__(self) -> Iterator[ExecutionView]:
        for index in itertools.count():
            if not self._read_to(index + 1):
                return
            yield self._read[index]

    def __len__(self) -> int:
        self._read_to(None)
        return len(self._read)

    def __bool__(self) -> bool:
        return self._read_to(1)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            ends = (index.start, index.stop)
            self._read_to(None if None in ends[1:] or any((end or 0) < 0 for end in ends) else max(index.stop, 0))
        else:
            self._read_to(index + 1 if index >= 0 else None)
            if not -len(self._read) <= index < len(self._read):
                raise IndexError(f"no row {index} in a table of {plural(len(self._read), 'execution')}")
        return self._read[index]

    def to_pandas(self) -> pandas.DataFrame:
        """Return all of it as a frame, ``started`` as ``datetime64[ns, UTC]``; needs pandas."""
        import pandas

        frame = pandas.DataFrame(self._columns())
        frame["started"] = pandas.to_datetime(frame["started"], unit="ns", utc=True)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """Return all of it as a frame, ``started`` as nanoseconds in UTC; needs polars."""
        import polars

        columns = self._columns()
        kinds = {int: polars.Int64, float: polars.Float64, str: polars.String}
        frame = polars.DataFrame(columns, schema_overrides={name: kinds[_kind_of(name)] for name in columns})
        return frame.with_columns(polars.col("started").cast(polars.Datetime("ns", "UTC")))

    def to_arrow(self) -> pyarrow.Table:
        """Return all of it as a table, ``started`` as ``timestamp[ns, UTC]``; needs pyarrow."""
        import pyarrow

        kinds = {int: pyarrow.timestamp("ns", "UTC"), float: pyarrow.float64(), str: pyarrow.string()}
        columns = self._columns().items()
        return pyarrow.table({name: pyarrow.array(all_, kinds[_kind_of(name)]) for name, all_ in columns})

    def __repr__(self) -> str:
        first = self[:_SHOWN]
        lines = [
            f"{view.id}  {view.status:<9}  {format_took(view.duration, view.status):>11}  {view.name[:60]!r}"
            for view in first
        ]
        more = ["..."] if self._read_to(_SHOWN + 1) else []
        return "\n".join([f"<ExecutionTable, newest first{'' if first else ': empty'}>", *lines, *more])

    def _repr_html_(self) -> str:
        first = self[:_SHOWN]
        if not first:
            return "<p>No execution matches.</p>"
        rows = [
            (
                view.name[:_LONGEST_NAME],
                view.status,
                view.verdicts.outcome,
                format_moment(view.started),
                format_took(view.duration, view.status),
            )
            for view in first
        ]
        more = "<p>Older ones are read when you ask for them.</p>" if self._read_to(_SHOWN + 1) else ""
        return table(("Name", "Status", "Checks", "Started", "Duration"), rows) + more

    def _read_to(self, count: int | None) -> bool:
        """Read up to so many, or all; tell whether there are as many."""
        missing = None if count is None else max(count - len(self._read), 0)
        self._read += itertools.islice(self._rest, missing)
        return count is not None and len(self._read) >= count

    def _is_young(self, view: ExecutionView) -> bool:
        return self._begin is None or view.started >= self._begin

    def _is_wanted(self, view: ExecutionView) -> bool:
        return (
            self._name in (None, view.name)
            and (self._statuses is None or view.status in self._statuses)
            and self._verdict in (None, view.verdicts.outcome or "none")
            and all(view.tags.get(name) == value for name, value in self._tags.items())
        )

    def _columns(self) -> dict[str, list[Any]]:
        views = list(self)
        columns: dict[str, list[Any]] = {name: [getattr(view, name) for view in views] for name in _COLUMNS}
        columns["verdict"] = [view.verdicts.outcome for view in views]
        columns["duration"] = [nanoseconds / 1e9 for nanoseconds in columns["duration"]]
        for tag in dict.fromkeys(tag for view in views for tag in view.tags):
            columns[f"tag:{tag}"] = [view.tags.get(tag) for view in views]
        for metric in dict.fromkeys(metric for view in views for metric in view.metrics):
            columns[f"metric:{metric}"] = [view.metrics.get(metric, (None,))[0] for view in views]
        return columns


def _kind_of(column: str) -> type:
    """Return of what type a column of the table is."""
    if column == "started":
        return int
    return float if column == "duration" or column.startswith("metric:") else str

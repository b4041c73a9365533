"""The spans of an execution as they stood at one moment, ready to be drawn and added up."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from obs_core.assembly.spans import attempts
from obs_core.model import ExecutionView, SpanKind, SpanTable, Status, WorkerView
from obs_core.reading.changes.sides import Operation
from obs_core.reading.why import SpanAtEnd
from obs_core.trace.critical_path import critical_path
from obs_core.trace.tree import SpanTree
from obs_ui.columns import FAILED, KINDS, OF_OBS, OPEN, SpanColumns

__all__ = ["OperationStats", "PathStep", "Trace"]

Ints = NDArray[np.int64]
_NUMBER = re.compile(r"[0-9]+")
_MANY_NAMES = 200
_SPAN_KINDS: tuple[SpanKind, ...] = ("workflow", "task", "operation", "obs")  # in the order of `KINDS`


class OperationStats(Struct, frozen=True):
    """All spans of one name, added up.

    Attributes:
        count: How many there are.
        total: Sum of their durations, nanoseconds.
        own: Sum of the times in which none of their children ran.
        longest: The longest duration.
        longest_row: The span that took it.
        failed: How many failed.
        handled: Of how many of these the exceptions were handled.
        open: How many had not ended when the journal last said something; once the execution is over, the times are
            lower bounds then.
    """

    name: str
    kind: str
    count: int
    total: int
    own: int
    longest: int
    longest_row: int
    failed: int
    handled: int = 0
    open: int = 0


class PathStep(Struct, frozen=True):
    """A part of the critical path.

    Attributes:
        row: The span; of several of one name, the one that contributed most.
        count: How many spans of this name are gathered.
        contribution: Nanoseconds that they contribute.
        open: Whether any of them had not ended when the journal last said something.
    """

    row: int
    name: str
    count: int
    contribution: int
    open: bool = False


class Trace:
    """An execution's spans; nothing in it changes.

    Args:
        columns: What the journal said.
        end: When the execution ended, or now if it goes on: nanoseconds since the epoch.
        status: How the execution stands.

    Attributes:
        workers: Names of the engine's workers that write as one, by the writer's number.
        starts: Nanoseconds since the epoch, by row.
        durations: Nanoseconds; of open spans up to their writer's last sign of life.
        parents: Rows; -1 for row 0, the execution itself.
    """

    def __init__(self, columns: SpanColumns, end: int, status: Status) -> None:
        self.running = status == "running"
        self.names = columns.names
        self.writers = list(columns.writers)
        self.errors = dict(columns.errors)
        self._given = columns.attributes_of
        self._all_attributes = columns.all_attributes
        self.workers_of = columns.workers_of
        self.workers = {writer: tuple(names) for writer, names in columns.workers.items()}
        self.keys = dict(columns.keys)
        self.counted = dict(columns.counted)
        self.starts: Ints = columns["starts"]
        self.durations: Ints = columns["durations"]
        self.process_times: Ints = columns["process_times"]
        self.name_numbers: NDArray[np.int32] = columns["names"]
        self.kinds: NDArray[np.uint8] = columns["kinds"]
        self.flags: NDArray[np.uint8] = columns["flags"]
        self.numbers: Ints = columns["numbers"]
        self.writer_numbers: NDArray[np.int32] = columns["writers"]
        self.flags[0] = {"failed": FAILED, "succeeded": 0}.get(status, OPEN)
        self.parents = columns.parent_rows()
        self._break_circles()
        self._close_open_spans(columns, end)
        self._hang_own_work()

    def __len__(self) -> int:
        return len(self.starts)

    def _close_open_spans(self, columns: SpanColumns, end: int) -> None:
        if not self.starts[0]:
            self.starts[0] = self.starts[1:].min(initial=end)
        self.durations[0] = max(0, end - int(self.starts[0]))
        opened = np.flatnonzero(self.flags & OPEN)
        opened = opened[opened > 0]
        seen = np.array([columns.last_sign_of_life(name) for name in self.writers], np.int64)
        until = np.full(len(opened), end) if self.running else seen[self.writer_numbers[opened]]
        self.durations[opened] = np.maximum(0, until - self.starts[opened])

    def _hang_own_work(self) -> None:
        """Hang what obs did before and after a task's own time below whatever called the task, as obs-core does."""
        rows = self.own_work
        above = self.parents[rows]
        outside = (self.starts[rows] < self.starts[above]) | (self.ends[rows] > self.ends[above])
        moved = outside & (self.kinds[above] == KINDS.index("task"))
        self.parents[rows[moved]] = self.parents[above[moved]]

    def at_the_end(self) -> list[SpanAtEnd]:
        """Return the spans that were open when the execution ended, or that an exception ended, by their start."""
        rows = {*np.flatnonzero(self.flags & OPEN).tolist(), *self.errors} - {0}
        task = KINDS.index("task")
        return [
            SpanAtEnd(
                self.ref(row),
                self.name(row),
                int(self.starts[row]),
                int(self.durations[row]),
                int(self.kinds[row]) == task,
                self.errors.get(row, ""),
                self.ref(int(self.owners[row])),
            )
            for row in sorted(rows, key=lambda row: (int(self.starts[row]), row))
        ]

    def handled_below(self, handled: Iterable[int]) -> Ints:
        """Return the rows of all spans whose exceptions were handled, so that they failed nothing above.

        This is the rule of `obs_core.assembly.failures.handled_spans`, several times as fast: ``test_trace.py`` keeps
        both equal.

        Args:
            handled: The rows of the tasks whose exceptions are known to be handled.
        """
        failed = (self.flags & FAILED) > 0
        failed[0] = False
        known = np.zeros(len(self), bool)
        known[list(handled)] = True
        is_task = self.kinds == KINDS.index("task")
        outermost = np.where(failed & ~is_task & failed[self.parents], self.parents, np.arange(len(self)))
        while True:
            further = outermost[outermost]
            if (further == outermost).all():
                break
            outermost = further
        went_well = (self.flags[self.parents[outermost]] & (FAILED | OPEN)) == 0
        found: Ints = np.flatnonzero(failed & np.where(is_task[outermost], known[outermost], went_well))
        return found

    @functools.cached_property
    def own_work(self) -> Ints:
        """The rows of what obs did itself: drawing, reports, what decorators begin and end."""
        found: Ints = np.flatnonzero(self.flags & OF_OBS)
        return found

    def _break_circles(self) -> None:
        """Hang spans that are their own ancestors on the root: a damaged journal may say so."""
        reached = self.parents.copy()
        for _ in range(len(reached).bit_length() + 1):
            if (reached < 0).all():
                return
            reached = np.where(reached >= 0, reached[np.maximum(reached, 0)], -1)
        self.parents[reached >= 0] = 0

    def table(self, execution: ExecutionView, workers: list[WorkerView]) -> SpanTable:
        """Return the spans as obs-core has them, for what it makes of them: `explain`, and traces for other tools.

        Args:
            execution: What they belong to.
            workers: The workers that took part.
        """
        kinds: list[SpanKind] = [_SPAN_KINDS[kind] for kind in self.kinds.tolist()]
        numbers, writers = self.numbers.tolist(), self.writer_numbers.tolist()
        attributes = self._all_attributes(len(self))
        for row, key in self.keys.items():
            attributes[row] = {"key": key, **attributes.get(row, {})}
        parents, starts = self.parents.tolist(), self.starts.tolist()
        for row, attempt in attempts(self.keys, parents, starts, attributes).items():
            attributes[row]["attempt"] = attempt
            attributes[row].pop("again", None)
        own = {} if execution.error is None else {0: execution.error.partition(":")[0]}
        return SpanTable(
            execution,
            ids=[f"{self.writers[writer]}.{number}" for writer, number in zip(writers, numbers, strict=True)],
            parents=parents,
            names=[self.names[number] for number in self.name_numbers.tolist()],
            kinds=kinds,
            starts=starts,
            durations=self.durations.tolist(),
            process_times=self.process_times.tolist(),
            errors=self.errors | own,
            attributes=attributes,
            open=set(np.flatnonzero(self.flags & OPEN).tolist()),
            keys=self.keys,
            counted=self.counted,
            workers=workers,
        )

    def attributes_of(self, row: int) -> dict[str, Any]:
        """Return a span's attributes; none if it has none."""
        given = self._given(row)
        if given.pop("again", False):
            same = {one: key for one, key in self.keys.items() if key == given.get("key")}
            known = {one: self._given(one) for one in same}
            given["attempt"] = attempts(same, self.parents.tolist(), self.starts.tolist(), known).get(row, 1)
        return given

    def status(self, row: int) -> Status:
        """Return how a span stands."""
        flags = int(self.flags[row])
        if flags & FAILED:
            return "failed"
        if not flags & OPEN:
            return "succeeded"
        return "running" if self.running else "lost"

    def name(self, row: int) -> str:
        """Return what was done."""
        name: str = self.names[self.name_numbers[row]]
        return name

    def ref(self, row: int) -> str:
        """Return ``"<writer>.<number>"``."""
        return f"{self.writers[self.writer_numbers[row]]}.{self.numbers[row]}"

    def kind(self, row: int) -> str:
        """Return ``"workflow"``, ``"task"``, ``"operation"`` or ``"obs"``."""
        return KINDS[self.kinds[row]]

    @property
    def size(self) -> int:
        """How many spans there are, as `explain` counts them: those that are only counted, but not obs's own work."""
        return int(self.stands_for.sum()) - len(self.own_work)

    @property
    def start(self) -> int:
        """When its first span started."""
        return int(self.starts.min())

    @functools.cached_property
    def end(self) -> int:
        """When its last span ended."""
        return int(self.ends.max())

    @functools.cached_property
    def ends(self) -> Ints:
        """When each span ended."""
        return self.starts + self.durations

    @functools.cached_property
    def depths(self) -> NDArray[np.int32]:
        """How many spans are above each."""
        depths = (self.parents >= 0).astype(np.int32)
        jump = self.parents.copy()
        while (jump >= 0).any():
            safe = np.maximum(jump, 0)
            depths += np.where(jump >= 0, depths[safe], 0)
            jump = np.where(jump >= 0, jump[safe], -1)
        return depths

    @functools.cached_property
    def own_times(self) -> Ints:
        """Nanoseconds in which a span ran and none of its children did."""
        own = self._own_times(self.starts, self.ends)
        for row, counted in self.counted.items():
            own[row] = counted.total
        return own

    @functools.cached_property
    def own_times_within(self) -> Ints:
        """The same as far as it lies within the time of the execution, as `explain` adds it up."""
        outside = self.outside
        if not outside.any():
            return self.own_times
        start, end = self.starts[0], self.ends[0]
        own = self._own_times(np.maximum(self.starts, start), np.minimum(self.ends, end))
        for row, counted in self.counted.items():
            own[row] = counted.total - int(outside[row]) * counted.total // max(1, int(self.durations[row]))
        return own

    @functools.cached_property
    def outside(self) -> Ints:
        """For how many nanoseconds each span ran before or after the execution; one that runs has no end."""
        if self.running:
            return np.zeros(len(self), np.int64)
        within = np.minimum(self.ends, self.ends[0]) - np.maximum(self.starts, self.starts[0])
        found: Ints = self.durations - np.maximum(within, 0)
        return found

    def _own_times(self, all_starts: Ints, all_ends: Ints) -> Ints:
        own: Ints = np.maximum(all_ends - all_starts, 0)
        order = np.lexsort((all_starts, self.parents))[1:]  # row 0 has no parent and comes first
        if not len(order):
            return own
        parents = self.parents[order]
        starts = np.maximum(all_starts[order], all_starts[parents])
        ends = np.minimum(all_ends[order], all_ends[parents])
        begun = starts.copy()
        overlap = (parents[1:] == parents[:-1]) & (starts[1:] < ends[:-1])
        if overlap.any():  # where children ran side by side, a time counts once
            crowded = np.flatnonzero(np.isin(parents, parents[1:][overlap]))
            covered = _running_maximum(ends[crowded], parents[crowded])
            later, earlier = crowded[1:], crowded[:-1]
            same = parents[later] == parents[earlier]
            begun[later[same]] = np.maximum(starts[later], covered[:-1])[same]
        np.subtract.at(own, parents, np.maximum(0, ends - begun))
        return np.maximum(own, 0, out=own)

    @functools.cached_property
    def owners(self) -> NDArray[np.int32]:
        """The task in which each span ran, of a task itself; 0 for the execution."""
        owners = np.where(self.kinds == KINDS.index("operation"), self.parents, np.arange(len(self), dtype=np.int32))
        while True:
            further = owners[owners]
            if (further == owners).all():
                return owners.astype(np.int32)
            owners = further

    def enclosing_task(self, row: int) -> int:
        """Return the task that called one; 0 for the execution itself."""
        return int(self.owners[self.parents[row]]) if row else 0

    def operations_in(self, row: int, most: int = 2_000) -> Ints:
        """Return the longest operations of a task, without those of the tasks that it called, by start."""
        own = np.flatnonzero((self.owners == row) & (self.kinds == KINDS.index("operation")))
        if len(own) > most:
            own = own[np.argpartition(-self.durations[own], most)[:most]]
        found: Ints = own[np.argsort(self.starts[own], kind="stable")]
        return found

    def operations(self, most: int = 100, handled: Ints | None = None) -> list[OperationStats]:
        """Return the operations in which most time was spent, by the time that is their own.

        Args:
            most: How many at most.
            handled: The rows of spans whose exceptions were handled.
        """
        if len(self) < 2:
            return []
        families, numbers = self._families()
        numbers = numbers[1:]
        count = _sums(numbers, np.where(self.flags[1:] & OF_OBS, 0, self.stands_for[1:]), len(families))
        own = _sums(numbers, self.own_times_within[1:], len(families))
        total = _sums(numbers, self.ran_for[1:], len(families))
        failed = np.bincount(numbers, (self.flags[1:] & FAILED) > 0, len(families))
        went_on = np.bincount(numbers[:0] if handled is None else numbers[handled - 1], minlength=len(families))
        still_open = np.bincount(numbers, (self.flags[1:] & OPEN) > 0, len(families))
        longest = self._longest(numbers, len(families))
        foremost = [one for one in np.argsort(-own, kind="stable")[:most] if count[one]]
        return [
            OperationStats(
                families[one],
                self.kind(longest[one]),
                int(count[one]),
                int(total[one]),
                int(own[one]),
                int(self._longest_of_each[longest[one]]),
                int(longest[one]),
                int(failed[one]),
                int(went_on[one]),
                int(still_open[one]),
            )
            for one in foremost
        ]

    @functools.cached_property
    def sums(self) -> dict[tuple[bool, str], Operation]:
        """All spans but obs's own work added up by whether they are tasks, and by name: what is compared of times."""
        rows = np.flatnonzero((self.flags & OF_OBS) == 0)[1:]
        tasks = self.kinds[rows] == KINDS.index("task")
        keys = self.name_numbers[rows].astype(np.int64) * 2 + tasks
        found, first, places = np.unique(keys, return_index=True, return_inverse=True)
        totals = _sums(places, self.ran_for[rows], len(found))
        counts = _sums(places, self.stands_for[rows], len(found))
        owners = self.owners[rows[first]]
        return {
            (bool(key % 2), self.names[key // 2]): Operation(total, count, self.name(owner) if owner else "")
            for key, total, count, owner in zip(
                found.tolist(), totals.tolist(), counts.tolist(), owners.tolist(), strict=True
            )
        }

    @functools.cached_property
    def ran_for(self) -> Ints:
        """How long each row ran: its duration, or the sum of those that it stands for."""
        return self._of_counted("total")

    @functools.cached_property
    def stands_for(self) -> Ints:
        """How many operations each row stands for: one, but for those that count several."""
        counts = np.ones(len(self), np.int64)
        for row, counted in self.counted.items():
            counts[row] = counted.count
        return counts

    @functools.cached_property
    def _longest_of_each(self) -> Ints:
        """The duration of each row, or the longest of those that it stands for."""
        return self._of_counted("longest")

    def _of_counted(self, what: str) -> Ints:
        if not self.counted:
            return self.durations
        times: Ints = self.durations.copy()
        for row, counted in self.counted.items():
            times[row] = getattr(counted, what)
        return times

    def _longest(self, numbers: NDArray[np.int32], families: int) -> Ints:
        """Return the row of the longest span of each family."""
        order = np.argsort(self._longest_of_each[1:], kind="stable")
        rows = np.zeros(families, np.int64)
        rows[numbers[order]] = order + 1
        return rows

    def _families(self) -> tuple[list[str], NDArray[np.int32]]:
        """Return the names under which spans are added up, and which of them each span has."""
        if len(self.names) <= _MANY_NAMES:
            return self.names, self.name_numbers
        families: dict[str, int] = {}
        of_name = [families.setdefault(_NUMBER.sub("#", name), len(families)) for name in self.names]
        return list(families), np.array(of_name, np.int32)[self.name_numbers]

    @functools.cached_property
    def _by_parent(self) -> tuple[Ints, Ints]:
        """Return all rows but the first by parent and latest end, and where each parent's children begin."""
        order = np.lexsort((-self.ends, self.parents))[1:]
        return order, np.searchsorted(self.parents[order], np.arange(len(self) + 1))

    def children(self, row: int) -> list[int]:
        """Return the spans directly below one, the one that ended last first."""
        order, begins = self._by_parent
        found: list[int] = order[begins[row] : begins[row + 1]].tolist()
        return found

    def critical_path(self, most: int = 40) -> list[PathStep]:
        """Return the chain of spans that determined when the execution ended.

        Returns:
            Spans of one name gathered, in the order in which they first come in the chain; those that contribute most,
            if there are more than `most`. All contributions add up to the duration of the execution.
        """
        rows, parts = self._chain_of_operations() if self.keys or self.counted else self._chain()
        names = self.name_numbers[rows]
        count = np.bincount(names, minlength=len(self.names))
        total = _sums(names, parts, len(self.names))
        order = np.argsort(parts, kind="stable")
        foremost = np.zeros(len(self.names), np.int64)
        foremost[names[order]] = rows[order]
        first = np.full(len(self.names), np.iinfo(np.int64).max)
        np.minimum.at(first, names, self.starts[rows])
        chosen = [one for one in np.argsort(-total, kind="stable")[:most] if total[one] > 0]
        chosen.sort(key=lambda one: first[one])
        still_open = np.bincount(names, (self.flags[rows] & OPEN) > 0, len(self.names)) > 0
        return [
            PathStep(int(foremost[one]), self.names[one], int(count[one]), int(total[one]), bool(still_open[one]))
            for one in chosen
        ]

    def _chain_of_operations(self) -> tuple[Ints, Ints]:
        """Do the same where an engine ran operations, which hold up what waits for them: as `explain` does.

        Such traces are bounded, so that they need not be gone through by whole columns.
        """
        table = SpanTable(
            ExecutionView("", "", "succeeded", int(self.starts[0]), int(self.durations[0])),
            ids=[""] * len(self),
            parents=self.parents.tolist(),
            names=[""] * len(self),
            kinds=["operation"] * len(self),
            starts=self.starts.tolist(),
            durations=self.durations.tolist(),
            process_times=[0] * len(self),
            keys=self.keys,
            counted=self.counted,
        )
        rows, parts = zip(*critical_path(SpanTree(table), 0), strict=True)
        return np.array(rows, np.int64), np.array(parts, np.int64)

    def _chain(self) -> tuple[Ints, Ints]:
        """Walk back from the end: through the child that finished last, then what had finished before it.

        Returns:
            The rows of the chain, and what each contributes.
        """
        rows, parts = [], []
        order, firsts = self._by_parent
        level, begins, reached = np.zeros(1, np.int64), self.starts[:1], self.ends[:1]
        while len(level):
            children, owners = _children_of(level, order, firsts)
            starts = np.maximum(self.starts[children], begins[owners])
            ends = np.minimum(self.ends[children], reached[owners])
            kept = _in_chain(starts, ends, owners)
            children, owners, starts, ends = children[kept], owners[kept], starts[kept], ends[kept]
            rows.append(level)
            parts.append(reached - begins - _sums(owners, ends - starts, len(level)))
            level, begins, reached = children, starts, ends
        return np.concatenate(rows), np.concatenate(parts)


def _children_of(parents: Ints, order: Ints, firsts: Ints) -> tuple[Ints, Ints]:
    """Return the children of spans, one span's behind the other's, and for each which of the spans is its parent."""
    counts = firsts[parents + 1] - firsts[parents]
    owners = np.repeat(np.arange(len(parents)), counts)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[firsts[parents][owners] + within], owners


def _in_chain(starts: Ints, ends: Ints, owners: Ints) -> NDArray[np.bool_]:
    """Choose, going back in time, the last child that had finished when the one chosen before it started.

    Args:
        starts: When the children started, those of one parent together, the one that ended last first.
        ends: When they ended.
        owners: Which of them have the same parent.
    """
    kept = starts < ends
    indexes = np.flatnonzero(kept)
    of_one = owners[indexes][1:] == owners[indexes][:-1]
    overlap = of_one & (ends[indexes][1:] > starts[indexes][:-1])
    crowded = indexes[np.isin(owners[indexes], owners[indexes][1:][overlap])]  # where children ran side by side
    owner, reached = -1, 0
    for index, its_owner, start, end in zip(
        crowded.tolist(), owners[crowded].tolist(), starts[crowded].tolist(), ends[crowded].tolist(), strict=True
    ):
        kept[index] = its_owner != owner or end <= reached
        if kept[index]:
            owner, reached = its_owner, start
    return kept


def _sums(groups: NDArray[Any], values: Ints, count: int) -> Ints:
    sums = np.zeros(count, np.int64)
    np.add.at(sums, groups, values)
    return sums


def _running_maximum(values: Ints, groups: NDArray[np.int32]) -> Ints:
    """Return the largest value so far within each group; equal groups stand together."""
    ordered, ranks = np.unique(values, return_inverse=True)
    sequence = np.concatenate(([0], np.cumsum(groups[1:] != groups[:-1])))
    keys = sequence * len(ordered) + ranks
    largest: Ints = ordered[np.maximum.accumulate(keys) - sequence * len(ordered)]
    return largest

"""What is usual: times, metrics and outputs of the good executions before one, read as far as they are needed."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from obs_core.assembly.decks import DeckAssembly
from obs_core.assembly.summary import read_summary
from obs_core.assembly.writers import Writer
from obs_core.journal.reader import chosen, decode, read_segments, segment_names, writer_of
from obs_core.journal.records import DeckBlob, DeckItems, DeckMade, Output, Params, SpanRecord, TaskEnd, TaskStart
from obs_core.model import ExecutionView
from obs_core.reading.inputs import arguments_in
from obs_core.reading.usual import RUNS_LOOKED_AT, is_good
from obs_core.report.arguments import INPUT
from obs_core.store.base import Store
from obs_core.store.paths import EXECUTIONS, sums_path

__all__ = ["FEWEST_THAT_VARY", "Earlier", "EarlierRun", "PastRuns", "content_key", "earlier_runs", "last_good"]

_T = TypeVar("_T")

_MOST_LOOKED_AT = {True: 400, False: 25}
"""Earlier executions that are looked at, in a folder and in a shared store: each costs a read."""

_MOST_BYTES = 64 * 1024 * 1024
"""Lines of earlier executions that are looked through: about half a second."""

FEWEST_THAT_VARY = 3
"""Earlier executions that must all differ before something is said to be another one each time."""

_MOST_HELD = 2_000
"""Executions of which is kept what was read of them; those kept first are let go."""

_LARGE = 256 * 1024
"""Bytes of lines of an execution from which what was read of it is kept for the next time."""

_WANTED = (
    *(b'["span"', b'["task"', b'["task-end"', b'["output"', b'["params"'),
    *(b'["deck"', b'["items"', b'["blob"'),  # what tasks were called with stands in decks
)


class EarlierRun(Struct):
    """What was read of an earlier execution.

    Attributes:
        times: Nanoseconds by operation; tasks have their own entries, see `Side.operations`.
        outputs: What tells what a task returned from anything else, by the task's name and which call it was.
        params: Named values as text, by task and name.
        inputs: What tells an argument from any other value, of each call of a task in their order, by the task's name
            and its own; empty where a call has none.
    """

    times: dict[tuple[bool, str], int] = field(default_factory=dict)
    outputs: dict[tuple[str, int], str] = field(default_factory=dict)
    params: dict[tuple[str, str], str] = field(default_factory=dict)
    inputs: dict[tuple[str, str], list[str]] = field(default_factory=dict)


class Earlier(Struct):
    """The good executions of the same name before one, the newest first.

    Attributes:
        views: They, as lists show them.
        runs: What was read of the newest of them; of fewer if they are large.
    """

    views: list[ExecutionView] = field(default_factory=list)
    runs: list[EarlierRun] = field(default_factory=list)

    def durations(self) -> list[int]:
        """Return how long the executions took, in nanoseconds."""
        return [view.duration for view in self.views]

    def times(self, operation: tuple[bool, str], fold: bool) -> list[int]:
        """Return how long an operation took in each execution that has it, in nanoseconds.

        Args:
            operation: As in `EarlierRun.times`.
            fold: Whether names are taken without their numbers.
        """
        seen = []
        for run in self.runs:
            if fold:
                own = [time for (task, name), time in run.times.items() if (task, folded(name)) == operation]
                seen += [sum(own)] if own else []
            elif operation in run.times:
                seen.append(run.times[operation])
        return seen

    def metric(self, name: str) -> list[float]:
        """Return the last value of a metric in each execution that has it."""
        last = [view.metrics[name][0] for view in self.views if name in view.metrics]
        return [value for value in last if value is not None]

    def output_varies(self, call: tuple[str, int]) -> bool:
        """Tell whether a call returned something else each time."""
        seen = [run.outputs[call] for run in self.runs if call in run.outputs]
        return len(seen) >= FEWEST_THAT_VARY and len(set(seen)) == len(seen)

    def parameter_varies(self, task: str, name: str, fewest: int = FEWEST_THAT_VARY) -> bool:
        """Tell whether a parameter was another one each time, of so many executions at least."""
        seen = [run.params[task, name] for run in self.runs if (task, name) in run.params]
        return len(seen) >= fewest and len(set(seen)) == len(seen)

    def calls_that_vary(self, task: str, argument: str, fewest: int = FEWEST_THAT_VARY) -> set[int]:
        """Return which calls of a task, from 1 on, had an argument that no call had in any other run.

        Calls side by side may come in another order each time: what another run has too does not vary.

        Args:
            task: The task's name.
            argument: The argument's name.
            fewest: Earlier executions that must all differ.
        """
        seen = [run.inputs[task, argument] for run in self.runs if (task, argument) in run.inputs]
        runs_with = Counter(itertools.chain.from_iterable(map(set, seen)))
        found = set()
        for number, column in enumerate(itertools.zip_longest(*seen, fillvalue=""), 1):
            given = [value for value in column if value]
            if len(given) >= fewest and all(runs_with[value] == 1 for value in given):
                found.add(number)
        return found


_NUMBER = re.compile(r"[0-9]+")


def folded(name: str) -> str:
    """Return a name without its numbers: ``"fold 3"`` and ``"fold 4"`` are one operation."""
    return _NUMBER.sub("#", name)


class PastRuns:
    """The good executions of the same name before one: each is read once, however many are compared with it.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._views: dict[str, ExecutionView] = {}
        self._runs: dict[str, EarlierRun] = {}
        self._lock = threading.Lock()

    def last_good(self, view: ExecutionView) -> ExecutionView | None:
        """Return the last good execution before one, with no failed check; None if none is near."""
        return next(self._good_ones(view), None)

    def before(self, view: ExecutionView, most: int = RUNS_LOOKED_AT, room: int | None = None) -> Earlier:
        """Return the good executions before one.

        Args:
            view: The execution.
            most: How many at most.
            room: Bytes of their lines that are read at most.
        """
        found, room = Earlier(), _MOST_BYTES if room is None else room
        found.views = list(itertools.islice(self._good_ones(view), most))
        for one in found.views:
            run = self._runs.get(one.id)
            if run is None:
                run, read = self._read(one.id, room)
                room -= read
            if run is not None:
                self._hold(self._runs, one.id, run)
                found.runs.append(run)
        return found

    def _good_ones(self, view: ExecutionView) -> Iterator[ExecutionView]:
        """Yield the good ones of the same name, the newest first."""
        earlier = [one for one in self._store.names(EXECUTIONS) if one < view.id]
        for execution_id in reversed(earlier[-_MOST_LOOKED_AT[self._store.local] :]):
            found = self._summary(execution_id)
            if found is not None and found.name == view.name and is_good(found):
                yield found

    def _summary(self, execution_id: str) -> ExecutionView | None:
        found = self._views.get(execution_id) or read_summary(self._store, execution_id)
        if found is not None and found.status in ("succeeded", "failed"):  # all others may change
            self._hold(self._views, execution_id, found)
        return found

    def _hold(self, held: dict[str, _T], execution_id: str, value: _T) -> None:
        with self._lock:
            if execution_id not in held and len(held) >= _MOST_HELD:
                del held[next(iter(held))]
            held[execution_id] = value

    def _read(self, execution_id: str, room: int) -> tuple[EarlierRun | None, int]:
        """Read an execution unless its lines take more room than is left; returns how much they took, too."""
        paths = segment_names(self._store, execution_id)
        size = sum(_size_of(self._store, path) for path in paths)
        kept = _kept(self._store, execution_id) if size > _LARGE else None
        if kept is not None or size > room:
            return kept, 0
        run = _read(self._store, paths)
        if size > _LARGE:
            _keep(self._store, execution_id, run)
        return run, size


def last_good(store: Store, view: ExecutionView) -> ExecutionView | None:
    """Return the last good execution of the same name before one, with no failed check; None if none is near."""
    return PastRuns(store).last_good(view)


def earlier_runs(store: Store, view: ExecutionView, most: int = RUNS_LOOKED_AT, room: int | None = None) -> Earlier:
    """Read the good executions of the same name before one.

    Args:
        store: Where they are kept.
        view: The execution.
        most: How many at most.
        room: Bytes of their lines that are read at most.
    """
    return PastRuns(store).before(view, most, room)


def _size_of(store: Store, path: str) -> int:
    """Return about how many bytes of lines a segment has."""
    return store.size_of(path) * (_PACKED if path.endswith(".gz") else 1)


_PACKED = 5
"""How much smaller lines are once they are compressed, about."""


class _Kept(Struct, array_like=True):
    """An `EarlierRun` as it is kept: what has been added up once need not be read again."""

    times: list[tuple[bool, str, int]]
    outputs: list[tuple[str, int, str]]
    params: list[tuple[str, str, str]]
    inputs: list[tuple[str, str, list[str]]]


def _kept(store: Store, execution_id: str) -> EarlierRun | None:
    try:
        kept = msgspec.json.decode(store.get(sums_path(execution_id)), type=_Kept)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return EarlierRun(
        {(task, name): total for task, name, total in kept.times},
        {(name, number): key for name, number, key in kept.outputs},
        {(task, name): value for task, name, value in kept.params},
        {(task, name): values for task, name, values in kept.inputs},
    )


def _keep(store: Store, execution_id: str, run: EarlierRun) -> None:
    kept = _Kept(
        [(*key, total) for key, total in run.times.items()],
        [(*key, content) for key, content in run.outputs.items()],
        [(*key, value) for key, value in run.params.items()],
        [(*key, values) for key, values in run.inputs.items()],
    )
    with contextlib.suppress(OSError):  # whoever may only read the store adds it up again
        store.put(sums_path(execution_id), msgspec.json.encode(kept))


def _read(store: Store, paths: Sequence[str]) -> EarlierRun:
    """Read what is compared of one execution; the numbers and names of its spans are added up, and no span is kept."""
    found = EarlierRun()
    names: dict[str, str] = {}
    starts: list[tuple[int, str, str]] = []
    durations: dict[str, int] = {}
    outputs: list[Output] = []
    params: list[tuple[str, Params]] = []
    output_writers: list[str] = []
    decks = DeckAssembly()
    counted: dict[tuple[str, int], tuple[str, int]] = {}
    times = found.times
    for path, lines in read_segments(store, paths):
        writer, epoch = writer_of(path), 0
        for record in decode(chosen(lines, _WANTED)):
            if type(record) is SpanRecord:
                if record.kind == "obs":
                    continue
                if record.counted is not None:
                    counted[writer, record.number] = record.name, record.counted[1]
                    continue
                key = (False, record.name)
                times[key] = times.get(key, 0) + record.duration
            elif type(record) is TaskStart:
                ref = f"{writer}.{record.number}"
                names[ref] = record.name
                starts.append((record.start + epoch, ref, record.name))
            elif type(record) is TaskEnd:
                durations[f"{writer}.{record.number}"] = record.duration
            elif type(record) is DeckMade:
                decks.take_deck(Writer(writer, epoch), record)
            elif type(record) is DeckItems:
                if decks.name_of(Writer(writer, epoch), record.deck) == INPUT:
                    decks.take_items(Writer(writer, epoch), record)
            elif type(record) is DeckBlob:
                if decks.name_of(Writer(writer, epoch), record.deck) == INPUT:
                    decks.take_blob(Writer(writer, epoch), record)
            elif type(record) is Output:
                outputs.append(record)
                output_writers.append(writer)
            elif type(record) is Params:
                params.append((writer, record))
            elif hasattr(record, "clock"):
                epoch = record.clock
    for name, total in counted.values():
        times[False, name] = times.get((False, name), 0) + total
    for ref, duration in durations.items():
        if ref in names:
            times[True, names[ref]] = times.get((True, names[ref]), 0) + duration
    calls = numbered(ref_name for ref_name in sorted(starts))
    for writer, output in zip(output_writers, outputs, strict=True):
        ref = output.task if isinstance(output.task, str) else f"{writer}.{output.task}"
        if ref in calls:
            found.outputs[calls[ref]] = content_key(output)
    for writer, record in params:
        ref = record.task if isinstance(record.task, str) else f"{writer}.{record.task}"
        found.params.update({(names.get(ref, ""), name): str(value) for name, value in record.values.items()})
    _add_inputs(found, calls, decks)
    return found


def _add_inputs(found: EarlierRun, calls: dict[str, tuple[str, int]], decks: DeckAssembly) -> None:
    for ref, of_task in decks.by_task().items():
        task, number = calls.get(ref, ("", 0))
        for argument in arguments_in(of_task) if number else ():
            values = found.inputs.setdefault((task, argument.name), [])
            values += [""] * (number - len(values))
            key = "\0".join(argument.key).encode("utf-8", "surrogatepass")
            values[number - 1] = hashlib.sha256(key).hexdigest()[:32]


def numbered(starts: Iterable[tuple[int, str, str]]) -> dict[str, tuple[str, int]]:
    """Return for each task its name and which call of that name it was, by its id.

    Args:
        starts: When each started, its id and its name, in that order.
    """
    found: dict[str, tuple[str, int]] = {}
    counts: dict[str, int] = {}
    for _, ref, name in starts:
        counts[name] = count = counts.get(name, 0) + 1
        found[ref] = name, count
    return found


def content_key(output: Output) -> str:
    """Return what is the same for the same content: the text, or the name of the file, which is a hash."""
    content = output.text if output.text is not None else (output.path or "").rpartition("/")[2]
    return f"{output.transformer}\0{content}"

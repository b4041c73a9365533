"""Compare an execution with another one: by default with the last good one of its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Set

from obs_core.failsafe import strict
from obs_core.interruptions import let_pass
from obs_core.model import ExecutionView
from obs_core.provenance import command_name
from obs_core.reading.changes import calls, code, said, surroundings
from obs_core.reading.changes.change import Change
from obs_core.reading.changes.earlier import Earlier, PastRuns, earlier_runs, last_good
from obs_core.reading.changes.reading import read_side
from obs_core.reading.changes.result import Changes
from obs_core.reading.changes.sides import Side
from obs_core.reading.changes.times import changed_times
from obs_core.store.base import Store
from obs_core.text.bounded_repr import describe_error

__all__ = ["PastRuns", "causes", "compare", "last_good"]


def compare(
    after: Side,
    before: Side | None = None,
    *,
    read: Callable[[Store, str], Side] = read_side,
    earlier: Callable[[Store, ExecutionView], Earlier] = earlier_runs,
) -> Changes:
    """Tell what changed between two executions, the most telling first.

    Args:
        after: The execution.
        before: The one it is compared with. Default: the last good one of its name before it.
        read: Reads that one. Default: from its store.
        earlier: Reads what is usual.
    """
    found = Changes(execution=after.view, chosen=before is not None)
    if before is None:
        good = last_good(after.store, after.view)
        if good is None:
            found.unknown.append(
                f"There is no earlier good execution of {after.view.name!r} to compare with: none that succeeded"
                f" without a failed check. {command_name()} diff ID OTHER compares any two."
            )
            return found
        before = read(after.store, good.id)
    found.other = before.view
    usual = earlier(after.store, after.view)
    found.earlier = [view.id for view in usual.views]
    _Comparison(found, before, after, usual).run()
    found.found = _ordered([*calls.told_once(found.found)])
    return found


_FEW = 6
"""Changes of one kind that stand where their weight puts them."""

_BEHIND = 40


def _ordered(found: list[Change]) -> list[Change]:
    """Put the most telling first; of very many of one kind, all but a few stand behind those of other kinds."""
    counts: Counter[str] = Counter()
    ranked = []
    for change in sorted(found, key=lambda change: -change.weight):
        counts[change.kind] += 1
        ranked.append((change.weight - (_BEHIND if counts[change.kind] > _FEW else 0), change))
    ranked.sort(key=lambda one: -one[0])
    return [change for _, change in ranked]


def causes(before: Side, after: Side, usual: Earlier) -> list[Change]:
    """Return what may have made an execution end in another way: what it was given, its code, what is installed.

    What the heads of both tell (commit, command, tags, host, user, Python) is not among them.

    Args:
        before: An earlier execution.
        after: The execution.
        usual: Some of the good ones before it.
    """
    old, new = surroundings.described(before), surroundings.described(after)
    found = [
        *calls.changed_parameters(before, after, usual),
        *filter(None, calls.changed_inputs(before, after, usual)),
        *filter(None, calls.changed_profiles(before, after)),
        *code.changed_sources(before, after)[0],
        *(one for one in surroundings.changed_dependencies(before, after, old, new) if one.what not in _IN_HEADS),
        *(one for one in surroundings.changed_machine(before, after, old, new) if one.what not in _IN_HEADS),
    ]
    return sorted(found, key=lambda change: -change.weight)


def _never_the_same(_: Side) -> Set[object]:
    """Times never are: how many vary as usual is told in a sentence of its own."""
    return set()


_IN_HEADS = ("Python", "obs-core", "host", "user")


class _Comparison:
    """One comparison while it is made: what one part of it cannot do leaves the others as they are."""

    def __init__(self, found: Changes, before: Side, after: Side, usual: Earlier) -> None:
        self.found, self.before, self.after, self.usual = found, before, after, usual
        self._lacking: list[str] = []

    def run(self) -> None:
        before, after, usual = self.before, self.after, self.usual
        old, new = surroundings.described(before), surroundings.described(after)
        both_described = {"installed"} if old and new else set()
        self._add("status", lambda: calls.changed_status(before, after))
        self._add("tasks", lambda: calls.changed_tasks(before, after), calls.tasks_of)
        self._add("checks", lambda: calls.changed_checks(before, after), calls.checks_of)
        self._add("times", self._times, _never_the_same)
        self._add("parameters", lambda: calls.changed_parameters(before, after, usual), calls.parameters_of)
        self._add("inputs", lambda: calls.changed_inputs(before, after, usual), calls.inputs_of)
        self._add("outputs", self._outputs, calls.outputs_of)
        self._add("metrics", self._metrics, calls.metrics_of)
        self._add("data profiles", lambda: calls.changed_profiles(before, after), calls.profiles_of)
        self._add("warnings and errors", lambda: said.changed_logs(before, after))
        self._add("sources", self._sources, code.sources_of)
        self._add("commit", self._commit)
        self._add(
            "dependencies",
            lambda: surroundings.changed_dependencies(before, after, old, new),
            lambda _: both_described,
        )
        self._add("command and tags", lambda: surroundings.changed_command(before, after))
        self._add("machine", lambda: surroundings.changed_machine(before, after, old, new))
        self._add("engine", lambda: surroundings.changed_engine(before, after), surroundings.workers_of)
        if self._lacking:
            self.found.unknown.append(
                f"Not all compared: {', '.join(self._lacking)}. One execution has some that the other lacks."
            )
        if not old or not new:
            lacking = "neither execution recorded" if not old and not new else "one of the executions did not record"
            self.found.unknown.append(
                f"Dependencies, CPUs and memory were not compared: {lacking} them (too short or too old, or killed)."
            )

    def _add(
        self,
        what: str,
        changes: Callable[[], Iterable[Change | None]],
        parts: Callable[[Side], Set[object]] | None = None,
    ) -> None:
        """Compare one kind of thing; it is called the same only if both executions have it, and the same parts of it.

        Args:
            what: What it is called.
            changes: Compares it. None among them stands for something that differs and is not told.
            parts: Tells what an execution has of it. Default: both always have all of it.
        """
        told = len(self.found.unknown)
        try:
            made = list(changes())
            has, had = (parts(self.after), parts(self.before)) if parts is not None else ({what}, {what})
        except Exception as error:
            let_pass(error)
            if strict():
                raise
            self.found.unknown.append(f"The {what} could not be compared: {describe_error(error)}.")
            return
        self.found.found += filter(None, made)
        if made or len(self.found.unknown) > told:
            return
        if has != had:
            self._lacking.append(what)
        elif has:
            self.found.same.append(what)

    def _times(self) -> list[Change]:
        found, usual = changed_times(self.before, self.after, self.usual)
        self.found.usual += usual
        read, known = len(self.usual.runs), len(self.usual.views)
        if read < known:
            self.found.unknown.append(
                f"{read} of {known} earlier good runs tell what is usual of times: the others are too large to read"
                " at once. Each comparison reads some more."
            )
        if not known:
            self.found.unknown.append("There are no earlier good runs, so it is not known what is usual.")
        return found

    def _outputs(self) -> list[Change]:
        if calls.outputs_are_not_kept(self.before, self.after):
            self.found.unknown.append("What tasks returned was not compared: it is not kept in both executions.")
        return list(calls.changed_outputs(self.before, self.after, self.usual))

    def _metrics(self) -> list[Change | None]:
        found, usual = calls.changed_metrics(self.before, self.after, self.usual)
        self.found.usual += usual
        return [*found, *[None] * usual]

    def _sources(self) -> list[Change]:
        found, compared = code.changed_sources(self.before, self.after)
        kept = len(code.sources_of(self.before) & code.sources_of(self.after))
        if not compared and self.after.tasks:
            self.found.unknown.append("The tasks' sources were not compared: they are not kept in both executions.")
        elif compared < kept:
            self.found.unknown.append(f"The sources of {compared:,} of {kept:,} tasks were compared.")
        return found

    def _commit(self) -> list[Change]:
        change, unknown = code.changed_commit(self.before, self.after)
        if unknown:
            self.found.unknown.append(unknown)
        return [] if change is None else [change]

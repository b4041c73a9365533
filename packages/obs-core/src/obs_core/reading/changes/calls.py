"""What tasks were called with, how they ended, and what came of them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Set
from itertools import zip_longest

import msgspec
from msgspec import structs

from obs_core.assembly.metrics import CollectedMetric
from obs_core.interruptions import let_pass
from obs_core.journal.points import unpacked
from obs_core.journal.reader import unpacked as content_unpacked
from obs_core.journal.records import Artifact, Output
from obs_core.model import TaskView, Verdict
from obs_core.outcomes import worst_first
from obs_core.reading.changes.change import Change, Sureness
from obs_core.reading.changes.earlier import Earlier, content_key
from obs_core.reading.changes.parts import differences
from obs_core.reading.changes.sides import Side
from obs_core.reading.inputs import Argument, arguments_of, text_of_item
from obs_core.reading.usual import OF_METRICS, usual
from obs_core.store.base import Store
from obs_core.text.alike import alike_at_first
from obs_core.text.numbers import statistic, told_apart
from obs_core.text.terminal import cut
from obs_core.transformers import transformer_named

__all__ = [
    "changed_checks",
    "changed_inputs",
    "changed_metrics",
    "changed_outputs",
    "changed_parameters",
    "changed_profiles",
    "changed_status",
    "changed_tasks",
    "checks_of",
    "inputs_of",
    "metrics_of",
    "outputs_are_not_kept",
    "outputs_of",
    "parameters_of",
    "profiles_of",
    "tasks_of",
    "told_once",
]

_MOST_TOLD = 20
_MOST_CALLS = 5_000
"""Calls of one task whose arguments are compared."""

_MOST_READ = 200
"""Inputs and outputs that are read: all others are compared by their hashes alone."""

_LONGEST = 200
_IN_BLOBS = re.compile(r"executions/[\w-]+/blobs/[\w.]+", re.ASCII)
_LARGEST = 4 * 1024 * 1024
"""Bytes of an output that is compared part by part."""


# How it ended


def changed_status(before: Side, after: Side) -> Iterator[Change | None]:
    """Tell whether the execution ended in another way; None if it has not ended."""
    was, now = before.view, after.view
    if now.status == "running":
        yield None
    elif was.status != now.status or was.error != now.error:
        in_task = any(task.error == now.error for task in after.tasks)  # which then tells where
        place = "" if in_task else _raised_at(after, after.assembly.root_id)
        yield Change(
            kind="status",
            what=now.name,
            before=_ended(was.status, before.error),
            after=_ended(now.status, after.error),
            note=place,
            weight=100 if now.status in ("failed", "lost") else 60,
        )


def told_once(found: Iterable[Change]) -> Iterator[Change]:
    """Go through changes; that of the execution's status leaves an exception to the task that tells it, and where.

    Args:
        found: What changed.
    """
    changes = list(found)
    of_tasks = tuple(change.after for change in changes if change.kind == "task" and change.after)
    for change in changes:
        status, colon, error = (change.after or "").partition(": ")
        is_told = colon and change.kind == "status" and any(text.endswith(f": {error}") for text in of_tasks)
        yield structs.replace(change, after=status) if is_told else change


def changed_tasks(before: Side, after: Side) -> Iterator[Change | None]:
    """Go through the tasks that failed as they did not before, or were called more or less often.

    None stands for one that failed as often with other errors.
    """
    of_children = {(task.parent, task.error) for task in after.tasks if task.error}
    for name in dict.fromkeys([*after.by_name, *before.by_name]):
        was, now = before.by_name.get(name, []), after.by_name.get(name, [])
        failed = [one for one in now if one.status in ("failed", "lost")]
        own = [one for one in failed if (one.id, one.error) not in of_children]
        failed_before = sum(one.status in ("failed", "lost") for one in was)
        if len(failed) != failed_before and (own or not failed):
            worst = next(iter(own or now), None)
            yield Change(
                kind="task",
                what=name,
                before=_together(was, failed_before) if was else None,
                after=_together(now, len(failed)) if now else None,
                note=_raised_at(after, own[0].id) if own else "",
                task=name,
                before_task=was[-1].id if was else "",
                after_task="" if worst is None else worst.id,
                weight=95 if len(failed) > failed_before else 40,
            )
        elif len(was) != len(now):
            ended = after.view.status == "succeeded"
            yield Change(
                kind="task",
                what=name,
                before=_called(was),
                after=_called(now),
                note="" if now or ended else "it ended before",
                task=name,
                before_task=was[-1].id if was else "",
                after_task=now[-1].id if now else "",
                weight=(60 if not was or not now else 50) if ended or len(now) > len(was) else 22,
            )
        elif {one.error for one in was} != {one.error for one in now}:
            yield None


def _ended(status: str, error: str | None) -> str:
    return f"{status}: {cut(error, _LONGEST)}" if error else status


def _together(calls: list[TaskView], failed: int) -> str:
    last = next((one for one in calls if one.status in ("failed", "lost")), calls[-1])
    if len(calls) == 1:
        return _ended(last.status, last.error)
    if not failed:
        return f"{len(calls):,} calls succeeded"
    return f"{failed:,} of {len(calls):,} calls failed: {cut(last.error or last.status, _LONGEST)}"


def _called(calls: list[TaskView]) -> str | None:
    return f"called {len(calls):,} time{'s' if len(calls) != 1 else ''}" if calls else None


def _raised_at(side: Side, task_id: str) -> str:
    place = next((place for _, place in side.assembly.raised.get(task_id, ())), "")
    return f"raised at {'/'.join(place.replace(chr(92), '/').split('/')[-2:])}" if place else ""


# Checks


def changed_checks(before: Side, after: Side) -> Iterator[Change]:
    """Go through the checks that found something else."""
    was, now = _checks(before), _checks(after)
    for key, old, new in _paired(was, now):
        outcomes = ["" if one is None else one.outcome for one in (old, new)]
        if outcomes[0] == outcomes[1] and not _is_another_finding(old, new):
            continue
        if new is None and after.view.status != "succeeded":
            continue
        task, name = key
        worse = worst_first(outcomes[1]) < worst_first(outcomes[0])
        yield Change(
            kind="data" if "drift" in name.lower() or "profile" in name.lower() else "check",
            what=f"{task}: {name}" if task else name,
            before=_found(old),
            after=_found(new),
            task=task,
            after_task=_last_id(after, task),
            before_task=_last_id(before, task),
            weight={"failed": 92, "warned": 72}.get(outcomes[1], 30) if worse else 42,
        )


def _is_another_finding(old: Verdict | None, new: Verdict | None) -> bool:
    """Tell whether a check that did not pass, nor did before, found something else."""
    if old is None or new is None or "passed" in (old.outcome, new.outcome):
        return False
    return old.found != new.found


def _checks(side: Side) -> dict[tuple[str, str], dict[str, Verdict]]:
    """Return the worst verdicts by the task's name and what was checked, of a deck by its title for them."""
    found: dict[tuple[str, str], dict[str, Verdict]] = {}
    for task_id in {**side.assembly.decks, **side.assembly.verdicts.by_task}:
        for one in side.assembly.verdicts_of(task_id):
            known = found.setdefault((side.names.get(task_id, ""), one.name), {})
            title = one.found.partition(": ")[0] if one.deck and ": " in one.found else ""
            if title not in known or worst_first(one.outcome) < worst_first(known[title].outcome):
                known[title] = one
    return found


def _paired(
    was: dict[tuple[str, str], dict[str, Verdict]], now: dict[tuple[str, str], dict[str, Verdict]]
) -> Iterator[tuple[tuple[str, str], Verdict | None, Verdict | None]]:
    """Pair the verdicts of both sides: a deck may show several, each of another check under a title of its own."""
    for key in dict.fromkeys([*now, *was]):
        old, new = was.get(key, {}), now.get(key, {})
        gone, came = old.keys() - new.keys(), new.keys() - old.keys()
        if len(gone) == len(came) == 1 and "" in gone | came:  # one of both has no title
            yield key, old[gone.pop()], new[came.pop()]
        else:
            yield from ((key, old.get(title), new.get(title)) for title in sorted(gone | came))
        yield from ((key, old[title], new[title]) for title in new if title in old)


def _found(verdict: Verdict | None) -> str | None:
    if verdict is None:
        return None
    return f"{verdict.outcome}: {verdict.found}" if verdict.found else verdict.outcome


def _last_id(side: Side, name: str) -> str:
    calls = side.by_name.get(name)
    return calls[-1].id if calls else ""


# What they were called with


def changed_parameters(before: Side, after: Side, earlier: Earlier) -> Iterator[Change]:
    """Go through the parameters that are different."""
    was, now = _parameters(before), _parameters(after)
    for key in dict.fromkeys([*now, *was]):
        old, new = was.get(key), now.get(key)
        if old == new or (new is None and after.view.status != "succeeded"):
            continue
        task, name = key
        varies = earlier.parameter_varies(task, name)
        yield Change(
            kind="parameter",
            what=name,
            before=old,
            after=new,
            note=_ANOTHER_EACH_TIME if varies else "",
            task=task,
            before_task=_last_id(before, task),
            after_task=_last_id(after, task),
            weight=30 if varies else 80,
        )


def _parameters(side: Side) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for task_id, values in side.assembly.metrics.params.items():
        task = side.names.get(task_id, "")
        found.update({(task, name): _value(value) for name, value in values.items()})
    return found


def _value(value: object) -> str:
    """Return how a parameter reads; equal texts are equal values but for the last digits of a float."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def changed_inputs(before: Side, after: Side, earlier: Earlier) -> Iterator[Change | None]:
    """Go through the arguments of tasks that are different, those of one name told once.

    None stands for calls and arguments that only one of the executions has.
    """
    read = 0
    for name, now in after.by_name.items():
        was = before.by_name.get(name, [])
        if len(was) != len(now) or len(now) > _MOST_CALLS:
            yield None
        told: dict[str, list[Change]] = {}
        varying: dict[str, set[int]] = {}
        numbers = {one.id: number for number, one in enumerate(now, 1)}
        for old_call, new_call in _unlike_calls(before, was[:_MOST_CALLS], after, now[:_MOST_CALLS]):
            old = {one.name: one for one in arguments_of(before.assembly, old_call.id)}
            new = arguments_of(after.assembly, new_call.id)
            if old.keys() != {one.name for one in new}:
                yield None
            for argument in new:
                other = old.get(argument.name)
                if other is None or other.key == argument.key:
                    continue
                read += 1
                if read > _MOST_READ:
                    return
                change = _changed_argument(before, after, old_call, new_call, other, argument)
                if change is None:
                    continue
                if argument.name not in varying:
                    varying[argument.name] = earlier.calls_that_vary(name, argument.name)
                varies = numbers[new_call.id] in varying[argument.name]
                told.setdefault(argument.name, []).append(_that_varies(change) if varies else change)
        for found in told.values():
            found.sort(key=lambda change: -change.weight)  # of many calls, one whose argument was the same until now
            more = f"in {len(found):,} calls" if len(found) > 1 else ""
            note = ", ".join(filter(None, (found[0].note, more)))
            yield msgspec.structs.replace(found[0], note=note)


def _unlike_calls(
    before: Side, was: list[TaskView], after: Side, now: list[TaskView]
) -> Iterator[tuple[TaskView, TaskView]]:
    """Pair the calls of a task that have no like call on the other side: their order may be another one."""
    if not was:
        return
    old = {one.id: tuple((a.name, a.key) for a in arguments_of(before.assembly, one.id)) for one in was}
    left = list(was)
    places: dict[object, list[int]] = {}
    for place, one in enumerate(was):
        places.setdefault(old[one.id], []).append(place)
    taken: set[int] = set()
    unlike = []
    for one in now:
        key = tuple((a.name, a.key) for a in arguments_of(after.assembly, one.id))
        if alike := places.get(key):
            taken.add(alike.pop(0))
        else:
            unlike.append(one)
    rest = [one for place, one in enumerate(left) if place not in taken]
    yield from zip(rest, unlike, strict=False)


def _changed_argument(
    before: Side, after: Side, old_call: TaskView, new_call: TaskView, old: Argument, new: Argument
) -> Change | None:
    texts = old.text(before.assembly.files), new.text(after.assembly.files)
    whole = old.whole_text(before.assembly.files), new.whole_text(after.assembly.files)
    if texts[0] == texts[1] and whole[0] == whole[1]:
        return None
    alike = texts[0] == texts[1]
    return Change(
        kind="input",
        what=f"{new_call.name}'s {new.name}",
        before=texts[0],
        after=texts[1],
        note=f"its contents differ, first: {_first_difference(*whole)}" if alike else "",
        task=new_call.name,
        before_task=old_call.id,
        after_task=new_call.id,
        weight=54 if _is_little(*texts) else 58 if alike or len(texts[1]) > 80 else 78,
    )


def _that_varies(change: Change) -> Change:
    note = "; ".join(filter(None, (change.note, _ANOTHER_EACH_TIME)))
    return msgspec.structs.replace(change, note=note, weight=29)


_ANOTHER_EACH_TIME = "it was different in each earlier run"


def _first_difference(before: str, after: str) -> str:
    """Return what differs in the first row that does, from the word before it on: that is often a column's name."""
    rows = zip_longest(before.splitlines(), after.splitlines(), fillvalue="")
    was, now = next(((one.split(), other.split()) for one, other in rows if one != other), ([], []))
    first = alike_at_first(was, now)
    same = alike_at_first(was[first:][::-1], now[first:][::-1])
    # Of what came or went alone, the word before may be a mere type: the one before that is the name.
    context = 2 if len(was) - same == first or len(now) - same == first else 1
    was, now = (one[max(first - context, 0) : len(one) - same] for one in (was, now))
    return f"{cut(' '.join(was), _LONGEST_PART)} -> {cut(' '.join(now), _LONGEST_PART)}"


_LONGEST_PART = 60


def _is_little(before: str, after: str) -> bool:
    """Tell whether two arguments are real numbers within a tenth of each other: most runs have such."""
    try:
        was, now = float(before), float(after)
    except ValueError:
        return False
    return "." in before and "." in after and abs(now - was) <= 0.1 * abs(was)


# What came of them


def changed_outputs(before: Side, after: Side, earlier: Earlier) -> Iterator[Change]:
    """Go through the tasks that returned something else."""
    told = read = 0
    for call, now in after.calls.items():
        was = before.calls.get(call)
        kept = None if was is None else before.assembly.outputs.get(was.id), after.assembly.outputs.get(now.id)
        if was is None or kept[0] is None or kept[1] is None or content_key(kept[0]) == content_key(kept[1]):
            continue
        told += 1
        if told > _MOST_TOLD:
            return
        varies = earlier.output_varies(call)
        number = f" (call {call[1]})" if len(after.by_name[now.name]) > 1 else ""
        found: list[tuple[str, str | None, str | None, str]] = []
        if read < _MOST_READ:
            read += 1
            found = _parts_that_differ(before.store, kept[0], after.store, kept[1])
        for where, old, new, note in found or [_as_drawn(before, was, after, now)]:
            yield Change(
                kind="output",
                what=f"{now.name}{number}{f': {where}' if where else ''}",
                before=old,
                after=new,
                sure="possible" if varies else "certain",
                note="; ".join(filter(None, (note, _ANOTHER_EACH_TIME if varies else ""))),
                task=now.name,
                before_task=was.id,
                after_task=now.id,
                weight=28 if varies else 56,
            )


def outputs_are_not_kept(before: Side, after: Side) -> bool:
    """Tell whether tasks returned something, and on one of the sides nothing of it is kept."""
    drawn = any(deck.name == "Output" for decks in after.assembly.decks.values() for deck in decks)
    return drawn and not (before.assembly.outputs and after.assembly.outputs)


_MOST_PARTS = 5


def _parts_that_differ(
    store: Store, old: Output, other_store: Store, new: Output
) -> list[tuple[str, str | None, str | None, str]]:
    """Return the parts of two outputs that differ, as their transformer tells them; none if it cannot."""
    if old.transformer != new.transformer:
        return []
    try:
        contents = _content(store, old), _content(other_store, new)
        if old.transformer in ("json", "json.tuple"):
            values = [json.loads(content.decode("utf-8", "surrogatepass")) for content in contents]
            unlike = [one for one in differences(*values) if one.left != one.right]
            found = [(one.path, one.left, one.right, _share(one.change)) for one in unlike[:_MOST_PARTS]]
            if len(unlike) > _MOST_PARTS:
                found.append(("", None, None, f"{len(unlike) - _MOST_PARTS:,} more values differ"))
            return found
        return [(*one, "") for one in _told_by_transformer(old.transformer, *contents)][:_MOST_PARTS]
    except Exception as error:  # a transformer is code of the user's
        let_pass(error)
        return []


def _told_by_transformer(name: str, old: bytes, new: bytes) -> list[tuple[str, str | None, str | None]]:
    transformer = transformer_named(name)
    tell = getattr(transformer, "differences", None)
    return [] if tell is None else list(tell(transformer.from_bytes(old), transformer.from_bytes(new)))


def _content(store: Store, kept: Output | Artifact) -> bytes:
    """Return what a transformer wrote.

    Raises:
        OSError: It is not where outputs are kept, or too large.
    """
    if kept.text is not None:
        return kept.text.encode("utf-8", "surrogatepass")
    path = kept.path or ""
    if not _IN_BLOBS.fullmatch(path) or ".." in path or store.size_of(path) > _LARGEST:
        raise FileNotFoundError(path[:_LONGEST])
    return content_unpacked(store.get(path))


def _as_drawn(before: Side, was: TaskView, after: Side, now: TaskView) -> tuple[str, str | None, str | None, str]:
    texts = [_drawn(side, task) for side, task in ((before, was), (after, now))]
    if texts[0] == texts[1]:
        return "", texts[0], texts[1], "its contents differ"
    return "", texts[0], texts[1], ""


def _drawn(side: Side, task: TaskView) -> str:
    """Return how an output reads in its deck: of a table what stands above it."""
    deck = next((one for one in side.assembly.decks.get(task.id, ()) if one.name == "Output"), None)
    items = [] if deck is None else deck.items
    return " ".join(text_of_item(side.assembly.files, item.content) for item in items[:3])[:_LONGEST] or "(not shown)"


def _share(change: float | None) -> str:
    if change is None:
        return ""
    return f"{100 * change:+.2f} %" if change < _MANY_TIMES else f"{change + 1:,.0f} times as much"


_MANY_TIMES = 9


def changed_metrics(before: Side, after: Side, earlier: Earlier) -> tuple[list[Change], int]:
    """Return the metrics whose last values are others, as far as they vary no more than usual; and how many do."""
    was, now = _metrics(before), _metrics(after)
    found: list[Change] = []
    usual = 0
    for key, metric in now.items():
        task, name = key
        new, other = _last(metric), was.get(key)
        if other is None:
            found.append(
                Change(kind="metric", what=name, after=_number(new), task=task, after_task=metric.task, weight=35)
            )
            continue
        old = _last(other)
        if old == new or (math.isnan(old) and math.isnan(new)):
            continue
        sure, note, weight = _judged(old, new, earlier.metric(name))
        if sure is None:
            usual += 1
            continue
        texts = told_apart(old, new) if math.isfinite(old) and math.isfinite(new) else (_number(old), _number(new))
        found.append(
            Change(
                kind="metric",
                what=name,
                before=texts[0],
                after=texts[1],
                sure=sure,
                note=note,
                task=task,
                before_task=other.task,
                after_task=metric.task,
                weight=weight,
            )
        )
    return found, usual


def _metrics(side: Side) -> dict[tuple[str, str], CollectedMetric]:
    return {
        (side.names.get(task_id, ""), name): metric
        for task_id, metrics in side.assembly.metrics.metrics.items()
        for name, metric in metrics.items()
    }


def _last(metric: CollectedMetric) -> float:
    """Return the value that was logged last, without making columns of all of them."""
    newest = max(metric.parts, key=lambda part: part.epoch + part.points.at)
    return float(unpacked("d", newest.points.values)[-1])


def _judged(old: float, new: float, seen: list[float]) -> tuple[Sureness | None, str, float]:
    """Tell whether a metric's value is another one, how sure that is, what it rests on, and how telling it is."""
    if not math.isfinite(old) or not math.isfinite(new):
        return "certain", "it is not finite" if math.isfinite(old) else "", 88
    share = abs(new - old) / max(abs(old), abs(new))
    if (band := usual(seen, OF_METRICS)) is not None:
        note = f"usually {_number(band.low)} to {_number(band.high)} ({band.runs} earlier runs)"
        sure: Sureness = "certain" if band.runs >= 8 else "likely"
        if band.judge(new) != "usual":
            return sure, note, 55 + 30 * min(1.0, share)
        if band.judge(old) != "usual":  # two values differ, whichever is unusual
            return sure, f"unusual before, {note}", 33 + 18 * min(1.0, share)
        return None, "", 0
    note = "it may vary that much: too few earlier good runs are known"
    return ("possible" if share > 0.01 else None), note, 34 + 20 * min(1.0, share)


def _number(value: float) -> str:
    return statistic(value) if math.isfinite(value) else str(value)


# Data profiles


def changed_profiles(before: Side, after: Side) -> Iterator[Change | None]:
    """Go through the data profiles that tasks kept and that differ, as whoever made them tells it.

    None stands for one that differs in what nobody tells.
    """
    for (name, _), now in after.calls.items():
        was = next(iter(reversed(before.by_name.get(name, []))), None)
        kept = after.assembly.artifacts.get(now.id, {})
        old = {} if was is None else before.assembly.artifacts.get(was.id, {})
        for label, artifact in kept.items():
            other = old.get(label)
            if other is None or was is None or "profile" not in artifact.transformer:
                continue
            if other.transformer != artifact.transformer:
                yield None
                continue
            if (artifact.text, _name(artifact.path)) == (other.text, _name(other.path)):
                continue
            yield None
            for where, left, right in _profile_differences(before, other, after, artifact):
                yield Change(
                    kind="data",
                    what=f"{name}'s {label.rpartition(': ')[2]}: {where}",
                    before=left,
                    after=right,
                    task=name,
                    before_task=was.id,
                    after_task=now.id,
                    weight=70,
                )


def _profile_differences(
    before: Side, old: Artifact, after: Side, new: Artifact
) -> list[tuple[str, str | None, str | None]]:
    try:
        contents = _content(before.store, old), _content(after.store, new)
        return _told_by_transformer(new.transformer, *contents)[:_MOST_PARTS]
    except Exception as error:  # a transformer is code of the user's
        let_pass(error)
        return []


def _name(path: str | None) -> str:
    return (path or "").rpartition("/")[2]


# What there is to compare


def tasks_of(side: Side) -> Set[object]:
    """Return which tasks were called."""
    return side.by_name.keys()


def checks_of(side: Side) -> Set[object]:
    """Return what was checked, and in which task."""
    return _checks(side).keys()


def parameters_of(side: Side) -> Set[object]:
    """Return which parameters were logged, and in which task."""
    return _parameters(side).keys()


def inputs_of(side: Side) -> Set[object]:
    """Return the tasks whose arguments are known."""
    return {name for name, called in side.by_name.items() if any(arguments_of(side.assembly, called[0].id))}


def outputs_of(side: Side) -> Set[object]:
    """Return the calls of which it is kept what they returned."""
    return {call for call, one in side.calls.items() if one.id in side.assembly.outputs}


def metrics_of(side: Side) -> Set[object]:
    """Return which metrics were logged, and in which task."""
    return _metrics(side).keys()


def profiles_of(side: Side) -> Set[object]:
    """Return which data profiles were kept, and in which task."""
    return {
        (side.names.get(task_id, ""), label)
        for task_id, kept in side.assembly.artifacts.items()
        for label, artifact in kept.items()
        if "profile" in artifact.transformer
    }

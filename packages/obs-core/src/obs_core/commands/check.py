"""``obs check``: what the checks of an execution found, as lines and as an exit code."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from obs_core.commands.base import OfOneExecution
from obs_core.commands.printed_json import execution_as_json, json_document
from obs_core.model import Verdict
from obs_core.outcomes import worst_first
from obs_core.reading.execution import Execution
from obs_core.text.terminal import Screen, columns, cut
from obs_core.text.verdicts import counted_verdicts

__all__ = ["Check"]

_STYLES = {"failed": "red", "warned": "yellow", "passed": "green"}

_WIDEST_TASK = 30


class Check(OfOneExecution):
    """Print what was checked, and exit with 1 if any check failed."""

    name = "check"
    summary = "print what an execution's checks found; exits with 1 if one of them, or the execution, failed"
    examples = (
        ("obs check && deploy", "go on only if the last execution succeeded and all its checks passed"),
        ("obs check flights --strict", "the newest flights; a warning fails too"),
        ("obs check last --json", "for another program"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        super().configure(parser)
        parser.add_argument("--strict", action="store_true", help="exit with 1 if a check warned, too")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        found = _found(execution)
        with contextlib.suppress(BrokenPipeError):  # the exit code tells, however little of it is read
            if arguments.json:
                print(json_document(self.name, _as_json(execution, found)))
            else:
                screen = Screen.of(sys.stdout)
                print(screen.draw("\n".join(_lines(found, screen))))
        failed = found.status in ("failed", "lost") or found.failed or (arguments.strict and found.warned)
        return int(bool(failed))


class _Said(Struct):
    """A verdict, as it is printed: several that are the same are one."""

    outcome: str
    name: str
    found: str
    task: str
    task_id: str
    deck: str
    span: str
    count: int


class _Found(Struct):
    """What is printed."""

    execution: str
    name: str
    status: str
    outcome: str
    passed: int
    warned: int
    failed: int
    verdicts: list[_Said]


def _found(execution: Execution) -> _Found:
    view, counts = execution.view, execution.view.verdicts
    same: Counter[tuple[str, str, Verdict]] = Counter(
        (task.name, task.id, verdict) for task in execution.tasks for verdict in task.verdicts
    )
    said = [
        _Said(one.outcome, one.name, one.found, task, task_id, one.deck, one.span, count)
        for (task, task_id, one), count in same.items()
    ]
    assembly = execution._assembly
    told = {*assembly.verdicts.told, *assembly.unended.items()}
    for task in execution.tasks:
        notes = [note for note in task.notes if (task.id, note) not in told]
        said += [_Said("warned", "note", note, task.name, task.id, "", "", 1) for note in notes]
    said.sort(key=lambda one: worst_first(one.outcome))
    return _Found(view.id, view.name, view.status, counts.outcome, counts.passed, counts.warned, counts.failed, said)


def _as_json(execution: Execution, found: _Found) -> dict[str, Any]:
    return {
        "execution": execution_as_json(execution.view),
        "outcome": found.outcome,
        "passed": found.passed,
        "warned": found.warned,
        "failed": found.failed,
        "verdicts": found.verdicts,
    }


def _lines(found: _Found, screen: Screen) -> Iterator[str]:
    counts = counted_verdicts(found.passed, found.warned, found.failed) or "no checks"
    style = {"failed": "red", "lost": "red"}.get(found.status, _STYLES.get(found.outcome, "dim"))
    yield f"{screen.paint(f'{screen.name(found.name)} {found.status}', style)}, {counts} ({found.execution})"
    width = min(max((columns(one.task) for one in found.verdicts), default=0), _WIDEST_TASK)
    for one in found.verdicts:
        times = f" ({one.count:,} times)" if one.count > 1 else ""
        task = cut(screen.name(one.task), width)
        what = screen.name(f"{one.name}: {one.found}" if one.found else one.name) + times
        if screen.terminal:
            what = cut(what, max(screen.width - width - 10, 20))
        padding = " " * (width - columns(task))
        yield f"{screen.paint(one.outcome, _STYLES[one.outcome])}  {task}{padding}  {what}".rstrip()

"""``obs logs``: what an execution logged and printed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from obs_core import clock
from obs_core.commands.base import CommandError, OfOneExecution, age_in_seconds
from obs_core.commands.printed_json import json_line
from obs_core.journal.log_damage import log_notes
from obs_core.journal.log_lines import severity_of
from obs_core.journal.log_reader import LogTail, read_log
from obs_core.model import LogLine
from obs_core.reading.execution import Execution
from obs_core.text.durations import format_iso
from obs_core.text.plain_values import storable_name
from obs_core.text.terminal import Screen, without_escapes

_PAUSE = 0.25
"""Seconds between two looks at an execution that is followed."""

_STYLES = ((40, "red"), (30, "yellow"), (20, ""), (0, "dim"))


class Logs(OfOneExecution):
    """Print what an execution logged and printed."""

    name = "logs"
    summary = "print what an execution logged and printed"
    examples = (
        ("obs logs -f", "follow what the last execution logs and prints"),
        ("obs logs flights --task fit --level warning", "warnings and errors of one task"),
        ("obs logs 7mva --grep airport --json", "lines with a text, for another program"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        super().configure(parser)
        parser.add_argument("-f", "--follow", action="store_true", help="keep printing while the execution runs")
        parser.add_argument("-n", "--last", type=int, metavar="N", help="only the last N lines")
        parser.add_argument("--task", metavar="NAME", help="only what calls of this task logged and printed")
        parser.add_argument("--level", metavar="LEVEL", help="only this level and above, such as warning")
        parser.add_argument("--grep", metavar="TEXT", default="", help="only lines that contain this text")
        parser.add_argument("--since", metavar="AGE", help="only lines of the last 5m, 12h, 2d")
        parser.add_argument("--json", action="store_true", help="one JSON object per line")

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        store = execution.store
        choice: dict[str, Any] = {
            "level": _level(arguments.level),
            "grep": arguments.grep,
            "since": 0 if arguments.since is None else clock.epoch() - int(age_in_seconds(arguments.since) * 1e9),
        }
        show = _Json() if arguments.json else _Text(execution)
        if arguments.last is not None and arguments.last < 0:
            raise CommandError(f"--last must be 0 or more, got {arguments.last}")
        tasks = _tasks(execution, arguments.task, running=arguments.follow)
        tail = LogTail(store, execution.id)
        if arguments.follow:
            found = tail.poll(**choice, tasks=tasks)
            show.lines(found if arguments.last is None else found[max(0, len(found) - arguments.last) :])
        else:
            found = read_log(store, execution.id, **choice, tasks=tasks, last=arguments.last)
            show.lines(found)
        while arguments.follow:
            execution = Execution(store, execution.id)
            running = execution.status == "running"
            show.lines(tail.poll(**choice, tasks=_tasks(execution, arguments.task, running=True)))
            if not running:
                break
            sys.stdout.flush()
            time.sleep(_PAUSE)
        notes = log_notes(store, execution.id)
        # Who reads JSON may read both streams as one, and sees that there is no line.
        if not (found or notes or arguments.follow or arguments.json or arguments.last == 0):
            said = "matches" if read_log(store, execution.id, last=1) else "was logged or printed"
            notes = [f"no line {said} in {execution.id}"]
        for note in notes:
            sys.stderr.write(f"obs: {note}\n")
        return 0


def _level(text: str | None) -> int:
    try:
        return severity_of(text)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _tasks(execution: Execution, name: str | None, running: bool) -> set[str] | None:
    """Return the ids of a task's calls; None for all tasks."""
    if name is None:
        return None
    wanted = storable_name(name)
    found = {task.id for task in execution.tasks if task.name == wanted}
    if not found and not running:
        try:
            execution.task(name)
        except KeyError as error:
            raise CommandError(error.args[0]) from None
    return found


class _Json:
    def lines(self, lines: Iterable[LogLine]) -> None:
        for line in lines:
            sys.stdout.write(json_line("logs", _as_json(line)) + "\n")


def _as_json(line: LogLine) -> dict[str, Any]:
    return msgspec.structs.asdict(line) | {"at": format_iso(line.at)}


class _Text:
    """Lines as a person reads them: nothing in them is executed by the terminal."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._screen = Screen.of(sys.stdout)
        self._names: dict[str, str] = {}

    def lines(self, lines: Iterable[LogLine]) -> None:
        for line in lines:
            sys.stdout.write("".join(f"{each}\n" for each in self._shown(line)))

    def _shown(self, line: LogLine) -> Iterable[str]:
        screen = self._screen
        seconds, rest = divmod(line.at, 1_000_000_000)
        at = f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{rest // 1_000_000:03d}"
        mark = line.level or ("stderr" if line.stream == "stderr" else "")
        head = f"{at}  {screen.name(self._name(line.task))}"
        style = next((style for least, style in _STYLES if line.severity >= least), "dim")
        fields = " ".join(f"{screen.name(str(key))}={screen.name(str(value))}" for key, value in line.fields.items())
        said = [screen.name(without_escapes(each)) for each in (line.text.split("\n") or [""])]
        if line.level and style:
            said = [screen.paint(each, style) if style != "dim" else each for each in said]
        text = "\n".join(said)
        logger = f"{screen.name(line.logger)}: " if line.logger else ""
        yield f"{screen.paint(head, 'dim')}  {mark:<7}  {logger}{text}{'  ' + fields if fields else ''}"
        for each in line.exception.split("\n") if line.exception else ():
            yield f"    {screen.name(each)}"

    def _name(self, task: str) -> str:
        if task not in self._names:
            self._names = {one.id: one.name for one in self._execution._assembly.tasks}
            if task not in self._names:
                self._execution = Execution(self._execution.store, self._execution.id)
                self._names = {one.id: one.name for one in self._execution._assembly.tasks}
            self._names.setdefault(task, self._execution.name)
        return self._names[task]

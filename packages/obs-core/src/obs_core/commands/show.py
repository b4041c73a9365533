"""``obs show``, ``explain``, ``dump`` and ``export``: one execution, looked at in several ways."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import webbrowser
from collections.abc import Sequence
from typing import Any

import msgspec

from obs_core import clock
from obs_core.commands.base import EXECUTION_HELP, Command, CommandError, OfOneExecution, check_folder
from obs_core.commands.printed_json import execution_as_json, json_document
from obs_core.model import ExecutionView, SeenStack, TaskView, ThreadStack
from obs_core.provenance import command_name
from obs_core.reading.deck_text import decks_as_text
from obs_core.reading.endings import ended_by
from obs_core.reading.execution import Execution, load_execution
from obs_core.reading.listing import list_executions
from obs_core.report.tabs import tab_label
from obs_core.store.paths import execution_path, report_path
from obs_core.text.durations import format_duration, format_iso, format_standing
from obs_core.text.terminal import Screen
from obs_core.text.verdicts import counted_verdicts


class Show(OfOneExecution):
    """Print where the reports of an execution are."""

    name = "show"
    summary = "print the path of an execution's report, or with --text what it says: inputs, tables, errors"
    examples = (
        ("obs show", "the last execution"),
        ("obs show flights --task fit --open", "one task of the newest flights, in the browser"),
        ("obs show --task fit --text", "its inputs, tables and errors, here"),
        ("obs show --task fit --text --deck Input", "one deck of it, in full"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        super().configure(parser)
        parser.add_argument("--open", action="store_true", help="open it in the browser")
        parser.add_argument("--task", metavar="NAME", help="the report of this task's last call")
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--text", action="store_true", help="print what the decks say: inputs, tables, errors, sources"
        )
        how.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument("--deck", metavar="NAME", help="with --text: only this deck, in full")

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        task = None if arguments.task is None else _task(execution, arguments.task)
        if arguments.deck is not None and not arguments.text:
            raise CommandError("--deck needs --text; without --text, obs makes the whole report")
        if arguments.text:
            tasks = _with_deck(execution.tasks if task is None else [task], arguments.deck)
            if task is None and arguments.deck is None and not any(one.is_execution for one in tasks):
                _print_end(execution)
            _print_text(tasks, arguments.deck)
            _tell_missing(execution)
            return 0
        _tell_report(self.name, execution, task, as_json=arguments.json, opens=arguments.open)
        return 0


def _tell_report(command: str, execution: Execution, task: TaskView | None, as_json: bool, opens: bool) -> None:
    """Make a report, print where it is, and open it in the browser if that is wanted."""
    address = _written(execution, task)
    if as_json:
        found = {"execution": execution_as_json(execution.view), "missing": execution.missing, "report": address}
        print(json_document(command, found))
    else:
        print(address)
    _tell_missing(execution)
    verdicts = execution.view.verdicts
    if verdicts.failed:
        counts = counted_verdicts(verdicts.passed, verdicts.warned, verdicts.failed)
        sys.stderr.write(f"{counts}: {command_name()} check {execution.id.rpartition('-')[2]} lists them\n")
    if opens and not webbrowser.open(address if "://" in address else f"file://{address}"):
        sys.stderr.write("obs: no browser could be opened here; open the report yourself\n")


def _tell_missing(execution: Execution) -> None:
    for note in execution.missing:
        sys.stderr.write(f"obs: {note}\n")


def _written(execution: Execution, task: TaskView | None) -> str:
    try:
        return execution.write_report(task)
    except OSError as error:
        elsewhere = f"{command_name()} export {execution.id.rpartition('-')[2]} -o FILE"
        raise CommandError(
            f"cannot write the report into the store {execution.store.url!r}: {error}; {elsewhere} writes it elsewhere"
        ) from error


def _with_deck(tasks: Sequence[TaskView], name: str | None) -> Sequence[TaskView]:
    """Return the tasks that have a deck of this name; all of them, if none is named."""
    if name is None:
        return tasks
    found = [task for task in tasks if any(name in (deck.name, tab_label(deck.name)) for deck in task.decks)]
    if not found:
        there = ", ".join(dict.fromkeys(tab_label(deck.name) for task in tasks for deck in task.decks)) or "none"
        raise CommandError(f"no deck {name!r}; there are: {there}")
    return found


def _print_end(execution: Execution) -> None:
    """Print how an execution stands, whose time is more than that of its tasks."""
    screen, view = Screen.of(sys.stdout), execution.view
    ended = ended_by(execution.store, execution._assembly)[0] if view.status in ("failed", "lost") else ""
    stands = f"{view.name} {format_standing(view.duration, view.status)}{f': {ended}' if ended else ''}"
    print(screen.paint(screen.draw(screen.name(stands)), "bold"))


def _print_text(tasks: Sequence[TaskView], deck: str | None) -> None:
    screen = Screen.of(sys.stdout)
    for number, task in enumerate(tasks):
        error = f": {task.error}" if task.error else ""
        kind = "" if task.is_execution else "task "
        title = screen.name(f"{kind}{task.name} {format_standing(task.duration, task.status)}{error}")
        if number:
            print()
        print(screen.paint(title, "bold"))
        for note in () if deck else task.notes:
            print(screen.draw(screen.name(f"Note: {note}")))
        for line in decks_as_text(task, deck):
            print(screen.draw(screen.name(line)))


class Open(Command):
    """Open a report in the browser."""

    name = "open"
    summary = "open the report of an execution in the browser: the newest that failed, or the one that you name"
    examples = (("obs open", "what failed last"), ("obs open flights --task fit", "the newest flights, one task of it"))

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "id", metavar="ID", nargs="?", help=f"{EXECUTION_HELP}; default: the newest that failed or was lost"
        )
        parser.add_argument("--task", metavar="NAME", help="the report of this task's last call")
        parser.add_argument("--json", action="store_true", help="print what was opened as JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        check_folder(arguments.store)
        newest = None if arguments.id else _newest_failure(arguments.store)
        execution = load_execution(newest[0].id if newest else arguments.id or "last", arguments.store)
        if newest and newest[1]:
            _tell_what_came_later(*newest)
        task = None if arguments.task is None else _task(execution, arguments.task)
        _tell_report(self.name, execution, task, as_json=arguments.json, opens=True)
        return 0


def _newest_failure(store: str | None) -> tuple[ExecutionView, list[ExecutionView]] | None:
    """Return the execution that failed or was lost last, and those that began after it."""
    later: list[ExecutionView] = []
    for view in itertools.islice(list_executions(store), _LOOKED_THROUGH):
        if view.status in ("failed", "lost"):
            return view, later
        later.append(view)
    return None


def _tell_what_came_later(failure: ExecutionView, later: Sequence[ExecutionView]) -> None:
    """Say that it is an older execution that is opened, and how to open the newest one."""
    running = sum(view.status == "running" for view in later)
    counts = [(len(later) - running, "succeeded"), (running, "still run" if running > 1 else "still runs")]
    since = " and ".join(f"{count:,} {verb}" for count, verb in counts if count)
    ago = format_duration(max(0, clock.epoch() - failure.started - failure.duration))
    screen = Screen.of(sys.stderr)
    sys.stderr.write(
        f"{screen.name(failure.name)} {_ENDED[failure.status]} {ago} ago; since then, {since}:"
        f" {command_name()} open last opens the newest\n"
    )


_ENDED = {"failed": "failed", "lost": "was lost"}

_LOOKED_THROUGH = 1000
"""Executions among which a failure is looked for."""


class Explain(OfOneExecution):
    """Print a readable summary of an execution's trace."""

    name = "explain"
    summary = "print where an execution's time went"
    examples = (
        ("obs explain", "the last execution"),
        ("obs explain flights --depth 2 --absolute", "its top two levels, with the time of day"),
        ("obs explain last --json", "the tree, the hottest operations and the critical path, for another program"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        super().configure(parser)
        parser.add_argument("--depth", type=int, metavar="N", help="levels of the tree below the execution")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--absolute", action="store_true", help="show the time of day instead of offsets")
        how.add_argument("--json", action="store_true", help="print JSON")

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        if arguments.depth is not None and arguments.depth < 0:
            raise CommandError(f"--depth must be 0 or more, got {arguments.depth}")
        if arguments.json:
            from obs_core.trace.explained import explained
            from obs_core.trace.tree import SpanTree

            summary = explained(SpanTree(execution.table), depth=arguments.depth)
            error = {"error": execution.view.error, "place": execution._ended.place}
            told = {"execution": execution_as_json(execution.view), **error, **summary}
            print(json_document(self.name, {**told, "report": _report_of_failure(execution)}))
            return 0
        execution._explain(sys.stdout, arguments.depth, arguments.absolute)
        if execution.status in ("failed", "lost"):
            short, obs = execution.id.rpartition("-")[2], command_name()
            report = _report_of_failure(execution)
            shown = f"the report is {report}" if report else f"{obs} open {short} shows the report"
            print(f"\n{obs} why {short} says why, {shown}")
        return 0


def _report_of_failure(execution: Execution) -> str:
    """Return where the report of what did not end well is: the whole execution's, or a failed task's; empty if none is.

    One that was made while it still ran does not show how it ended, so it counts as none.
    """
    from obs_core.recording.publishing import report_name

    view, store = execution.view, execution.store
    ends = {"execution": view.started + view.duration}
    ends |= {report_name(one): one.started + one.duration for one in execution.tasks if one.status in _ENDED}
    there = set(store.names(f"{execution_path(view.id)}/reports"))
    for name, ended in ends.items() if view.status in _ENDED else ():
        path = report_path(view.id, name)
        if f"{name}.html" in there and store.modified(path) * 1e9 >= ended:
            return store.address(path)
    return ""


class Dump(OfOneExecution):
    """Print an execution's trace or its CPU profile for other programs."""

    name = "dump"
    summary = "print an execution's trace (YAML, JSON, Chrome trace) or its CPU profile (speedscope, collapsed stacks)"
    examples = (
        ("obs dump --format json", "the last execution's spans, for another program"),
        ("obs dump flights --format chrome > trace.json", "open it in https://ui.perfetto.dev"),
        ("obs dump flights --against 7mva", "which functions became slower since 7mva"),
        ("obs dump flights --against 7mva --format html > changes.html", "the same as a flame graph"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        super().configure(parser)
        parser.add_argument("--format", choices=_FORMATS, default="yaml", help="default: yaml")
        parser.add_argument(
            "--against",
            metavar="ID",
            help="an earlier execution: which functions became slower and faster since; with --format collapsed each"
            " stack's milliseconds of CPU before and after, with --format html a differential flame graph",
        )

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        if arguments.against is not None:
            _dump_changes(execution, load_execution(arguments.against, arguments.store), arguments.format)
        elif arguments.format == "yaml":
            execution.span.dump()
        elif arguments.format == "chrome":
            execution.span.to_chrome_trace(sys.stdout)
        elif arguments.format == "html":
            raise CommandError("--format html draws what changed: --against says since which execution")
        elif arguments.format in _OF_PROFILES:
            _dump_profile(execution, arguments.format)
        else:
            execution.span.to_json()
        return 0


_OF_PROFILES = ("speedscope", "collapsed", "html")
_FORMATS = ("yaml", "json", "chrome", *_OF_PROFILES)


def _profile_of(execution: Execution) -> list[SeenStack]:
    seen = execution.profile
    if not seen:
        raise CommandError(
            f"execution {execution.id} has no CPU profile: set OBS_PROFILE=100 or decorate a task with @cpu_profiling"
            " (pip install obs-resources)"
        )
    return seen


def _dump_changes(execution: Execution, earlier: Execution, wanted: str) -> None:
    from obs_core.text.terminal import Screen
    from obs_core.trace.profile_changes import collapsed_changes, profile_changes, told_changes

    before, after = _profile_of(earlier), _profile_of(execution)
    if wanted == "collapsed":
        sys.stdout.writelines(collapsed_changes(before, after))
    elif wanted == "yaml":  # none was asked for
        sys.stdout.writelines(told_changes(profile_changes(before, after), Screen.of(sys.stdout).width))
    elif wanted == "html":
        sys.stdout.write(_page_of_changes(earlier, execution))
    else:
        raise CommandError(f"--against prints a table, or with --format collapsed or html a flame graph, not {wanted}")


def _page_of_changes(earlier: Execution, later: Execution) -> str:
    from obs_core.reading.changes.profiles import drawn_profile_changes

    page = drawn_profile_changes(earlier, later)
    if page is None:
        raise CommandError("--format html draws with obs-resources: pip install obs-resources")
    return page


def _dump_profile(execution: Execution, wanted: str) -> None:
    from obs_core.trace.stacks import collapsed, speedscope

    seen = _profile_of(execution)
    if wanted == "collapsed":
        sys.stdout.writelines(collapsed(seen))
    else:
        json.dump(speedscope(seen, f"{execution.name} {execution.id}"), sys.stdout)
        print()


class Stacks(OfOneExecution):
    """Print what every thread of an execution is doing, or was doing when it was last heard of."""

    name = "stacks"
    summary = "print what each thread is doing, or was doing last"
    examples = (("obs stacks", "the last execution"), ("obs stacks flights --json", "for another program"))

    def configure(self, parser: argparse.ArgumentParser) -> None:
        super().configure(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        from obs_core.trace.stacks import described

        stacks = execution.stacks
        if not stacks:
            raise CommandError(
                f"execution {execution.id} has no stacks: they are taken each second where obs-resources is installed"
            )
        if arguments.json:
            print(json_document(self.name, _stacks_as_json(execution)))
        else:
            now = clock.epoch() if execution.status == "running" else None
            sys.stdout.writelines(described(stacks, execution.table, now))
        return 0


def _stacks_as_json(execution: Execution) -> dict[str, Any]:
    stacks = [_stack_as_json(one) for one in execution.stacks]
    return {"execution": execution_as_json(execution.view), "stacks": stacks}


def _stack_as_json(stack: ThreadStack) -> dict[str, Any]:
    return msgspec.structs.asdict(stack) | {"at": format_iso(stack.at), "since": format_iso(stack.since)}


class Export(OfOneExecution):
    """Write an execution's whole report into one file."""

    name = "export"
    summary = "write an execution's report into one HTML file that can be mailed"
    examples = (
        ("obs export -o report.html", "the last execution"),
        ("obs export flights --task fit -o fit.html", "one task of the newest flights"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        super().configure(parser)
        parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the HTML file to write")
        parser.add_argument("--task", metavar="NAME", help="only this task's last call")
        parser.add_argument("--json", action="store_true", help="print what was written as JSON")

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        task = None if arguments.task is None else _task(execution, arguments.task)
        page = execution.report(task).encode("utf-8", "backslashreplace")
        if os.path.isdir(arguments.output):
            raise CommandError(f"cannot write {arguments.output!r}: it is a folder; name a file in it")
        folder = os.path.dirname(os.path.abspath(arguments.output))
        if not os.path.isdir(folder):
            raise CommandError(f"cannot write {arguments.output!r}: there is no folder {folder!r}")
        with open(arguments.output, "wb") as file:
            file.write(page)
        written = os.path.abspath(arguments.output)
        if arguments.json:
            told = {"execution": execution_as_json(execution.view), "file": written, "size": len(page)}
            print(json_document(self.name, told))
        else:
            print(f"{written} ({len(page) / 1e6:.1f} MB)")
        return 0


def _task(execution: Execution, name: str) -> TaskView:
    try:
        return execution.task(name)
    except KeyError as error:
        raise CommandError(error.args[0]) from None

"""``obs ls``: the executions of a store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping

from obs_core.assembly.loading import opened
from obs_core.commands.base import Command
from obs_core.commands.choosing import add_filters, chosen, narrows
from obs_core.commands.printed_json import execution_as_json, json_line
from obs_core.model import ExecutionView
from obs_core.outcomes import OUTCOMES
from obs_core.reading.endings import seen_end
from obs_core.store import Store, described, open_store
from obs_core.text.durations import format_moment, format_took
from obs_core.text.missing import counted_missing
from obs_core.text.terminal import Screen, cut

_Cell = Callable[[ExecutionView], str]

_STYLES = {"failed": "red", "lost": "yellow", "running": "cyan", "succeeded": "green"}
_VERDICT_STYLES = {"failed": "red", "warned": "yellow", "passed": "green"}


class ListExecutions(Command):
    """List executions, newest first."""

    name = "ls"
    summary = "list executions, newest first"
    examples = (
        ("obs ls --status failed --since 7d", "what failed this week"),
        ("obs ls --status failed --status lost -n 0", "everything that failed, was killed or crashed"),
        (
            "obs ls --verdict failed",
            "whose checks failed, though the code may have succeeded",
        ),
        ("obs ls --name flights --limit 0 --json", "all executions of one name, for another program"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        add_filters(parser, limit=20)
        parser.add_argument("--json", action="store_true", help="one JSON object per line")

    def run(self, arguments: argparse.Namespace) -> int:
        found, rest = chosen(arguments)
        if arguments.json:
            for execution in found:
                print(json_line(self.name, _as_json(execution)))
            return 0
        shown = list(found)
        if shown:
            print("\n".join(_table(shown, _ends_seen(shown, opened(arguments.store)), Screen.of(sys.stdout))))
            if next(rest, None) is not None:
                newest = "newest is" if len(shown) == 1 else f"newest {len(shown)} are"
                print(f"… and older ones: only the {newest} shown, -n 0 shows all")
        elif narrows(arguments):
            print("no execution matches")
        else:
            store = described(open_store(arguments.store))
            print(f"no executions yet in the store {store}: call a function decorated with @task")
        return 0


def _as_json(execution: ExecutionView) -> dict[str, object]:
    return {
        **execution_as_json(execution),
        "error": execution.error,
        "verdict": execution.verdicts.outcome,
        "checks": {name: getattr(execution.verdicts, name) for name in reversed(OUTCOMES)},
        "tags": dict(execution.tags),
        "host": execution.host,
        "user": execution.user,
        "command": execution.command,
        "within": execution.within,
    }


def _ends_seen(executions: list[ExecutionView], store: Store) -> dict[str, str]:
    """Tell how the newest lost executions ended, by their ids: somebody may have seen what they could not record."""
    lost = [one for one in executions if one.status == "lost" and (store.local or one.within)]
    return {one.id: seen_end(store, one.id) for one in lost[:_MOST_LOST]}


_MOST_LOST = 100
"""Lost executions of which it is asked how they ended: that takes about as long as to list them."""


def _table(executions: list[ExecutionView], ends: Mapping[str, str], screen: Screen) -> Iterator[str]:
    columns = _columns(executions, screen)
    names = ["NAME", *(screen.name(_name(execution, ends.get(execution.id, ""))) for execution in executions)]
    widths = {heading: max(map(len, cells)) for heading, cells in columns.items()}
    room = max(screen.width - _taken(columns), _NARROWEST_NAME)
    for number, name in enumerate(names):
        padded = {heading: cells[number].ljust(widths[heading]) for heading, cells in columns.items()}
        if number:
            execution = executions[number - 1]
            padded["STATUS"] = screen.paint(padded["STATUS"], _STYLES.get(execution.status, "dim"))
            if "CHECKS" in padded:
                style = _VERDICT_STYLES.get(execution.verdicts.outcome, "dim")
                padded["CHECKS"] = screen.paint(padded["CHECKS"], style)
        yield "  ".join([*padded.values(), cut(name, room) if screen.terminal else name]).rstrip()


def _columns(executions: list[ExecutionView], screen: Screen) -> dict[str, list[str]]:
    """Return all columns but the name, each with its heading; a narrow terminal gets fewer and shorter ones."""
    whole = {**_CELLS} if any(execution.verdicts for execution in executions) else _without(_CELLS, "CHECKS")
    short = {heading: _SHORT_CELLS.get(heading, cell) for heading, cell in whole.items()}
    for cells in (whole, short, _without(short, "CHECKS", "DURATION")):
        columns = {heading: [heading, *map(cell, executions)] for heading, cell in cells.items()}
        if not screen.terminal or _taken(columns) + _NARROWEST_NAME <= screen.width:
            break
    return columns


def _taken(columns: dict[str, list[str]]) -> int:
    return sum(max(map(len, cells)) + 2 for cells in columns.values())


_NARROWEST_NAME = 8


def _without(cells: dict[str, _Cell], *headings: str) -> dict[str, _Cell]:
    return {heading: cell for heading, cell in cells.items() if heading not in headings}


def _name(execution: ExecutionView, end: str) -> str:
    within = f"in {execution.within}" if execution.within else ""
    about = [", ".join(filter(None, (end, within))), counted_missing(execution)]
    return "".join([execution.name, *(f" ({text})" for text in about if text)])


def _checks(execution: ExecutionView) -> str:
    verdicts = execution.verdicts
    count = getattr(verdicts, verdicts.outcome, 0)
    return f"{count:,} {verdicts.outcome}" if verdicts else ""


_CELLS: dict[str, _Cell] = {
    "ID": lambda execution: execution.id,
    "STATUS": lambda execution: execution.status,
    "CHECKS": _checks,
    "STARTED": lambda execution: format_moment(execution.started),
    "DURATION": lambda execution: format_took(execution.duration, execution.status),
}

_SHORT_CELLS: dict[str, _Cell] = {
    "ID": lambda execution: execution.id.rpartition("-")[2],
    "STARTED": lambda execution: format_moment(execution.started)[len("2026-") : len("2026-11-29 12:00")],
}

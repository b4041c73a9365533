"""``obs ls``: the executions of a store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from obs_core.commands.base import Command
from obs_core.commands.choosing import add_filters, chosen, narrows
from obs_core.commands.printed_json import execution_as_json, json_line
from obs_core.model import ExecutionView
from obs_core.outcomes import OUTCOMES
from obs_core.store import open_store
from obs_core.text.durations import format_duration, format_moment
from obs_core.text.missing import counted_missing
from obs_core.text.terminal import Screen, cut

_COLUMNS = ("ID", "STATUS", "STARTED", "DURATION", "NAME")

_STYLES = {"failed": "red", "lost": "yellow", "running": "cyan", "succeeded": "green"}
_VERDICT_STYLES = {"failed": "red", "warned": "yellow", "passed": "green"}


class ListExecutions(Command):
    """List executions, newest first."""

    name = "ls"
    summary = "list executions, newest first"
    examples = (
        ("obs ls --status failed --since 7d", "what failed this week"),
        ("obs ls --status failed --status lost -n 0", "all that failed, were killed or crashed"),
        (
            "obs ls --verdict failed",
            "whose checks failed, though the code may have succeeded",
        ),
        ("obs ls --name flights --limit 0 --json", "all executions of one name, for another program"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        add_filters(parser, limit=20)
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def run(self, arguments: argparse.Namespace) -> int:
        found, rest = chosen(arguments)
        if arguments.json:
            for execution in found:
                print(json_line(self.name, _as_json(execution)))
            return 0
        shown = list(found)
        if shown:
            print("\n".join(_table(shown, Screen.of(sys.stdout))))
            if next(rest, None) is not None:
                print(f"… and older ones: only the newest {len(shown)} are shown, -n 0 shows all")
        elif narrows(arguments):
            print("no execution matches")
        else:
            store = open_store(arguments.store).url
            print(f"no executions yet in the store {store!r}: call a function decorated with @task")
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


def _table(executions: list[ExecutionView], screen: Screen) -> Iterator[str]:
    rows = [_COLUMNS, *map(_row, executions)]
    if any(execution.verdicts for execution in executions):
        checks = ["CHECKS", *map(_checks, executions)]
        rows = [(*row[:2], said, *row[2:]) for row, said in zip(rows, checks, strict=True)]
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    room = max(screen.width - sum(widths) - 2 * len(widths), 12)
    for number, (*cells, name) in enumerate(rows):
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        if number:
            padded[1] = screen.paint(padded[1], _STYLES.get(cells[1], "dim"))
            if len(padded) > len(_COLUMNS) - 1:
                padded[2] = screen.paint(padded[2], _VERDICT_STYLES.get(cells[2].rpartition(" ")[2], "dim"))
        name = screen.name(name)
        yield "  ".join([*padded, cut(name, room) if screen.colour else name]).rstrip()


def _checks(execution: ExecutionView) -> str:
    verdicts = execution.verdicts
    count = getattr(verdicts, verdicts.outcome, 0)
    return f"{count:,} {verdicts.outcome}" if verdicts else ""


def _row(execution: ExecutionView) -> tuple[str, ...]:
    within = f" (in {execution.within})" if execution.within else ""
    missing = counted_missing(execution)
    return (
        execution.id,
        execution.status,
        format_moment(execution.started),
        format_duration(execution.duration),
        f"{execution.name}{within}{f' ({missing})' if missing else ''}",
    )

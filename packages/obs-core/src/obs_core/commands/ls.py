"""``obs ls``: the executions of a store."""

from __future__ import annotations

import argparse
import itertools

from obs_core.commands.base import Command, CommandError
from obs_core.model import ExecutionView
from obs_core.reading.listing import list_executions
from obs_core.text.durations import format_duration, format_moment
from obs_core.text.terminal import printable

_COLUMNS = ("ID", "STATUS", "STARTED", "DURATION", "NAME")


class ListExecutions(Command):
    """List executions, newest first."""

    name = "ls"
    summary = "list executions, newest first"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "-n", "--limit", type=int, default=20, metavar="N", help="how many at the most (20; 0: all)"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.limit < 0:
            raise CommandError(f"--limit counts executions, got {arguments.limit} (0 shows all)")
        found = list(itertools.islice(list_executions(arguments.store), arguments.limit or None))
        if not found:
            print("no executions yet: call a function decorated with @task")
            return 0
        print(_table([_COLUMNS, *map(_row, found)]))
        return 0


def _row(execution: ExecutionView) -> tuple[str, ...]:
    return (
        execution.id,
        execution.status,
        format_moment(execution.started),
        format_duration(execution.duration),
        printable(execution.name),
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)

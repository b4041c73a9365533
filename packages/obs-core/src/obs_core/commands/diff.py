"""``obs diff``: what changed between two executions."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from obs_core.commands.base import EXECUTION_HELP, Command, CommandError, check_folder
from obs_core.commands.printed_json import execution_as_json, json_document
from obs_core.reading.changes.drawing import as_text
from obs_core.reading.changes.result import Changes
from obs_core.reading.execution import load_execution
from obs_core.text.terminal import Screen

__all__ = ["Diff"]


class Diff(Command):
    """Print what changed between an execution and the last good one of its name, or any other."""

    name = "diff"
    summary = "print what changed since the last good execution, or between two"
    examples = (
        ("obs diff", "the last execution against the last good one of its name"),
        ("obs diff flights", "the newest flights against its last good one"),
        ("obs diff 7mva k3v9xq --patch", "from one to the other, with the diffs of the code"),
        ("obs diff flights --markdown", "for a pull request"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "id", metavar="A", nargs="?", default="last", help=f"{EXECUTION_HELP}; default: the last execution"
        )
        parser.add_argument(
            "other",
            metavar="B",
            nargs="?",
            help="compare A with B, which came later; default: A with its last good one",
        )
        parser.add_argument(
            "-n", "--limit", type=int, default=20, metavar="N", help="how many changes (default 20; 0: all)"
        )
        parser.add_argument("-p", "--patch", action="store_true", help="include the diffs of sources and commits")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--json", action="store_true", help="print JSON")
        how.add_argument("--markdown", action="store_true", help="print Markdown, such as for a pull request")

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.limit < 0:
            raise CommandError(f"--limit must be 0 (all) or more, got {arguments.limit}")
        found = _compared(arguments)
        if arguments.json:
            print(json_document(self.name, _as_json(found)))
        elif arguments.markdown:
            print(found.to_markdown(arguments.limit or sys.maxsize), end="")
        else:
            screen = Screen.of(sys.stdout)
            print(screen.draw(as_text(found, screen, arguments.limit or None, details=arguments.patch)))
        return 0


def _compared(arguments: argparse.Namespace) -> Changes:
    check_folder(arguments.store)
    one = load_execution(arguments.id, arguments.store)
    if arguments.other is None:
        return one.changes()
    return load_execution(arguments.other, arguments.store).changes(one)


def _as_json(found: Changes) -> dict[str, Any]:
    return {
        "execution": execution_as_json(found.execution),
        "other": None if found.other is None else execution_as_json(found.other),
        "chosen": found.chosen,
        "changes": found.found,
        "usual": found.usual,
        "earlier": found.earlier,
        "same": found.same,
        "unknown": found.unknown,
    }

"""``obs why``: why an execution ended as it did."""

from __future__ import annotations

import argparse
import shlex
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import msgspec

from obs_core.commands.base import OfOneExecution
from obs_core.commands.printed_json import execution_as_json, json_document
from obs_core.provenance import command_name
from obs_core.reading.execution import Execution
from obs_core.reading.why import Why, sections_of
from obs_core.text.durations import format_iso
from obs_core.text.terminal import Screen

__all__ = ["WhyItEnded"]


class WhyItEnded(OfOneExecution):
    """Print why an execution ended as it did, and what that rests on."""

    name = "why"
    summary = "print why an execution failed, was killed, or hangs"
    examples = (
        ("obs why", "the last execution"),
        ("obs why flights", "the newest execution of a name"),
        ("obs why 7mva --json", "the one whose id ends in 7mva, for another program"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        super().configure(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        found = execution.why()
        if arguments.json:
            print(json_document(self.name, _as_json(execution, found)))
            return 0
        screen = Screen.of(sys.stdout)
        print(screen.draw("\n".join(_lines(execution, found, screen))))
        return 0


def _as_json(execution: Execution, found: Why) -> dict[str, Any]:
    told = msgspec.structs.asdict(found)
    for repeated in ("name", "status", "beyond"):
        del told[repeated]
    return {
        **told,
        "execution": execution_as_json(execution.view),
        "at": format_iso(found.at),
        "error": [{"text": text, "place": place} for text, place in found.error],
        "inputs": [{"name": name, "value": value} for name, value in found.inputs],
        "open": [
            msgspec.structs.asdict(one) | {"start": format_iso(one.start), "duration": one.duration / 1e9}
            for one in found.open
        ],
    }


def _lines(execution: Execution, found: Why, screen: Screen) -> Iterator[str]:
    yield from _wrapped(found.paragraph, screen)
    for title, entries in _sections(execution, found):
        if entries:
            yield ""
            yield screen.paint(title, "bold")
            for entry in entries:
                yield from _wrapped(entry, screen, "  ")


def _sections(execution: Execution, found: Why) -> Iterator[tuple[str, list[str]]]:
    yield from sections_of(found)
    yield "Execution", [found.execution]
    if found.task:
        short = found.execution.rpartition("-")[2]
        typed = f"{command_name()} show {short} --task {shlex.quote(found.task)} --text"
        yield "More", [f"{typed}  shows {_shown_of(execution, found.task_id)}"]


_TOLD_TABS = {"Input": "what it was given", "Source Code": "its source", "Error": "the traceback"}


def _shown_of(execution: Execution, task_id: str) -> str:
    """Tell what a task's report has: one that was killed got no further than its input."""
    there = {deck.name for deck in execution._assembly.decks.get(task_id, ())}
    told = [text for name, text in _TOLD_TABS.items() if name in there] or ["what was recorded of it"]
    return " and ".join([*filter(None, [", ".join(told[:-1])]), told[-1]])


def _wrapped(text: str, screen: Screen, indent: str = "") -> list[str]:
    return textwrap.wrap(
        screen.name(text),
        screen.width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  " if indent else "",
        break_on_hyphens=False,
        max_lines=20,
        placeholder=" …",
    ) or [""]

"""``obs why``: why an execution ended as it did."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator

from obs_core.commands.base import OfOneExecution
from obs_core.reading.execution import Execution
from obs_core.reading.why import Why
from obs_core.text.durations import format_duration
from obs_core.text.terminal import Screen

__all__ = ["WhyItEnded"]


class WhyItEnded(OfOneExecution):
    """Print why an execution ended as it did, and what that rests on."""

    name = "why"
    summary = "print why an execution failed, was killed, or hangs"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        super().configure(parser)
        parser.add_argument("--json", action="store_true", help="as JSON")

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        found = execution.why()
        if arguments.json:
            import msgspec

            print(msgspec.json.format(msgspec.json.encode(found)).decode())
            return 0
        screen = Screen.of(sys.stdout)
        print(screen.draw("\n".join(_lines(found, screen))))
        return 0


def _lines(found: Why, screen: Screen) -> Iterator[str]:
    yield from _wrapped(found.paragraph, screen)
    for title, entries in _sections(found):
        if entries:
            yield ""
            yield screen.paint(title, "bold")
            for entry in entries:
                yield from _wrapped(entry, screen, "  ")


def _sections(found: Why) -> Iterator[tuple[str, list[str]]]:
    yield "Exception", [f"{text}  ({place})" if place else text for text, place in found.error]
    yield "Stack, innermost call first", [str(frame) for frame in found.stack]
    yield (
        "Open at the end",
        [f"{'task ' if one.is_task else ''}{one.name}, for {format_duration(one.duration)}" for one in found.open],
    )
    yield "Last lines", found.lines
    yield "Inputs", [f"{name}: {text}" for name, text in found.inputs]
    if found.memory is not None:
        yield "Memory", [f"{found.memory} ({found.memory.of})"]
    if found.last_success is not None:
        yield f"Since the last good run ({found.last_success})", found.differences
    yield ("Known" if found.known else "Concluded"), found.evidence
    yield "Execution", [found.execution]


def _wrapped(text: str, screen: Screen, indent: str = "") -> list[str]:
    return textwrap.wrap(
        screen.name(text),
        screen.width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  " if indent else "",
        break_on_hyphens=False,
        max_lines=12,
        placeholder=" …",
    ) or [""]

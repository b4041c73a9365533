"""What is profiled and what is drawn: checked when a function is decorated, not after its night's work."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from msgspec import Struct

from obs_memray.stacks import Body

if TYPE_CHECKING:
    import argparse

__all__ = ["REPORTERS", "Options", "Reporter", "View", "parser_of", "read_reporter_arguments", "reporters_of"]

Reporter = Literal["flamegraph", "table"]

REPORTERS: dict[str, str] = {"flamegraph": "Memray Flamegraph", "table": "Memray Table"}
"""The deck of each of memray's HTML reporters."""


class View(Struct, frozen=True):
    """Which allocations a report shows, and how.

    Attributes:
        leaks: Those that were not freed by the end, instead of those at the peak.
        temporary_threshold: Those that were freed before this many others; -1 for no such report.
        split_threads: Keep the threads apart.
        inverted: Begin with the innermost function.
        max_memory_records: Points of memray's own chart over time at most.
        temporal: Let the flame graph be of any stretch of time, chosen on its page.
        confidential_files: Of which files no source is shown: memray's ``"default"``, ``"all"`` or ``"none"``.
        output: A file that gets memray's page too.
        overwrite: Whether that file may be there already.
    """

    leaks: bool = False
    temporary_threshold: int = -1
    split_threads: bool = False
    inverted: bool = False
    max_memory_records: int = 10_000
    temporal: bool = False
    confidential_files: str = "default"
    output: str | None = None
    overwrite: bool = False


class Options(Struct, frozen=True):
    """What the decks of a capture are made with; it travels with the capture.

    Attributes:
        reporters: memray's HTML reporters to draw.
        view: What they show.
        task: The task's name.
        max_capture_mb: The size cap.
        body: The code that is profiled.
    """

    reporters: tuple[str, ...] = ("flamegraph",)
    view: View = View()
    task: str = ""
    max_capture_mb: int = 2048
    body: Body = Body()


def reporters_of(given: str | Sequence[str]) -> tuple[str, ...]:
    """Read the reporters that a user names.

    Raises:
        ValueError: memray has no such HTML reporter.
    """
    named = (given,) if isinstance(given, str) else tuple(given)
    for name in named:
        if name not in REPORTERS:
            raise ValueError(f"{name} is not a supported html reporter.")
    return tuple(dict.fromkeys(named))


def read_reporter_arguments(arguments: Sequence[object], reporters: Sequence[str]) -> View:
    """Read arguments as memray's command line takes them.

    Args:
        arguments: Such as ``["--leaks", "--max-memory-records", "50"]``, or several in one text, as in a shell.
        reporters: The reporters that get them.

    Raises:
        ValueError: One of them is unknown to a reporter, has a wrong value, or excludes another one.
    """
    words = [word for one in map(str, arguments) for word in (shlex.split(one) if one.startswith("-") else [one])]
    if not words:
        return View()
    found = [_parsed(words, reporter) for reporter in reporters][-1]
    if found.get("output") and len(reporters) > 1:
        raise ValueError(f"--output is one file, and there are {len(reporters)} reporters: {', '.join(reporters)}")
    return View(**found)


def _parsed(words: list[str], reporter: str) -> dict[str, Any]:
    parser = parser_of(reporter)
    found, unknown = parser.parse_known_args(words)
    if unknown:
        known = " ".join(option for action in parser._actions for option in action.option_strings)
        raise ValueError(f"{unknown[0]} is not an argument of memray {reporter}, which knows {known}")
    if found.temporal and found.temporary_threshold >= 0:
        raise ValueError("--temporal and --temporary-allocations exclude each other: choose one")
    if found.max_memory_records < 1:
        raise ValueError(f"--max-memory-records is at least 1, not {found.max_memory_records}")
    return {name: value for name, value in vars(found).items() if name != "no_web"}


def parser_of(reporter: str) -> argparse.ArgumentParser:
    """Make a parser of the arguments that memray's command of this name takes; memray's own needs memray's imports."""
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise ValueError(f"memray {reporter}: {message}")

    parser = Parser(add_help=False, allow_abbrev=True)
    parser.set_defaults(**{name: getattr(View(), name) for name in View.__struct_fields__})
    parser.add_argument("-o", "--output", default=None)
    parser.add_argument("-f", "--force", action="store_true", dest="overwrite")
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("--leaks", action="store_true")
    one_of.add_argument("--temporary-allocation-threshold", type=int, dest="temporary_threshold")
    one_of.add_argument("--temporary-allocations", action="store_const", const=1, dest="temporary_threshold")
    parser.add_argument("--split-threads", action="store_true")
    parser.add_argument("--no-web", action="store_true", default=argparse.SUPPRESS)
    if reporter == "flamegraph":
        parser.add_argument("--temporal", action="store_true")
        parser.add_argument("--inverted", action="store_true")
        parser.add_argument("--max-memory-records", type=int)
        parser.add_argument("--confidential-files", choices=["all", "none", "default"])
    return parser

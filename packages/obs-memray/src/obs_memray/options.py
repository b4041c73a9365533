"""What is profiled and what is drawn: checked when a function is decorated, not after its night's work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

__all__ = ["REPORTERS", "Options", "Reporter", "View", "read_reporter_arguments", "reporters_of"]

Reporter = Literal["flamegraph", "table"]

REPORTERS: dict[str, str] = {"flamegraph": "Memray Flamegraph", "table": "Memray Table"}
"""The deck of each of memray's HTML reporters."""

_FLAGS = {"--leaks", "--temporary-allocations", "--split-threads", "--no-web"}
_OF_FLAMEGRAPH = {"--inverted"}
_WITH_NUMBER = {"--temporary-allocation-threshold", "--max-memory-records"}


class View(Struct, frozen=True):
    """Which allocations a report shows, and how.

    Attributes:
        leaks: Those that were not freed by the end, instead of those at the peak.
        temporary_threshold: Those that were freed before this many others; -1 for no such report.
        split_threads: Keep the threads apart.
        inverted: Begin with the innermost function.
        max_memory_records: Points of memray's own chart over time at the most.
    """

    leaks: bool = False
    temporary_threshold: int = -1
    split_threads: bool = False
    inverted: bool = False
    max_memory_records: int = 10_000


class Options(Struct, frozen=True):
    """What the decks of a capture are made with; it travels with the capture.

    Attributes:
        reporters: memray's HTML reporters to draw.
        view: What they show.
        task: The task's name.
        stopped_at_mb: The size cap.
    """

    reporters: tuple[str, ...] = ("flamegraph",)
    view: View = View()
    task: str = ""
    max_capture_mb: int = 2048


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


def read_reporter_arguments(arguments: Sequence[str], reporters: Sequence[str]) -> View:
    """Read arguments as memray's command line takes them.

    Args:
        arguments: Such as ``["--leaks", "--split-threads"]``.
        reporters: The reporters that get them.

    Raises:
        ValueError: One of them is unknown to a reporter, lacks its number, or two exclude each other.
    """
    found = _parsed(list(arguments), _known_to(reporters), reporters)
    threshold = 1 if "--temporary-allocations" in found else found.get("--temporary-allocation-threshold", -1)
    if "--leaks" in found and threshold >= 0:
        raise ValueError("--leaks and --temporary-allocations exclude each other: choose one")
    return View(
        leaks="--leaks" in found,
        temporary_threshold=threshold,
        split_threads="--split-threads" in found,
        inverted="--inverted" in found,
        max_memory_records=found.get("--max-memory-records", View().max_memory_records),
    )


def _known_to(reporters: Sequence[str]) -> set[str]:
    return _FLAGS | _WITH_NUMBER | (_OF_FLAMEGRAPH if set(reporters) == {"flamegraph"} else set())


def _parsed(arguments: list[str], known: set[str], reporters: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    while arguments:
        name, separator, value = arguments.pop(0).partition("=")
        if name not in known:
            raise ValueError(f"{name} is not an argument of memray {' and '.join(reporters)}; known: {sorted(known)}")
        if name not in _WITH_NUMBER:
            found[name] = 1
            continue
        number = value if separator else arguments.pop(0) if arguments else ""
        if not number.isdecimal():
            raise ValueError(f"{name} takes a number, not {number!r}")
        found[name] = int(number)
    return found

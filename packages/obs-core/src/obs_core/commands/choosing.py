"""Which executions a command is about: the filters of ``obs ls``."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator

from obs_core import clock
from obs_core.commands.base import CommandError, age_in_seconds, check_folder
from obs_core.model import STATUSES, ExecutionView
from obs_core.outcomes import OUTCOMES
from obs_core.reading.listing import list_executions

__all__ = ["add_filters", "chosen", "narrows"]


def add_filters(parser: argparse.ArgumentParser, limit: int) -> None:
    """Add the options by which executions are chosen.

    Args:
        parser: The command's.
        limit: How many are chosen at most, if nothing else is typed; 0 for all.
    """
    parser.add_argument(
        "-n", "--limit", type=int, default=limit, metavar="N", help=f"how many at most (default: {limit}; 0: all)"
    )
    parser.add_argument(
        "--status",
        choices=sorted(STATUSES),
        action="append",
        default=[],
        help="only this status; repeat it for several. A killed execution is lost; that of obs run, which saw the kill,"
        " is failed",
    )
    parser.add_argument(
        "--verdict",
        choices=(*OUTCOMES, "none"),
        action="append",
        default=[],
        help="only executions with this worst verdict; none: nothing was checked",
    )
    parser.add_argument("--name", metavar="TEXT", help="only executions whose name contains this text")
    parser.add_argument(
        "--tag", metavar="NAME[=VALUE]", action="append", default=[], help="only executions with this tag"
    )
    parser.add_argument("--since", metavar="AGE", help="only executions that began in the last 5m, 12h, 30d")


def chosen(arguments: argparse.Namespace) -> tuple[Iterator[ExecutionView], Iterator[ExecutionView]]:
    """Return the executions that were asked for, newest first, and those that the limit cuts off.

    Args:
        arguments: What was typed, with ``store`` and the options of `add_filters`.

    Raises:
        CommandError: It cannot be meant.
    """
    if arguments.limit < 0:
        raise CommandError(f"--limit must be 0 (all) or more, got {arguments.limit}")
    check_folder(arguments.store)
    found = filter(_choice(arguments), _young(list_executions(arguments.store), arguments.since))
    return itertools.islice(found, arguments.limit or None), found


def narrows(arguments: argparse.Namespace) -> bool:
    """Tell whether any filter was typed."""
    return any((arguments.status, arguments.verdict, arguments.name, arguments.tag, arguments.since))


def _young(executions: Iterator[ExecutionView], since: str | None) -> Iterator[ExecutionView]:
    if since is None:
        return executions
    begin = clock.epoch() - int(age_in_seconds(since) * 1e9)
    return itertools.takewhile(lambda execution: execution.started >= begin, executions)


def _choice(arguments: argparse.Namespace) -> Callable[[ExecutionView], bool]:
    tags = [text.partition("=") for text in arguments.tag]

    def is_wanted(execution: ExecutionView) -> bool:
        return (
            (not arguments.status or execution.status in arguments.status)
            and (not arguments.verdict or (execution.verdicts.outcome or "none") in arguments.verdict)
            and (arguments.name or "").lower() in execution.name.lower()
            and all(
                name in execution.tags and (not equals or execution.tags[name] == value) for name, equals, value in tags
            )
        )

    return is_wanted

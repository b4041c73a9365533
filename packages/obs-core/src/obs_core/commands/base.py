"""What a subcommand of ``obs`` is."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from obs_core.failsafe import ObsError
from obs_core.text.durations import parse_age

if TYPE_CHECKING:
    from obs_core.reading.execution import Execution

__all__ = ["EXECUTION_HELP", "Command", "CommandError", "OfOneExecution", "age_in_seconds", "check_folder"]

EXECUTION_HELP = "an id, its beginning or end, a name (its newest execution), or last"
"""How an execution is named, by all commands."""


class CommandError(ObsError):
    """Wrong input on the command line: one line that says what is wrong and what to type."""


class Command:
    """A subcommand of ``obs``. Other packages add theirs through the entry point group ``obs.commands``.

    Attributes:
        name: What is typed.
        summary: One line for ``obs --help``.
        examples: What one may type, and what that does; shown below the command's own ``--help``.
    """

    name: str
    summary: str
    examples: tuple[tuple[str, str], ...] = ()

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the subcommand's own arguments; ``--store`` is there already.

        Args:
            parser: The subcommand's parser.
        """

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command.

        Args:
            arguments: What was typed; ``arguments.store`` may be None.

        Returns:
            The exit code.

        Raises:
            ObsError: It cannot be done; shown as one line, exit code 2.
        """
        raise NotImplementedError


class OfOneExecution(Command):
    """A command about one execution, which is named in one way by all of them."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the execution that is meant."""
        parser.add_argument(
            "id",
            metavar="ID",
            nargs="?",
            default="last",
            help=f"{EXECUTION_HELP}; default: the last execution",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Find the execution and go on with it."""
        from obs_core.reading.execution import load_execution

        check_folder(arguments.store)
        return self.run_on(load_execution(arguments.id, arguments.store), arguments)

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        """Do it with the execution that was meant.

        Args:
            execution: The execution.
            arguments: What was typed.
        """
        raise NotImplementedError


def check_folder(store: str | None) -> None:
    """Say so if the folder that was typed is not there: it would look like a store without executions.

    Args:
        store: What was typed after ``--store``; None if nothing was.

    Raises:
        CommandError: There is no such folder.
    """
    from obs_core.store import StoreError, folder_of, open_store

    folder = None if store is None else folder_of(store)
    if folder is None or os.path.isdir(folder):
        return
    from obs_core.assembly.loading import existing
    from obs_core.settings import store_url

    try:
        existing(store)  # it may be this process's own, which has not written it yet
    except StoreError as error:
        raise CommandError(f"{error}; without --store the store is {open_store(store_url()).url!r}") from None


def age_in_seconds(text: str) -> float:
    """Return an age that was typed, such as ``"30d"``, in seconds.

    Raises:
        CommandError: It is none.
    """
    try:
        return parse_age(text) / 1e9
    except ValueError as error:
        raise CommandError(str(error)) from None

"""What a subcommand of ``obs`` is."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import TYPE_CHECKING

from obs_core.failsafe import ObsError

if TYPE_CHECKING:
    from obs_core.reading.execution import Execution

__all__ = ["Command", "CommandError", "OfOneExecution", "other_program", "typed"]


class CommandError(ObsError):
    """Wrong input on the command line: one line that says what is wrong and what to type."""


def other_program() -> str:
    """Return the path of another program that is called ``obs`` and comes first on PATH; empty if there is none."""
    found = shutil.which("obs")
    if found is None:
        return ""
    own = os.path.join(os.path.dirname(sys.executable), "")
    try:
        with open(found, "rb") as file:
            return "" if os.path.realpath(found).startswith(own) or b"obs_core" in file.read(4096) else found
    except OSError:
        return found


def typed() -> str:
    """Return how the command is typed here: ``obs``, or ``python -m obs_core`` where that is another program."""
    return "obs" if shutil.which("obs") and not other_program() else "python -m obs_core"


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
        """Add the subcommand's own arguments; ``--store`` is there already."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it.

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
            help="an id, the beginning or the end of one, or a name, which means its newest; default: the last one",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Find the execution and go on with it."""
        from obs_core.reading.execution import load_execution

        return self.run_on(load_execution(arguments.id, arguments.store), arguments)

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:
        """Do it with the execution that was meant.

        Args:
            execution: The execution.
            arguments: What was typed.
        """
        raise NotImplementedError

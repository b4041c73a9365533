"""What a subcommand of ``obs`` is."""

from __future__ import annotations

import argparse

from obs_core.failsafe import ObsError


class CommandError(ObsError):
    """Wrong input on the command line: one line that says what is wrong and what to type."""


class Command:
    """A subcommand of ``obs``. Other packages add theirs through the entry point group ``obs.commands``.

    Attributes:
        name: What is typed.
        summary: One line for ``obs --help``.
    """

    name: str
    summary: str

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

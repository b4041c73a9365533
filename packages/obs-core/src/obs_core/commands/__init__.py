"""The ``obs`` command: `main`, and `Command`, of which other packages make theirs."""

from obs_core.commands.base import Command, CommandError
from obs_core.commands.main import main

__all__ = ["Command", "CommandError", "main"]

"""The commands that obs-core brings."""

from __future__ import annotations

from importlib import import_module

from obs_core.commands.base import Command

__all__ = ["NAMES", "OF_AN_EXECUTION", "builtin"]

_CLASSES = {
    "ls": "ls.ListExecutions",
    "show": "show.Show",
    "open": "show.Open",
    "explain": "show.Explain",
    "why": "why.WhyItEnded",
    "diff": "diff.Diff",
    "check": "check.Check",
    "run": "run.Run",
    "logs": "logs.Logs",
    "watch": "watch.Watch",
    "dump": "show.Dump",
    "stacks": "show.Stacks",
    "export": "show.Export",
    "gc": "gc.CollectGarbage",
    "pin": "gc.Pin",
    "doctor": "doctor.Doctor",
}
"""Where each is, in the order of ``obs --help``: whoever types one waits for its imports alone."""

NAMES = tuple(_CLASSES)

OF_AN_EXECUTION = frozenset(NAMES) - {"ls", "run", "gc", "doctor"}
"""Those that are told an execution: a shell that completes one does not wait until the command itself is loaded."""


def builtin(name: str) -> Command:
    """Return the command of this name, which is one of `NAMES`."""
    module, _, attribute = _CLASSES[name].partition(".")
    command: Command = getattr(import_module(f"obs_core.commands.{module}"), attribute)()
    return command

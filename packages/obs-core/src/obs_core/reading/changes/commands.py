"""Commands as executions tell them: ``obs run`` tells all that was typed, a program only what Python gave it."""

from __future__ import annotations

import os
import shlex
from typing import NamedTuple

from obs_core.assembly.assembly import Assembly
from obs_core.journal.numbering import SUPERVISOR
from obs_core.provenance import run_by_python

__all__ = ["Command", "alike", "command_of"]


class Command(NamedTuple):
    """The command of an execution.

    Attributes:
        text: It, as it was told.
        is_whole: Whether ``obs run`` told it: the program did not come to begin its execution.
    """

    text: str
    is_whole: bool


def command_of(assembly: Assembly) -> Command:
    """Return the command of an execution.

    Args:
        assembly: The execution.
    """
    program = assembly.program
    return Command(assembly.view.command, program is not None and program.name == SUPERVISOR)


def alike(before: Command, after: Command) -> tuple[str, str]:
    """Return two commands as both can be told; the same text twice if nothing is known to be different.

    Args:
        before: The earlier one.
        after: The later one.

    Examples:
        >>> alike(Command("train.py --fast", False), Command("python -u train.py", True))
        ('train.py --fast', 'train.py')
        >>> alike(Command("train.py", False), Command("bash night.sh", True))
        ('train.py', 'train.py')
        >>> alike(Command("/my jobs/train.py a b", False), Command("python -m train 'a b'", True))
        ('/my jobs/train.py a b', '/my jobs/train.py a b')
    """
    if before.is_whole == after.is_whole:
        return before.text, after.text
    if before.is_whole:
        was, now = alike(after, before)
        return now, was
    return before.text, _as_the_program(before.text, after.text)


def _as_the_program(own: str, whole: str) -> str:
    """Return what a program would tell of a whole command, by what it has told; that, if this cannot be known."""
    try:
        words = shlex.split(whole)
    except ValueError:  # a program's name may be anything
        return own
    python = run_by_python(words)
    seen = words if python is None else ["-c", *python[1]] if python[0] == "-c" else python[1]
    if not seen:
        return own
    name, arguments = _name(seen[0]), " ".join(["", *seen[1:]])
    if own.endswith(arguments) and _name(own.removesuffix(arguments)) == name:
        return own
    known = own.partition(" ")[0]
    if _name(known) == name:
        return shlex.join([known, *seen[1:]])
    return " ".join(seen) if python is not None else own  # a script of a shell's may have run it


def _name(program: str) -> str:
    """Return what a script, its path, and its module's name have in common."""
    folder, file = os.path.split(program.rstrip(os.sep))
    stem = file.removesuffix(".py")
    return os.path.basename(folder) if stem == "__main__" else stem.rpartition(".")[2]

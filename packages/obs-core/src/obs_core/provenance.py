"""Where an execution came from: user, command and git commit, read without starting any process."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence

from obs_core.files import is_file, is_folder
from obs_core.interruptions import let_pass


def command() -> str:
    """Return the command line of this process."""
    return " ".join(map(str, _arguments()))


def script_name() -> str:
    """Return a short name for this process: its script's or notebook's, or ``"python"`` in a console."""
    notebook = os.environ.get("JPY_SESSION_NAME", "")  # Jupyter's server tells its kernels
    if notebook.endswith(".ipynb"):
        return os.path.splitext(os.path.basename(notebook))[0]
    name = os.path.basename(str(next(iter(_arguments()), "")))
    stem = os.path.splitext(name)[0]
    return stem if stem not in ("", "-c", "-m", "ipykernel_launcher", "colab_kernel_launcher") else "python"


_WITH_A_VALUE = ("-W", "-X", "--check-hash-based-pycs")
"""Options of Python's that the next word belongs to."""


def run_by_python(command: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return what a command lets Python run; None if it is not one of Python's.

    Args:
        command: Its words.

    Returns:
        ``"-m"`` or ``"-c"`` if it is a module or code, else an empty text; and the words that are left: the module or
        the script, and the arguments that it is given.

    Examples:
        >>> run_by_python(["python3", "-W", "ignore", "jobs/train.py", "--fast"])
        ('', ['jobs/train.py', '--fast'])
        >>> run_by_python(["python", "-c", "print(1)", "a"]), run_by_python(["bash", "night.sh"])
        (('-c', ['a']), None)
    """
    if not command or not os.path.basename(command[0]).startswith("python"):
        return None
    at = 1
    while at < len(command) and command[at].startswith("-"):
        if command[at] in ("-m", "-c"):
            return command[at], list(command[at + (1 if command[at] == "-m" else 2) :])
        at += 2 if command[at] in _WITH_A_VALUE else 1
    return "", list(command[at:])


def code_name(file: str) -> str:
    """Return how people call the file that code is in: a notebook's cell is ``In[7]``, any other file itself.

    Args:
        file: The ``co_filename`` of the code; of a cell, a made-up name such as ``/tmp/ipykernel_812/3788835196.py``.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    told = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(file)
    return told[1] if told else file


def _arguments() -> list[str]:
    return getattr(sys, "argv", None) or []  # inside another program, or while the interpreter ends, there is none


def working_folder() -> str:
    """Return the working folder; empty if it was removed meanwhile."""
    try:
        return os.getcwd()
    except OSError as error:
        let_pass(error)
        return ""


@functools.cache
def user() -> str:
    """Return the name of whoever runs this process; empty where it has none."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if name := os.environ.get(variable):
            return name
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError) as error:
        let_pass(error)
        return ""


@functools.lru_cache(maxsize=64)
def git_commit(folder: str) -> str:
    """Return the commit that is checked out in a folder or above it; empty outside of a repository.

    Source of the file layout: gitrepository-layout(5).
    """
    git = _git_folder(folder) if folder else None
    if git is None:
        return ""
    head = _read(os.path.join(git, "HEAD"))
    return _resolve(git, head[5:].strip()) if head.startswith("ref: ") else head


def _git_folder(folder: str) -> str | None:
    while True:
        candidate = os.path.join(folder, ".git")
        if is_folder(candidate):
            return candidate
        if is_file(candidate):
            pointer = _read(candidate).removeprefix("gitdir: ")
            return os.path.normpath(os.path.join(folder, pointer))
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _resolve(git: str, name: str) -> str:
    common = _read(os.path.join(git, "commondir"))
    for place in (git, os.path.join(git, common) if common else git):
        if commit := _read(os.path.join(place, *name.split("/"))):
            return commit
        for line in _read(os.path.join(place, "packed-refs")).splitlines():
            if line.endswith(f" {name}"):
                return line.partition(" ")[0]
    return ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError as error:
        let_pass(error)
        return ""


def other_program() -> str:
    """Return the path of another program that is called ``obs`` and comes first on PATH; empty if there is none."""
    import shutil

    found = shutil.which("obs")
    if found is None:
        return ""
    own = os.path.join(os.path.dirname(sys.executable), "")
    try:
        with open(found, "rb") as file:
            return "" if os.path.realpath(found).startswith(own) or b"obs_core" in file.read(4096) else found
    except OSError as error:
        let_pass(error)
        return found


def command_name() -> str:
    """Return what is typed for our command here: ``obs``, or ``python -m obs_core`` where that is another program."""
    import shutil

    return "obs" if shutil.which("obs") and not other_program() else "python -m obs_core"

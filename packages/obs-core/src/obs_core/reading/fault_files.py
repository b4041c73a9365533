"""Read what `faulthandler` wrote while a process crashed or got SIGTERM."""

from __future__ import annotations

import re

from msgspec import Struct

from obs_core.store.base import Store
from obs_core.store.paths import execution_path, faults_path

__all__ = ["Fault", "Frame", "fault_files", "innermost_own", "is_own_code", "without_obs"]

_NAME = re.compile(r"faults-(\w+)\.txt", re.ASCII)
_MOST_READ = 256 * 1024
_FATAL = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)
_THREAD = re.compile(r"^(?:Current thread|Thread|Stack) .*\(most recent call first\):$")
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')
_INSTALLED = re.compile(r"[\\/](?:site-packages|dist-packages|obs_core|lib[\\/]python\d[.\d]*)[\\/]")

_OF_OBS = re.compile(r"[\\/]obs_core[\\/]")


class Frame(Struct, frozen=True):
    """A call that was under way.

    Attributes:
        file: The source file.
        line: The line in it, from 1 on.
        function: The function's name.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


class Fault(Struct, frozen=True):
    """What one process left.

    Attributes:
        writer: The writer's id.
        at: When it was written, nanoseconds since the epoch.
        fatal: ``"Segmentation fault"`` and the like; empty if SIGTERM came.
        stack: The calls of the thread that was at work, the innermost first.
    """

    writer: str
    at: int
    fatal: str
    stack: list[Frame]


def fault_files(store: Store, execution_id: str) -> list[Fault]:
    """Return what the processes of an execution left, by writer; those that ended well left nothing.

    Args:
        store: Where it is kept.
        execution_id: Its id.
    """
    found = []
    for name in store.names(execution_path(execution_id)):
        if (of := _NAME.fullmatch(name)) is None:
            continue
        path = faults_path(execution_id, of[1])
        try:
            text = store.get(path, 0, _MOST_READ).decode("utf-8", "replace")
            at = int(store.modified(path) * 1e9)
        except OSError:
            continue
        if text.strip():
            found.append(_parsed(of[1], at, text))
    return found


def _parsed(writer: str, at: int, text: str) -> Fault:
    fatal = _FATAL.search(text)
    if fatal is not None:
        text = text[fatal.start() :]
    threads: dict[str, list[Frame]] = {}
    stack: list[Frame] = []
    for line in text.splitlines():
        if _THREAD.match(line):
            stack = threads[line] = []
        elif (frame := _FRAME.match(line)) is not None:
            stack.append(Frame(frame[1], int(frame[2]), frame[3]))
    current = [found for head, found in threads.items() if head.startswith("Current thread")]
    return Fault(writer, at, fatal[1] if fatal else "", next(iter(current or threads.values()), []))


def innermost_own(stack: list[Frame]) -> Frame | None:
    """Return the innermost call of the user's own code, else of any file but obs's; None if there is none."""
    others = without_obs(stack)
    for wanted in (is_own_code, lambda file: not file.startswith("<")):
        for frame in others:
            if wanted(frame.file):
                return frame
    return None


def without_obs(stack: list[Frame]) -> list[Frame]:
    """Leave out the calls of obs itself, which surround each task."""
    return [frame for frame in stack if _OF_OBS.search(frame.file) is None]


def is_own_code(file: str) -> bool:
    """Tell whether a file is the user's: neither installed, nor Python's own, on whatever machine."""
    return not file.startswith("<") and _INSTALLED.search(file) is None

"""Whose a frame is: the user's, a library's, or obs's own."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Sequence
from html import escape
from types import CodeType, FrameType
from typing import Any

from msgspec import Struct

__all__ = ["Body", "Frame", "allocating", "body_of", "is_obs_at_work", "mark_irrelevant", "short_file"]

Frame = tuple[str, str, int]
"""As memray has it: function, file, line."""

# By their paths alone: who reads a killed task's capture may do so on another machine.
_INSTALLED = re.compile(r".*/(?:site|dist)-packages/")
_OF_PYTHON = re.compile(r".*/lib(?:64)?/python3\.\d+/")
_OF_OBS = re.compile(r".*/obs_(?:core|memray)/")
_OF_THIS_PACKAGE = re.compile(r".*/obs_memray/")
_NAMELESS = re.compile(r"<(?:listcomp|setcomp|dictcomp|genexpr|lambda)>")


class Body(Struct, frozen=True):
    """The code that is profiled.

    Attributes:
        function: Its function's name; empty if it is no Python code.
        file: Its file's path.
    """

    function: str = ""
    file: str = ""


def body_of(function: Callable[..., Any] | None) -> Body:
    """Find the code of a decorated function; None stands for the ``with`` block that is being entered."""
    code = _code_around_block() if function is None else _code_of(function)
    return Body() if code is None else Body(code.co_name, code.co_filename)


def _code_around_block() -> CodeType | None:
    frame: FrameType | None = sys._getframe()
    while frame is not None and (
        _OF_OBS.match(frame.f_code.co_filename) or frame.f_globals["__name__"] == "contextlib"
    ):
        frame = frame.f_back
    return None if frame is None else frame.f_code


def _code_of(function: Any) -> CodeType | None:
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    inner = getattr(function, "__wrapped__", None)
    if inner is not None and (code is None or _OF_OBS.match(code.co_filename)):  # such as a span's: look inside
        return _code_of(inner)
    return code if isinstance(code, CodeType) else None


def allocating(stack: Sequence[Frame], body: Body) -> tuple[Frame, Frame]:
    """Find who allocated.

    Args:
        stack: The frames of an allocation, the innermost first.
        body: What is profiled.

    Returns:
        The innermost frame of the user's own code, and the innermost of all. The latter twice, if nothing of the
        user's is there, as in a thread of a library.
    """
    if not stack:
        nobody = ("(no Python frame)", "", 0)
        return nobody, nobody
    own = next((index for index, (_, file, _) in enumerate(stack) if _is_the_users(file, body.file)), 0)
    return _named(stack, own), _named(stack, 0)


def is_obs_at_work(stack: Sequence[Frame], body: Body) -> bool:
    """Tell whether obs allocates for itself: in this package, or in a thread where nothing is the user's."""
    files = [file for _, file, _ in stack]
    if any(map(_OF_THIS_PACKAGE.match, files)):
        return True
    return any(map(_OF_OBS.match, files)) and not any(_is_the_users(file, body.file) for file in files)


def _named(stack: Sequence[Frame], index: int) -> Frame:
    """Give a comprehension the name of the function that it stands in, as Python has it from 3.12 on."""
    _, file, line = stack[index]
    around = (one for one, where, _ in stack[index:] if where == file and not _NAMELESS.fullmatch(one))
    return next(around, stack[index][0]), file, line


def short_file(file: str) -> str:
    """Name a file by its package: ``"pandas/io/parsers/readers.py"``."""
    library = _INSTALLED.match(file) or _OF_PYTHON.match(file)
    if library is not None:
        return file[library.end() :]
    folder, name = os.path.split(file)
    while os.path.isfile(os.path.join(folder, "__init__.py")) and os.path.basename(folder):
        folder, name = os.path.dirname(folder), os.path.join(os.path.basename(folder), name)
    return name


@functools.cache
def _is_the_users(file: str, body_file: str) -> bool:
    if not file or file.startswith(("<frozen ", "<__array_function__")) or _OF_OBS.match(file):
        return False
    installed = _INSTALLED.match(file)
    if installed is None:
        return _OF_PYTHON.match(file) is None
    # A pipeline may be installed as a library is: what shares a package with the profiled function is the user's.
    package = installed.group() + file[installed.end() :].partition("/")[0]
    return body_file == package or body_file.startswith(f"{package}/")


def mark_irrelevant(data: dict[str, Any], body: Body, *, inverted: bool) -> None:
    """Let a flame graph leave out obs's own frames and those that called the body, until somebody asks for them.

    memray does so with the interpreter's frames. What called the body is an event loop, a worker's main loop or the
    rest of the pipeline: it is as wide as the graph and says nothing about the task.

    Args:
        data: memray's data of a flame graph, which is changed.
        body: What is profiled.
        inverted: Whether the innermost frames stand at the root.
    """
    for nodes in (data["nodes"], data["inverted_no_imports_nodes"]):
        if nodes:
            _mark(nodes, data["strings"], (escape(body.function), escape(body.file)), inverted)


def _mark(nodes: dict[str, Any], strings: list[str], body: tuple[str, str], inverted: bool) -> None:
    files = [strings[file] for file in nodes["filename"]]
    is_body = [(strings[function], file) == body for function, file in zip(nodes["function"], files, strict=True)]
    below, above = is_body.copy(), is_body.copy()  # the body, or a node below it in the tree, or above it
    for node, children in enumerate(nodes["children"]):  # a node comes before its children
        for child in children:
            below[child] |= below[node]
    for node in reversed(range(len(files))):
        above[node] |= any(above[child] for child in nodes["children"][node])
    for node, file in enumerate(files):
        calls_body = below[node] and not above[node] if inverted else above[node] and not below[node]
        if node and (calls_body or _OF_OBS.match(file)):
            nodes["interesting"][node] = 0

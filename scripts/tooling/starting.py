"""Which tests start a process: they are a fifth of obs-core's, and take four fifths of the time."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

_STARTING = frozenset(
    ("subprocess", "Popen", "multiprocessing", "get_context", "Process", "ProcessPoolExecutor", "fork", "forkpty")
)
"""Names, of which code that starts a process needs one."""


def starts_a_process(item: pytest.Item) -> bool:
    """Tell whether a test, a fixture that it takes, or a helper that they call, names what starts a process."""
    if not isinstance(item, pytest.Function):
        return False
    fixtures = (each.func for found in item._fixtureinfo.name2fixturedefs.values() for each in found)
    return any(map(_starts, (item.function, *fixtures)))


@functools.cache
def _starts(function: Any) -> bool:
    """Tell whether a function has one of the names; many tests share it, for they are one with other parameters."""
    return _names(function, set())


def _names(found: Any, seen: set[int]) -> bool:
    """Tell whether something of our tests, or what it refers to, has one of the names."""
    if id(found) in seen:
        return False
    seen.add(id(found))
    if isinstance(found, type):
        return found.__module__ != "builtins" and any(_names(one, seen) for one in vars(found).values())
    if (handle := getattr(found, "hypothesis", None)) is not None:  # the test that a property is made of
        return _names(handle.inner_test, seen)
    function = getattr(found, "__func__", found)
    if not isinstance(function, types.FunctionType) or not _is_of_tests(function.__code__):
        return False
    names = set(_names_in(function.__code__))
    around = [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]
    helpers = [function.__globals__[name] for name in names & function.__globals__.keys()]
    return not _STARTING.isdisjoint(names) or any(_names(one, seen) for one in (*around, *helpers))


def _is_of_tests(code: types.CodeType) -> bool:
    path = Path(code.co_filename)
    return path.is_relative_to(ROOT) and "src" not in path.relative_to(ROOT).parts


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _names_in(inner)

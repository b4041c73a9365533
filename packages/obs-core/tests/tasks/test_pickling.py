"""Decorated functions of a script's own, as engines and notebooks send them to other processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

SENT = """
import subprocess, sys
import {pickler} as pickler
from collections.abc import AsyncIterator, Iterator
from obs_core import TaskDecorator, execution, span, task

class announced(TaskDecorator):
    def around(self, call): yield

@task
def plain(n: int) -> int: return n
@task
def rows(n: int) -> Iterator[int]: yield from range(n)
@task
async def arows(n: int) -> AsyncIterator[int]:
    for row in range(n): yield row
@task
async def fetch(n): return n
@span("rows")
def span_rows(n): yield from range(n)
@span("rows")
async def span_arows(n):
    for row in range(n): yield row
@execution("night")
def night(n): return n
@announced
def decorated(n): return n
@announced
@task
def above(n): return n
@task
@announced
def below(n): return n
class Model:
    @task
    def fit(self, n): return n

plain(1), list(rows(1))  # what is remembered of a function is no hindrance
functions = [plain, rows, arows, fetch, span_rows, span_arows, night, decorated, above, below, Model().fit]
receiver = '''
import asyncio, inspect, sys
import {pickler} as pickler
for function in pickler.load(sys.stdin.buffer):
    given = function(2)
    if inspect.isasyncgen(given):
        async def used_up(): return [row async for row in given]
        given = asyncio.run(used_up())
    elif inspect.iscoroutine(given):
        given = asyncio.run(given)
    elif inspect.isgenerator(given):
        given = list(given)
    print(function.__name__, given, end="; ")
'''
subprocess.run([sys.executable, "-c", receiver], input=pickler.dumps(functions), check=True)
"""


@pytest.mark.parametrize("pickler", ["cloudpickle", "dill"])
def test_decorated_functions_of_a_script_can_be_sent_to_another_process(
    run_script: Callable[..., Any], pickler: str
) -> None:
    ran = run_script(SENT.format(pickler=pickler))
    assert ran.stdout == (
        "plain 2; rows [0, 1]; arows [0, 1]; fetch 2; span_rows [0, 1]; span_arows [0, 1]; night 2; decorated 2; "
        "above 2; below 2; fit 2; "
    )

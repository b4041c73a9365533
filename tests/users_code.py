"""What a type checker makes of decorators, bare and called: mypy reads it with the tests, and nobody runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import assert_type

import obs_memray.profiling
from obs_comet import comet_ml_init, comet_ml_login
from obs_core import TaskCall, TaskDecorator, task, usable_bare
from obs_memray import memray_profiling
from obs_pandera import validated
from obs_profiles import profile_data
from obs_resources import cpu_profiling
from obs_wandb import wandb_init


class plain(TaskDecorator):
    def around(self, call: TaskCall) -> Iterator[None]:
        yield


class Announced(TaskDecorator):
    def __init__(self, *, channel: str = "general") -> None:
        self.channel = channel


announced = usable_bare(Announced)


def halved(rows: int) -> float:
    return rows / 2


assert_type(plain(halved)(rows=3), float)
assert_type(announced(halved)(rows=3), float)
assert_type(comet_ml_init(halved)(rows=3), float)
assert_type(comet_ml_login(halved)(rows=3), float)
assert_type(cpu_profiling(halved)(rows=3), float)
assert_type(memray_profiling(halved)(rows=3), float)
assert_type(profile_data(halved)(rows=3), float)
assert_type(validated(halved)(rows=3), float)
assert_type(wandb_init(halved)(rows=3), float)

assert_type(plain()(halved)(rows=3), float)
assert_type(announced(channel="nightly")(halved)(rows=3), float)
assert_type(comet_ml_init("delays", "flights")(halved)(rows=3), float)
assert_type(comet_ml_login("delays", "flights")(halved)(rows=3), float)
assert_type(cpu_profiling(hz=50)(halved)(rows=3), float)
assert_type(memray_profiling(leaks=True)(halved)(rows=3), float)
assert_type(memray_profiling(leaks=True), obs_memray.profiling.memray_profiling)
assert_type(profile_data(inputs=False)(halved)(rows=3), float)
assert_type(validated(on_error="warn")(halved)(rows=3), float)
assert_type(wandb_init("delays")(halved)(rows=3), float)


@task
@plain
@announced
@cpu_profiling
@memray_profiling(threshold_mb=1)
@profile_data
@validated
def train(rows: int) -> float:
    return halved(rows)


@cpu_profiling
@plain
async def fetch(rows: int) -> float:
    return halved(rows)


async def both() -> None:
    assert_type(train(3), float)
    assert_type(await fetch(3), float)
    with cpu_profiling(), announced():
        train("3")  # type: ignore[arg-type]
    announced(chanel="nightly")  # type: ignore[call-overload]
    cpu_profiling(hz="many")  # type: ignore[call-overload]


_parameters: Callable[[int], float] = train

"""Whatever is recorded can be read back: no value makes a record that a reader of the same version takes for damage."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import enum
import fractions
import logging
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from obs_core import (
    Deck,
    TimeLineDeck,
    attach,
    carrier,
    check,
    current_context,
    execution,
    link,
    load_execution,
    log_metric,
    log_metrics,
    log_params,
    span,
    task,
    track,
)
from obs_core.engines import innermost, record_span, worker_joined, worker_left
from obs_core.testing import RecordingStore


class Scalar:
    """A scalar as numpy, torch and jax have them."""

    ndim = 0

    def __init__(self, value: Any) -> None:
        self.value = value

    def item(self) -> Any:
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)


class Large(int):
    """An int of somebody's."""


class Level(enum.IntEnum):
    NOTICE = 25


class Index:
    def __index__(self) -> int:
        return 2**70


VALUES: dict[str, Any] = {
    "2**62": 2**62, "2**62+1": 2**62 + 1, "2**63-1": 2**63 - 1, "2**63": 2**63, "-2**63": -(2**63),
    "-2**63-1": -(2**63) - 1, "2**64": 2**64, "10**400": 10**400, "nan": math.nan, "inf": math.inf,
    "-inf": -math.inf, "1e300": 1e300,
    "least": 5e-324, "half": 0.5, "int64": Scalar(2**61), "float32": Scalar(0.5), "nan32": Scalar(math.nan),
    "bool": True, "decimal": decimal.Decimal("1.5"), "signaling": decimal.Decimal("sNaN"),
    "large decimal": decimal.Decimal("1e400"), "fraction": fractions.Fraction(1, 3), "subclass": Large(2**65),
    "level": Level.NOTICE, "index": Index(), "10 MB": "x" * 10_000_000, "surrogate": "a\udce9", "NUL": "\0",
    "None": None, "complex": 1j, "bytes": b"\xff", "late": datetime.datetime.max, "early": datetime.datetime(1, 1, 2),
    "2050": datetime.datetime(2050, 1, 1), "list": [1, 2], "object": object(),
}  # fmt: skip


def _update(value: Any) -> None:
    with track(total=10, description="bar") as bar:
        bar.update()
        bar.update(value)


def _set(value: Any) -> None:
    with track(total=10, description="bar") as bar:
        bar.done = bar.total = value
        bar.update(2)


def _step(value: Any) -> None:
    log_metric("extreme", 1.0, step=value)
    log_metric("extreme", 2.0)


def _span(value: Any) -> None:
    with span("work", value=value, values=[value], by_name={"value": value}):
        pass


LOG = logging.Logger("extreme", 1)
"""It has no parents: what pytest caught of it, it could not show."""

LOG.addHandler(logging.NullHandler())


def _append(**times: Any) -> None:
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        TimeLineDeck("Times").append_time_info({"Name": "bar", "Start": datetime.datetime.now(), **times})


def _inner(value: Any) -> None:
    @task
    def inner(given: Any) -> Any:
        return given

    inner(value)


def _tagged(value: Any) -> None:
    with execution("tagged", tags={"value": value}):
        pass


def _attached(value: Any) -> None:
    carried = {**carrier(), "obs-attempt": str(value)}
    with contextlib.suppress(ValueError), attach(carried), span("carried"):
        log_metric("carried", 1.0)


CALLS: dict[str, Callable[[Any], object]] = {
    "update": _update,
    "done and total": _set,
    "total": lambda value: [None for _ in track(iter("abc"), "bar", total=value)],
    "total of a list": lambda value: list(track([1, 2], "bar", total=value)),
    "description": lambda value: list(track("abc", value)),
    "unit": lambda value: list(track("abc", "bar", unit=value)),
    "postfix": lambda value: track("abc", "bar").set_postfix(value=value),
    "span": _span,
    "metric": lambda value: log_metric("extreme", value),
    "metrics": lambda value: log_metrics({"extreme": value, value: 1.0} if value.__hash__ else {"extreme": value}),
    "step": _step,
    "name of a metric": lambda value: log_metric(value, 1.0),
    "parameter": lambda value: log_params(value=value, values=[value], by_name={"value": value}),
    "level": lambda value: LOG.log(value, "at a level"),
    "logged": lambda value: LOG.error(value, extra={"value": value}),
    "wall time": lambda value: _append(WallTime=value),
    "process time": lambda value: _append(WallTime=1, ProcessTime=value),
    "start": lambda value: _append(Start=value, Finish=value),
    "argument": _inner,
    "tags": _tagged,
    "attempt": _attached,
    "check": lambda value: check("found", False, value),
    "link": lambda value: link(value, value),
    "deck": lambda value: Deck("Values").append(value),
    "kept": lambda value: current_context().keep("value", value),
    "start of a span": lambda value: record_span(innermost(), "told", value, 5),
    "duration of a span": lambda value: record_span(innermost(), "told", 5, value, process_time=value),
    "facts of a span": lambda value: record_span(innermost(), value, 5, 5, error=value, attributes={"value": value}),
    "threads": lambda value: worker_joined(innermost().task.run, "worker", value),
    "worker": lambda value: [call(innermost().task.run, value, *more) for call, more in _WORKER],
}
_WORKER: list[tuple[Any, tuple[int, ...]]] = [(worker_joined, (2,)), (worker_left, ())]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_value_makes_a_record_that_reads_as_damaged(store: RecordingStore, call: Callable[[Any], object]) -> None:
    @task
    def fit() -> None:
        for value in VALUES.values():
            with warnings.catch_warnings(), contextlib.suppress(TypeError, ValueError, OverflowError, AttributeError):
                warnings.simplefilter("ignore")
                call(value)
        log_metric("fine", 1.0, step=3)

    with execution("extreme") as run:
        fit()
    read = load_execution(run.id, store)
    assert (read.status, read.missing) == ("succeeded", [])
    assert list(read.metrics("fine").step) == [3]

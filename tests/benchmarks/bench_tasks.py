"""Calls of a trivial task, appends to a deck, imports: beside flytekit (and imports beside others)."""

from __future__ import annotations

import tempfile

from tests.benchmarks.measuring import best, fresh_runs, installed, interleaved, middle, print_table, run_fresh

OBS_TASK = """
import time
from obs_core import execution, task
@task(enable_deck=DECK)
def trivial(x: int) -> int:
    return x + 1
def measure(count):
    began = time.perf_counter()
    for number in range(count):
        trivial(number)
    return (time.perf_counter() - began) / count
GROUP
trivial(1)
print(min(measure(COUNT) for _ in range(3)))
"""

FLYTEKIT_TASK = """
import time, logging
import flytekit
@flytekit.task(OPTIONS)
def trivial(x: int) -> int:
    return x + 1
def measure(count):
    began = time.perf_counter()
    for number in range(count):
        trivial(x=number)
    return (time.perf_counter() - began) / count
trivial(x=1)
print(min(measure(COUNT) for _ in range(2)))
"""

PREFECT_TASK = """
import time
from prefect import flow, task
@task
def trivial(x: int) -> int:
    return x + 1
def measure(count):
    began = time.perf_counter()
    for number in range(count):
        trivial(number)
    return (time.perf_counter() - began) / count
@flow
def many() -> float:
    trivial(1)
    return min(measure(COUNT) for _ in range(3))
print(many())
"""
PREFECT_ALONE = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}

OBS_APPEND = """
import time
from obs_core import Deck, task
@task(deck_fields=[])
def many():
    deck = Deck("many")
    text = "x" * 100
    began = time.perf_counter()
    for _ in range(COUNT):
        deck.append(text)
    return time.perf_counter() - began
print(many())
"""

FLYTEKIT_APPEND = """
import time, flytekit
from flytekit.deck import Deck
@flytekit.task(enable_deck=True, deck_fields=())
def many() -> float:
    deck = Deck("many")
    text = "x" * 100
    began = time.perf_counter()
    for _ in range(COUNT):
        deck.append(text)
    return time.perf_counter() - began
print(many())
"""

IMPORTS = {
    "bare Python": ("sys", "pass"),
    "import obs_core": ("obs_core", "import obs_core"),
    "from obs_core import task, span, execution, current_context": (
        "obs_core",
        "from obs_core import task, span, execution, current_context",
    ),
    "from obs_core import Deck as well": (
        "obs_core",
        "from obs_core import task, span, execution, current_context, Deck",
    ),
    "OpenTelemetry SDK": (
        "opentelemetry.sdk",
        "from opentelemetry import trace; from opentelemetry.sdk.trace import TracerProvider;"
        " from opentelemetry.sdk.trace.export import BatchSpanProcessor",
    ),
    "logfire": ("logfire", "import logfire"),
    "prefect": ("prefect", "import prefect; prefect.task"),
    "flytekit": ("flytekit", "import flytekit"),
}


def main() -> None:
    """Measure and print."""
    _tasks()
    _appends()
    _imports()


def _tasks() -> None:
    grouped = "run = execution('bench'); run.__enter__()"
    off, on = OBS_TASK.replace("DECK", "False"), OBS_TASK.replace("DECK", "True")
    flyte_off = FLYTEKIT_TASK.replace("OPTIONS", "enable_deck=False")
    contenders = {
        "obs, decks off, inside an execution": (
            "obs_core",
            off.replace("GROUP", grouped).replace("COUNT", "2000"),
        ),
        "obs, decks off, each its own execution: 100 in a row": (
            "obs_core",
            off.replace("GROUP", "from obs_core.journal import flusher")
            .replace("    began =", "    flusher.finish_before_reading()\n    began =")
            .replace("COUNT", "100"),
        ),
        "obs, decks off, each its own execution: 5,000 in a row, faster than they can be written": (
            "obs_core",
            off.replace("GROUP", "").replace("COUNT", "5000"),
        ),
        "obs, default decks and a report": ("obs_core", on.replace("GROUP", grouped).replace("COUNT", "100")),
        "flytekit, decks off": ("flytekit", flyte_off.replace("COUNT", "200")),
        "flytekit, default decks": (
            "flytekit",
            FLYTEKIT_TASK.replace("OPTIONS", "enable_deck=True").replace("COUNT", "1"),
        ),
    }
    runs = fresh_runs(contenders)
    if installed("prefect"):
        runs["prefect, inside a flow, its server in the same process"] = _prefect_task
    measured = interleaved(runs, rounds=3)
    rows = [(name, f"{best(values) * 1e6:,.0f} µs") for name, values in measured.items()]
    print_table("One call of a trivial task", ("", "a call"), rows)


def _prefect_task() -> float:
    with tempfile.TemporaryDirectory() as home:
        return float(run_fresh(PREFECT_TASK.replace("COUNT", "50"), PREFECT_HOME=home, **PREFECT_ALONE))


def _appends() -> None:
    rows = []
    for count in (10_000, 30_000, 100_000):
        obs = best([float(run_fresh(OBS_APPEND.replace("COUNT", str(count)))) for _ in range(3)])
        flytekit = "not measured"
        if installed("flytekit") and count < 100_000:  # 100,000 take it minutes
            flytekit = f"{float(run_fresh(FLYTEKIT_APPEND.replace('COUNT', str(count)))):.2f} s"
        rows.append((f"{count:,}", f"{obs:.3f} s", flytekit))
    print_table("Appends of 100 bytes to one deck", ("appends", "obs", "flytekit"), rows)


def _imports() -> None:
    timed = "import time; began = time.perf_counter()\n{}\nprint(time.perf_counter() - began)"
    contenders = fresh_runs({name: (module, timed.format(statement)) for name, (module, statement) in IMPORTS.items()})
    for contender in contenders.values():
        contender()  # the first import compiles
    measured = interleaved(contenders, rounds=9)
    rows = [
        (name, f"{best(values) * 1e3:,.1f} ms", f"{middle(values) * 1e3:,.1f} ms") for name, values in measured.items()
    ]
    print_table("Imports, inside a running Python", ("", "best", "median"), rows)


if __name__ == "__main__":
    main()

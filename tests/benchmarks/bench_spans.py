"""The cost of one recorded span, beside OpenTelemetry, logfire and flytekit."""

from __future__ import annotations

from tests.benchmarks.measuring import best, fresh_runs, interleaved, print_table

COUNT = 100_000

FLOOR = f"""
import contextvars, time
current = contextvars.ContextVar("current", default=None)
records = []
class bare:
    def __init__(self, name):
        self.name = name
    def __enter__(self):
        self.token = current.set(self)
        self.start = time.perf_counter_ns()
        return self
    def __exit__(self, *error):
        records.append((self.name, self.start, time.perf_counter_ns()))
        current.reset(self.token)
def measure():
    records.clear()
    began = time.perf_counter()
    for _ in range({COUNT}):
        with bare("operation"):
            pass
    return time.perf_counter() - began
"""

OBS = f"""
import time
from obs_core import current_context, load_execution, span, task
@task(enable_deck=DECK)
def measure():
    began = time.perf_counter()
    for _ in range({COUNT}):
        with span("operation"):
            pass
    current_context().state.journal.flush()
    return time.perf_counter() - began
"""

OTEL_NOOP = f"""
import time
from opentelemetry import trace
tracer = trace.get_tracer("bench")
def measure():
    began = time.perf_counter()
    for _ in range({COUNT}):
        with tracer.start_as_current_span("operation"):
            pass
    return time.perf_counter() - began
"""

OTEL_BATCH = f"""
import time
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
class Discard(SpanExporter):
    def export(self, spans):
        return SpanExportResult.SUCCESS
    def shutdown(self):
        pass
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(Discard()))
tracer = trace.get_tracer("bench")
def measure():
    began = time.perf_counter()
    for _ in range({COUNT}):
        with tracer.start_as_current_span("operation"):
            pass
    return time.perf_counter() - began
"""

LOGFIRE = f"""
import time, logfire
logfire.configure(send_to_logfire=False, console=False)
def measure():
    began = time.perf_counter()
    for _ in range({COUNT // 10}):
        with logfire.span("operation"):
            pass
    return (time.perf_counter() - began) * 10
"""

FLYTEKIT = f"""
import time
from flytekit import current_context
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.utils import timeit
def measure():
    began = time.perf_counter()
    for _ in range({COUNT // 10}):
        with timeit("operation"):
            pass
    return (time.perf_counter() - began) * 10
"""

FORMS = """
import asyncio, gc, time
from obs_core import execution, span
from obs_core.recording.process_end import follow_process_end

def block():
    for _ in range(COUNT):
        with span("a"):
            pass

one = span("again")

def again():
    for _ in range(COUNT):
        with one:
            pass

@span("items")
def items():
    for number in range(COUNT):
        yield number

def generator():
    for _ in items():
        pass

@span("items")
async def async_items():
    for number in range(COUNT):
        yield number

async def use():
    async for _ in async_items():
        pass

def async_generator():
    asyncio.run(use())

def left_by_an_exception():
    for _ in range(COUNT):
        try:
            with span("a"):
                raise ValueError
        except ValueError:
            pass

def deep(calls):
    if not calls:
        raise ValueError
    deep(calls - 1)

def exception():
    for _ in range(COUNT):
        try:
            deep(10)
        except ValueError:
            pass

COUNT = 10_000
with execution("bench"):
    if FORM == "exception_while_obs_listens":
        listening = follow_process_end()  # as in an execution of the process's own
    form = exception if FORM == "exception_while_obs_listens" else globals()[FORM]
    found = []
    for _ in range(10):
        gc.collect()
        gc.disable()
        began = time.thread_time_ns()
        form()
        found.append(time.thread_time_ns() - began)
        gc.enable()
    print(min(found) / COUNT)
"""

FORM_NAMES = {
    "block": "a `with span(...)` block",
    "again": "a block of one span object that is entered again and again",
    "left_by_an_exception": "a block that an exception leaves, with making that and catching it",
    "generator": "an item of a decorated generator",
    "async_generator": "an item of a decorated async generator",
    "exception": "an exception through 11 functions",
    "exception_while_obs_listens": "the same while obs listens to exceptions",
}

CONTENDERS = {
    "bare clock and contextvar (kept in a list)": ("sys", FLOOR),
    "obs, decks off: journaled to disk": ("obs_core", OBS.replace("DECK", "False")),
    "obs, decks on: journaled to disk, time line kept": ("obs_core", OBS.replace("DECK", "True")),
    "OpenTelemetry API alone (no-op)": ("opentelemetry", OTEL_NOOP),
    "OpenTelemetry SDK, BatchSpanProcessor, exporter that discards": ("opentelemetry.sdk", OTEL_BATCH),
    "flytekit timeit": ("flytekit", FLYTEKIT),
    "logfire, nothing sent": ("logfire", LOGFIRE),
}


def main() -> None:
    """Measure and print."""
    ending = "\nmeasure()\nprint(min(measure() for _ in range(3)))"
    contenders = fresh_runs({name: (module, source + ending) for name, (module, source) in CONTENDERS.items()})
    measured = {name: best(values) for name, values in interleaved(contenders).items()}
    floor = next(iter(measured.values()))
    rows = [(name, f"{seconds / COUNT * 1e9:,.0f}", f"{seconds / floor:.1f}") for name, seconds in measured.items()]
    print_table("One span", ("", "ns a span", "times the floor"), rows)
    forms = fresh_runs({told: ("obs_core", f"FORM = {name!r}\n{FORMS}") for name, told in FORM_NAMES.items()})
    taken = {told: best(values) for told, values in interleaved(forms).items()}
    print_table("In other forms", ("", "µs of CPU"), [(told, f"{ns / 1000:.2f}") for told, ns in taken.items()])


if __name__ == "__main__":
    main()

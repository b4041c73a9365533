"""A program that uses all of obs, run once as it is and once with each of obs's functions failing.

``python own_failures.py PART PARTS ERROR``: of the functions that it enters in what records, each `PARTS`-th fails
whenever obs itself calls it. Each runs in a forked child of its own. Prints as JSON what came out otherwise than
without obs.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib
import json
import logging
import os
import select
import signal
import sys
import tempfile
import threading
import time
import types
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zlib import crc32

import obs_core
from obs_core.recording import wrapping
from obs_core.tasks import context

Place = tuple[str, str, int]

OBS = os.path.dirname(obs_core.__file__) + os.sep
RECORDS = tuple(OBS + folder + os.sep for folder in ("recording", "journal", "store"))
BORDER = (wrapping.__file__, context.__file__)
"""What only hands on what the program calls: it is as if the program called its callees."""

GUARDED = ("innermost", "Run.url", "record_params", "track._begin")
"""Functions that guard all that they do themselves."""

OF_THE_PROGRAM = ("_asked", "_length_of")
"""Functions that do nothing but call a method of a value: what they raise is the program's own."""

LEFT_OUT = (*GUARDED, *OF_THE_PROGRAM)

ERRORS = {"RuntimeError": RuntimeError, "SystemError": SystemError, "OSError": OSError}
PATIENCE = 20


def program(obs: Any) -> list[Any]:
    """Return what the program finds out, by whatever way obs could change it."""
    found: list[Any] = []
    for step in (outside_tasks, tasks, executions, generators, threads, processes):
        try:
            found.append([step.__name__, step(obs)])
        except BaseException as error:
            found.append([step.__name__, f"raised {type(error).__name__}: {error}"])
    return found


def use(obs: Any, size: int) -> Any:
    """Call all that records something in whatever runs here."""
    with obs.span("use", size=size, names=["a"]) as used:
        used.set(more=size)
        obs.current_context().note("used")
        obs.current_context().link("Model", "https://example.com")
        obs.link("Card", "https://example.com")
        obs.current_context().default_deck.append("<b>default</b>")
        obs.current_context().keep("rows", [size])
        deck = obs.Deck("Quality", "<b>first</b>")
        deck.append([1, 2]).append("<p>" + "large" * 10_000)
        obs.log_metric("loss", 0.5)
        obs.log_metrics({"loss": 0.25, "size": size}, step=3)
        obs.log_params(lr=0.1, layers=[1, 2])
        passed = obs.check("rows > 0", size > 0, "some")
        print("printed")
        logging.getLogger("program").warning("logged")
        return sum(obs.track(range(size), "adding")) + passed


def outside_tasks(obs: Any) -> Any:
    return [use(obs, 3), obs.span("decorated")(len)("four")]


def tasks(obs: Any) -> Any:
    @obs.task
    def clean(rows: list[int]) -> list[int]:
        return [use(obs, len(rows)), *map(inner, rows)]

    @obs.task(enable_deck=False)
    def inner(row: int) -> int:
        return 1 // row

    @obs.task(enable_deck=False)
    async def later(row: int) -> Any:
        await asyncio.sleep(0)
        return use(obs, row)

    async def all_of_them() -> Any:
        return await asyncio.gather(*map(later, (1, 2)))

    with contextlib.suppress(ZeroDivisionError):
        return [clean([1, 2]), asyncio.run(all_of_them()), clean([0]), "a failure was lost"]
    return "it failed as it should"


def executions(obs: Any) -> Any:
    @obs.execution("decorated")
    def decorated() -> Any:
        with obs.execution("inner", tags={"a": "b"}) as inner:
            str((inner.id, inner.url))
            return obs.task(abs)(-1) + use(obs, 1)

    with contextlib.suppress(KeyError), obs.execution("failing"):
        use(obs, 1)
        raise KeyError("mine")
    return decorated()


def generators(obs: Any) -> Any:
    @obs.task
    def rows(count: int) -> Iterator[int]:
        for row in range(count):
            with obs.span("row"):
                yield use(obs, row)

    @obs.span("values")
    async def values(count: int) -> AsyncIterator[int]:
        for value in range(count):
            yield value

    async def gathered() -> list[int]:
        return [value async for value in values(3)]

    left_early = rows(3)
    next(left_early)
    left_early.close()
    return [list(rows(2)), asyncio.run(gathered())]


def threads(obs: Any) -> Any:
    found = []

    def work() -> None:
        with obs.span("in a thread"):
            found.append(obs.task(abs)(-3))

    def part(carried: Any, number: int) -> int:
        with obs.attach(carried), obs.span("part"):
            return number * 2

    @obs.task
    def both() -> list[int]:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        carried = obs.carrier()
        with ThreadPoolExecutor(2) as pool:
            return [*found, *pool.map(lambda number: part(carried, number), range(3))]

    return both()


def processes(obs: Any) -> Any:
    @obs.task
    def forking() -> int:
        with obs.span("forked"):
            child = os.fork()
            if not child:
                try:
                    code = use(obs, 3)
                except BaseException:
                    code = 99
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return forking()


class _WithoutObs(types.SimpleNamespace):
    """Stands for obs, and does nothing."""

    def __init__(self) -> None:
        class Nothing:
            def __init__(self, *_: Any, **__: Any) -> None:
                pass

            def __call__(self, function: Any) -> Any:
                return function

            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def __getattr__(self, _name: str) -> Any:
                return Nothing()

            def append(self, _value: Any) -> Any:
                return self

            set = note = link = keep = lambda *_, **__: None

        def nothing(*_: Any, **__: Any) -> Any:
            return Nothing()

        def task(function: Any = None, **_: Any) -> Any:
            return function or task

        super().__init__(task=task, span=Nothing, execution=Nothing, attach=Nothing, Deck=Nothing)
        self.__dict__.update(current_context=nothing, link=nothing, carrier=nothing, track=lambda items, *_: items)
        self.__dict__.update(log_metric=nothing, log_metrics=nothing, log_params=nothing)
        self.check = lambda _name, passed, _detail: passed


class Faults:
    """What is entered of obs, or lets one function of it fail."""

    def __init__(self, fails: Place | None = None, error: type[Exception] = RuntimeError) -> None:
        self.entered: dict[Place, None] = {}
        self._fails, self._error = fails, error
        self._within = 0
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined]

    def begin(self) -> None:
        monitoring = self._monitoring
        monitoring.use_tool_id(monitoring.OPTIMIZER_ID, "faults")
        monitoring.register_callback(monitoring.OPTIMIZER_ID, monitoring.events.PY_START, self._starts)
        monitoring.register_callback(monitoring.OPTIMIZER_ID, monitoring.events.INSTRUCTION, self._goes_on)
        monitoring.set_events(monitoring.OPTIMIZER_ID, monitoring.events.PY_START)

    def end(self) -> None:
        self._monitoring.free_tool_id(self._monitoring.OPTIMIZER_ID)

    def _starts(self, code: types.CodeType, offset: int) -> Any:
        is_left_out = code.co_filename in BORDER or code.co_qualname in LEFT_OUT
        if is_left_out or not code.co_filename.startswith(RECORDS):
            return self._monitoring.DISABLE
        place = (code.co_filename, code.co_qualname, code.co_firstlineno)
        if self._fails is not None:
            if place == self._fails:
                self._within = offset + 2
                self._monitoring.set_local_events(
                    self._monitoring.OPTIMIZER_ID, code, self._monitoring.events.INSTRUCTION
                )
            return self._monitoring.DISABLE
        if self._is_called_by_obs():
            self.entered[place] = None
        return None

    def _goes_on(self, _code: types.CodeType, offset: int) -> None:
        """Fail at the first instruction within the function: what is raised on entering one is a signal handler's."""
        if offset == self._within and self._is_called_by_obs():
            raise self._error("put in by a test")

    def _is_called_by_obs(self) -> bool:
        caller: types.FrameType | None = sys._getframe(3)
        while caller is not None and caller.f_code.co_filename == contextlib.__file__:
            caller = caller.f_back
        name = "" if caller is None else caller.f_code.co_filename
        return name.startswith(OBS) and name not in BORDER


def in_child(work: Callable[[Any], None]) -> tuple[Any, str]:
    """Call something in a forked child; returns what it wrote, and how it ended."""
    read, write = os.pipe()
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            code = 98
            try:
                work(write)
                code = 0
            finally:
                with contextlib.suppress(BaseException):
                    threading._shutdown()  # type: ignore[attr-defined]
                    atexit._run_exitfuncs()
                    sys.stdout.flush()
                os._exit(code)
        os.close(write)
        text = b""
        due = time.monotonic() + PATIENCE
        while select.select([read], [], [], max(0.0, due - time.monotonic()))[0]:
            more = os.read(read, 1 << 16)
            if not more:
                break
            text += more
        ended = ended_by(child, due)
        said.seek(0)
        output = said.read().decode(errors="replace")
    os.close(read)
    return (json.loads(text) if text else None), f"{ended}\n{output}"


def ended_by(child: int, due: float) -> int:
    """Return the exit code of a child; one that takes too long is ended."""
    while time.monotonic() < due:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def list_entered(write: int) -> None:
    """Write the functions of obs that the program enters, and what of others obs imports only then."""
    faults, before = Faults(), set(sys.modules)
    faults.begin()
    program(obs_core)
    faults.end()
    others = [name for name in sys.modules if name not in before and name.partition(".")[0] != obs_core.__name__]
    os.write(write, json.dumps([list(faults.entered), others]).encode())


def run_with(fails: Place | None, error: type[Exception]) -> Callable[[int], None]:
    def run(write: int) -> None:
        if fails is not None:
            Faults(fails, error).begin()
        os.write(write, json.dumps(program(obs_core)).encode())

    return run


def main(part: int, parts: int, error: str) -> None:
    warnings.simplefilter("default")
    for name in obs_core.__all__:
        getattr(obs_core, name)
    expected = json.loads(json.dumps(program(_WithoutObs())))
    (entered, others), _ = in_child(list_entered)
    for name in others:  # once, rather than in each child; what obs imports of its own stays late, and may fail
        importlib.import_module(name)
    different = {}
    chosen = [None, *(place for place in map(tuple, sorted(entered)) if crc32(place[1].encode()) % parts == part)]
    for fails in chosen:
        found, ended = in_child(run_with(fails, ERRORS[error]))
        if found != expected or not ended.startswith("0\n"):
            changed = [one for one in found or () if one not in expected]
            different[str(fails)] = {"found": changed, "ended": ended[-3000:]}
    print("\n" + json.dumps({"tried": len(chosen), "different": different}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])

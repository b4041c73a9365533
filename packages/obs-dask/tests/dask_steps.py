"""A cluster, and what the tests let it run, in a module that its workers can import."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from distributed import LocalCluster, Reschedule, get_client, get_worker, secede

from obs_core import Deck, current_context, link, span, task
from obs_core.tasks.context import context_of
from obs_dask.collecting import observers


def local_cluster(workers: int, **settings: object) -> LocalCluster:
    """Return a cluster of worker processes that nobody outside of this machine can reach."""
    options = {"threads_per_worker": 2, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", **settings}
    return LocalCluster(n_workers=workers, **options)


def double(x: int) -> int:
    return 2 * x


async def double_later(x: int) -> int:
    with span("asleep"):
        await asyncio.sleep(0.01)
    return 2 * x


def read(part: int) -> int:
    with span("open", part=part):
        return part


def add(*numbers: int) -> int:
    return sum(numbers)


def refuse(x: int) -> int:
    raise ValueError(f"no such airport: {x}")


def note_down(part: int) -> str:
    current_context().default_deck.append(f"<p>part {part}</p>")
    Deck("Parts").append(f"<i>{part}</i>")
    link(f"part {part}", f"https://example.com/{part}")
    return get_worker().address


@task
def clean(part: int) -> int:
    with span("inside"):
        return part + 1


def submit_more(x: int) -> int:
    client = get_client()
    future = client.submit(double, x, pure=False)
    secede()
    return int(future.result())


def journals() -> list[str]:
    """The executions that this process writes to."""
    from obs_core.journal import flusher

    journals: list[Any] = list(flusher._journals)
    return [one.execution_id for one in journals]


def hold(_part: int) -> str:
    return str(get_worker().address)


def fail_first(mark: str) -> str:
    """Fail when called for the first time."""
    if not os.path.exists(mark):
        Path(mark).touch()
        raise ConnectionError("try again")
    return "done"


def read_in_threads(count: int) -> int:
    """Open spans and append to a deck in threads that know nothing of this one's context."""

    def work(part: int) -> int:
        with span("in a thread"):
            Deck("Threads").append(f"<p>{part}</p>")
        return part

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(work, range(count)))


def submit_many(count: int) -> int:
    client = get_client()
    futures = client.map(double, range(count), pure=False)
    secede()
    return sum(client.gather(futures))


def decks_held(dask_worker: Any) -> int:
    """How many decks and links the worker's side of executions keeps in memory."""
    observer: Any = observers[dask_worker]
    tasks = [place.span.task for place in observer._places.values()]
    return sum(len(one.decks) + len(one.links) + len(context_of(one).default_deck.current_items()) for one in tasks)


def publish(text: str) -> None:
    """Append to a deck and publish the report from the worker."""
    Deck("Of worker").append(text)
    Deck.publish()


def worker_plugins(dask_scheduler: Any) -> list[str]:
    """The plugins that the scheduler hands to each worker that joins."""
    return list(dask_scheduler.worker_plugins)


def put_off_first(mark: str) -> str:
    """Ask Dask to run it later when called for the first time, as its own shuffles do."""
    if not os.path.exists(mark):
        Path(mark).touch()
        raise Reschedule
    return "done"


def span_then_die(mark: str, seconds: float) -> str:
    """Kill the process when called for the first time, after some work; the mark tells for how long it worked."""
    with span("before the end"):
        pass
    if not os.path.exists(mark):
        began = time.monotonic()
        time.sleep(seconds)
        Path(mark).write_text(str(time.monotonic() - began))
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def refuse_writing() -> None:
    from obs_core.store.folder import FolderStore

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    setattr(FolderStore, "segment", refuse)  # noqa: B010 - a method


def forget_obs_dask() -> None:
    """Let this process find no obs_dask, as one in which it is not installed."""
    for name in [name for name in sys.modules if name.startswith("obs_dask")]:
        del sys.modules[name]
    modules: dict[str, Any] = sys.modules
    modules["obs_dask"] = None  # what makes an import fail


def participants_of(execution_id: str) -> int:
    """How many clusters this process knows to take part in an execution."""
    from obs_core.recording.run import live

    run = live.get(execution_id)
    return 0 if run is None else len(run.participants)

"""Observe a Dask cluster: what is submitted while a task or an execution is active runs under it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from types import TracebackType
from typing import Any

from distributed import Client

from obs_core.engines import WHOLE
from obs_core.failsafe import guarded, strict, warn
from obs_dask import submitting
from obs_dask.cluster import Cluster
from obs_dask.scheduler import MarkRepeated
from obs_dask.worker import ObserveTasks

__all__ = ["observe"]


class observe:
    """Put everything that a Dask client submits under the task, span or execution that is active at that moment.

    `submit`, `map`, `dask.delayed`, dask DataFrames and arrays, and what tasks submit themselves. Each Dask task is
    a span; `span`, `Deck`, `link` and `@task` inside of it belong to the same execution. For good when just called, or
    until the end of a ``with`` block (``async with``, or ``await``, for an asynchronous client).

    Args:
        client: Connected to the scheduler. obs-dask must be installed where its scheduler and workers run.
        whole: How many tasks of a name, below one span, each worker records as spans of their own before it records
            only the slowest, the failed and those that ran again, and counts the rest.

    Raises:
        TypeError: It is not a `distributed.Client`, or `whole` is no number.
        ValueError: `whole` is negative.

    Examples:
        >>> from distributed import Client
        >>> client = Client(processes=False, dashboard_address=None)
        >>> @task
        ... def total(words: list[str]) -> int:
        ...     return sum(client.gather(client.map(len, words)))
        >>> with observe(client):
        ...     total(["EWR", "JFK"])
        6
        >>> client.close()

    A failure to observe is a warning; results are what they are without it.
    """

    def __init__(self, client: Client, *, whole: int = WHOLE) -> None:
        if not isinstance(client, Client):
            raise TypeError(f"observe takes a distributed.Client, not {type(client).__name__}: {client!r}")
        if not isinstance(whole, int):
            raise TypeError(f"whole counts tasks, got {whole!r}")
        if whole < 0:
            raise ValueError(f"whole counts tasks from 0, got {whole!r}")
        self._client = client
        self._cluster = Cluster(client, whole)
        self._before: Cluster | None = None
        if not client.asynchronous:
            with _observing():
                try:
                    for plugin in _plugins():
                        client.register_plugin(plugin)
                except Exception:
                    _forget_plugins_now(client)
                    raise
                self._begin()

    def __enter__(self) -> observe:
        if self._client.asynchronous:
            raise TypeError("an asynchronous client is observed by `async with observe(client):`, or by awaiting it")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        self._cluster.collect_all()

    async def __aenter__(self) -> observe:
        with _observing():
            try:
                for plugin in _plugins():
                    await self._client.register_plugin(plugin)
            except Exception:
                await _forget_plugins(self._client)
                raise
            self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        with guarded("asking the Dask workers to write what they recorded"):
            await self._cluster.collect_all_async()

    def __await__(self) -> Generator[Any, None, observe]:
        return self.__aenter__().__await__()

    def __repr__(self) -> str:
        return f"observe({self._client!r})"

    def _begin(self) -> None:
        submitting.install()
        self._before = submitting.observed.get(self._client)
        submitting.observed[self._client] = self._cluster

    def _end(self) -> None:
        if submitting.observed.get(self._client) is not self._cluster:
            return
        if self._before is None:
            del submitting.observed[self._client]
        else:
            submitting.observed[self._client] = self._before


def _plugins() -> list[Any]:
    return [ObserveTasks(), MarkRepeated()]


async def _forget_plugins(client: Any) -> None:
    """Let the scheduler forget a plugin that could not be loaded everywhere: workers to come would die of it."""
    with contextlib.suppress(Exception):
        await client.scheduler.unregister_worker_plugin(name=ObserveTasks.name)


def _forget_plugins_now(client: Any) -> None:
    with contextlib.suppress(Exception):
        client.sync(_forget_plugins, client)


class _observing:
    """Turn whatever goes wrong on the cluster into a warning that says what to do."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or strict():
            return False
        failure = f"{type(error).__name__}: {error}"
        message = f"obs cannot observe this Dask cluster ({failure}); its tasks run without a trace"
        if "obs_dask" in str(error) or "obs_core" in str(error):
            message += "; obs-dask must be installed where the scheduler and the workers run"
        warn(message)
        return True

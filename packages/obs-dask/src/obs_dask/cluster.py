"""The workers of a cluster as an execution sees them: they write what they hold back before somebody reads."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from obs_core.background import Background
from obs_core.engines import WHOLE
from obs_core.failsafe import guarded, warn
from obs_core.locks import Register
from obs_dask import collecting

if TYPE_CHECKING:
    from distributed import Client

    from obs_core.engines import Run, TaskState

_PATIENCE = 30.0
"""Seconds for which the end of a task waits for the workers."""


class Cluster:
    """The workers that a client's submissions run on.

    Args:
        client: Connected to the scheduler.
        whole: How many tasks of a name each worker records before it only counts them.
    """

    def __init__(self, client: Client, whole: int = WHOLE) -> None:
        self.whole = whole
        self._client = weakref.ref(client)
        self._runs: Register[Run] = Register()
        self._submitted: set[int] = set()

    def takes_part_in(self, task: TaskState) -> None:
        """Take note that tasks are submitted for a task of ours."""
        if task.run not in self._runs:
            self._runs.add(task.run)
            task.run.participants.append(self)
        self._submitted.add(id(task))

    def hand_over(self, task: TaskState, ended: bool) -> None:
        """Let the workers write what they hold back of an execution, if the task has submitted any."""
        if ended or id(task) in self._submitted:
            self._collect([task.run.id], ended)

    def collect_all(self) -> None:
        """Let the workers write what they hold back of every execution that submitted here."""
        self._collect([run.id for run in self._runs], ended=False)

    async def collect_all_async(self) -> None:
        """As `collect_all`, for a client whose methods are awaited."""
        client = self._client()
        if client is not None and client.status == "running":
            ids = [run.id for run in self._runs]
            await asyncio.wait_for(self._ask(client, ids, False), _PATIENCE)

    def _collect(self, execution_ids: list[str], ended: bool) -> None:
        client = self._client()
        if client is None or client.status != "running" or not execution_ids:
            return
        if client.asynchronous:
            # Its event loop is the one that runs this: it cannot be waited for.
            task = asyncio.ensure_future(self._ask(client, execution_ids, ended))
            _background.add(task)
            task.add_done_callback(_background.discard)
            return
        asking = Background(self._ask_guarded, "obs-dask", (client, execution_ids, ended))
        try:
            asking.start()
        except RuntimeError:  # no thread can be started while the interpreter shuts down
            return
        asking.join(_PATIENCE)
        if asking.is_alive():
            warn(f"the Dask workers did not answer within {_PATIENCE:.0f} s; their remaining records arrive later")

    def _ask_guarded(self, client: Client, execution_ids: list[str], ended: bool) -> None:
        with guarded("asking the Dask workers to write what they recorded"):
            self._ask(client, execution_ids, ended)

    @staticmethod
    def _ask(client: Client, execution_ids: list[str], ended: bool) -> Any:
        return client.run(collecting.write_back, execution_ids, ended, on_error="ignore")


_background: set[asyncio.Future[Any]] = set()
"""Requests that nobody waits for; asyncio itself would forget them."""

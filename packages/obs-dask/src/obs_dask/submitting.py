"""What a Dask client submits carries the span in which it was submitted, as an annotation of its keys."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from dask.base import annotate
from distributed import Client

from obs_core import carrier
from obs_core.engines import Operation, current, innermost
from obs_core.failsafe import guarded
from obs_dask.cluster import Cluster

ANNOTATION = "obs"
"""The annotation of a Dask key that says under which span it runs: what `obs_core.carrier` returned, as JSON."""

AGAIN = "obs-again"
"""The annotation of a key that ran, or was about to, before."""

WHOLE = "obs-whole"
"""The entry of a carrier that says how many tasks of a name are recorded before they are counted only."""

observed: WeakKeyDictionary[Client, Cluster] = WeakKeyDictionary()
"""The clients whose submissions carry their span, each with the cluster that it is connected to."""

_of_workers: WeakKeyDictionary[Client, Cluster] = WeakKeyDictionary()
"""The same for the clients of observed workers, which carry what runs on the worker and nothing else."""


def install() -> None:
    """Let every client of this process that is observed, or that runs on an observed worker, carry its span.

    All ways to submit (`submit`, `map`, `compute`, `persist`, `get`) meet in one method of the client, which annotates
    what it sends with what `dask.annotate` says at that moment.

    Raises:
        AttributeError: This version of distributed has no such method.
    """
    submit: Callable[..., Any] = Client._graph_to_futures
    if getattr(submit, "carries_obs", False):
        return

    @functools.wraps(submit)
    def submit_annotated(client: Client, *args: Any, **kwargs: Any) -> Any:
        with _annotated(client):
            return submit(client, *args, **kwargs)

    setattr(submit_annotated, "carries_obs", True)  # noqa: B010 - a type checker knows no attribute of a function
    setattr(Client, "_graph_to_futures", submit_annotated)  # noqa: B010 - a type checker takes a method for constant


def _annotated(client: Client) -> AbstractContextManager[Any]:
    """Return what annotates a submission: nothing if the client is not observed."""
    with guarded("carrying the span to the Dask cluster"):
        cluster = observed.get(client) or _cluster_of_worker(client)
        if cluster is not None:
            return annotate(**{ANNOTATION: _carried(cluster)})
    return nullcontext()


def _cluster_of_worker(client: Client) -> Cluster | None:
    """Return the cluster to which a worker's own client submits; None if this code runs on no observed worker."""
    if not _on_worker():
        return None
    if client not in _of_workers:
        _of_workers[client] = Cluster(client)
    return _of_workers[client]


def _on_worker() -> bool:
    here = current.get()
    return here is not None and bool(here.task.source)


class _Last(threading.local):
    """What this thread carried last: thousands of submissions in a row come from one span."""

    here: Any = None
    cluster: Any = None
    text = ""


_last = _Last()


def _carried(cluster: Cluster) -> str:
    here = innermost()
    if _last.here is here and _last.cluster is cluster:
        return _last.text
    carried = carrier()
    del carried["traceparent"]  # each key has a copy of the rest
    carried[WHOLE] = str(here.whole if isinstance(here, Operation) else cluster.whole)
    cluster.takes_part_in(here.task)
    _last.here, _last.cluster, _last.text = here, cluster, json.dumps(carried, separators=(",", ":"))
    return _last.text

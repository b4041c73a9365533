"""Runs of wandb: started without touching credentials of others, and each meant by its own task's code."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any

from obs_core.interruptions import ignoring
from obs_core.trackers import exported

if TYPE_CHECKING:
    from wandb import Run

__all__ = ["current", "start"]

_starting = threading.Lock()
_current: ContextVar[Run | None] = ContextVar("obs_wandb.current", default=None)
_live: list[Run] = []

_OF_RUN = (
    "alert",
    "config",
    "define_metric",
    "link_model",
    "log",
    "log_artifact",
    "log_model",
    "mark_preempting",
    "save",
    "summary",
    "unwatch",
    "use_artifact",
    "use_model",
    "watch",
)
"""What wandb's module offers of the run that it takes for the current one."""


def start(arguments: dict[str, Any], key: str | None, api_host: str | None, timeout: float) -> Run:
    """Start a run.

    Args:
        arguments: For `wandb.init`.
        key: The API key; None offline, or where wandb has one of its own.
        api_host: The API's address; None for wandb's own.
        timeout: Seconds that wandb itself may take, so that nothing goes on for long once nobody waits.
    """
    import wandb

    settings: dict[str, Any] = {"init_timeout": timeout}
    if api_host:
        settings["base_url"] = api_host
    given = arguments.pop("settings", None)
    if given is not None:
        settings |= given if isinstance(given, dict) else given.model_dump(exclude_unset=True)
    with _starting, exported({"WANDB_API_KEY": key}):
        return wandb.init(settings=wandb.Settings(**settings), **arguments)


@contextlib.contextmanager
def current(run: Run) -> Iterator[Run]:
    """Let ``wandb.log``, ``wandb.run`` and the like mean this run here; code elsewhere has its own."""
    _dispatch()
    token = _current.set(run)
    _live.append(run)
    try:
        yield run
    finally:
        _live.remove(run)
        with ignoring(ValueError):  # a generator that is closed from another context
            _current.reset(token)


def _run_here() -> Run | None:
    """Return the run of the running code; of a plain thread the only one that there is."""
    found = _current.get()
    if found is not None:
        return found
    return _live[0] if len(_live) == 1 else None


class _Wandb(ModuleType):
    """wandb's module, with the run of the running code in place of one for the whole process."""


def _of_run(name: str) -> property:
    def read(module: ModuleType) -> Any:
        run = _run_here()
        return vars(module).get(name) if run is None else run if name == "run" else getattr(run, name)

    def write(module: ModuleType, value: Any) -> None:
        vars(module)[name] = value

    return property(read, write)


for _name in ("run", *_OF_RUN):
    setattr(_Wandb, _name, _of_run(_name))


def _dispatch() -> None:
    module = sys.modules["wandb"]
    if type(module) is ModuleType:
        module.__class__ = _Wandb

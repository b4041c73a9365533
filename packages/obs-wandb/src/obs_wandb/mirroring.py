"""Metrics both ways: what a run is told is in the journal too, and `log_metric` reaches the run; each once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from obs_core.failsafe import guarded
from obs_core.trackers import handing_on, is_handed_on, record_metrics, record_params

if TYPE_CHECKING:
    from wandb import Run

    from obs_core import TaskCall

__all__ = ["RunMirror"]

_DEEPEST = 8


class RunMirror:
    """Hands what a task logs on to its run, and records what the run is told.

    Args:
        call: The task.
        run: Its run.
    """

    def __init__(self, call: TaskCall, run: Run) -> None:
        _hook(type(run))
        self._run = run
        self._state = call.context.state
        run.__dict__["_obs_task"] = self._state

    def metrics(self, values: Mapping[str, float], step: int | None) -> None:
        """Log metrics to the run; W&B takes steps in ascending order only, so an earlier one becomes its next."""
        run = self._run
        with handing_on():
            run.log(dict(values), step=step if step is not None and step >= run.step else None)

    def params(self, values: Mapping[str, Any]) -> None:
        """Write named values into the run's config."""
        self._run.config.update(dict(values), allow_val_change=True)


def record_config(call: TaskCall, config: Any) -> None:
    """Record the config that a run was started with."""
    if isinstance(config, Mapping) and config:
        record_params(call.context.state, config)


def _hook(kind: type[Run]) -> None:
    """Let runs record what they are told; a hook of one run would miss what ``wandb.log`` is told."""
    if hasattr(kind.log, "__obs_original__"):
        return
    original: Callable[..., None] = kind.log

    @functools.wraps(original)
    def log(run: Run, data: dict[str, Any], step: int | None = None, *args: Any, **options: Any) -> None:
        state = run.__dict__.get("_obs_task")
        if state is None or is_handed_on():
            return original(run, data, step, *args, **options)
        with guarded("mirroring what is logged to a W&B run", state.note):
            record_metrics(state, dict(_numbers(data)), run.step if step is None else step)
        return original(run, data, step, *args, **options)

    log.__obs_original__ = original  # type: ignore[attr-defined]
    kind.log = log  # type: ignore[method-assign]


def _numbers(data: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield what is logged by its name, as W&B names what is nested; tables and pictures are no numbers."""
    if isinstance(data, Mapping) and depth < _DEEPEST:
        for name, value in data.items():
            yield from _numbers(value, f"{prefix}.{name}" if prefix else str(name), depth + 1)
    else:
        yield prefix, data

"""Metrics both ways: what an experiment is told is in the journal too, and `log_metric` reaches it; each once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from obs_core.failsafe import guarded
from obs_core.locks import Register
from obs_core.trackers import handing_on, is_handed_on, record_metrics, record_params

if TYPE_CHECKING:
    from comet_ml import CometExperiment

    from obs_core import TaskCall

__all__ = ["ExperimentMirror"]


class ExperimentMirror:
    """Hands what a task logs on to its experiment, and records what the experiment is told.

    Args:
        call: The task.
        experiment: Gives its experiment; None while there is none.

    Attributes:
        state: What is recorded of the task.
    """

    def __init__(self, call: TaskCall, experiment: Callable[[], CometExperiment | None]) -> None:
        _hook()
        self._experiment = experiment
        self.state = call.context.state
        _mirrors.add(self)

    def holds(self, experiment: CometExperiment) -> bool:
        """Tell whether an experiment is this one's."""
        return self._experiment() is experiment

    def metrics(self, values: Mapping[str, float], step: int | None) -> None:
        """Log metrics to the experiment."""
        experiment = self._experiment()
        if experiment is not None:
            with handing_on():
                experiment.log_metrics(dict(values), step=step)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log named values to the experiment."""
        experiment = self._experiment()
        if experiment is not None:
            with handing_on():
                experiment.log_parameters(dict(values))


_mirrors: Register[ExperimentMirror] = Register()


def _state_of(experiment: CometExperiment) -> Any:
    """Return the running task whose experiment this is; None if it is nobody's."""
    return next((one.state for one in list(_mirrors) if not one.state.over and one.holds(experiment)), None)


def _hook() -> None:
    """Let experiments record what they are told."""
    from comet_ml import CometExperiment

    if hasattr(CometExperiment.log_metric, "__obs_original__"):
        return
    for name, record in (
        ("log_metric", _record_metric),
        ("log_metrics", _record_metrics),
        ("log_parameter", _record_parameter),
        ("log_parameters", _record_parameters),
    ):
        setattr(CometExperiment, name, _recording(getattr(CometExperiment, name), record))


def _recording(original: Callable[..., None], record: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def method(experiment: CometExperiment, *args: Any, **options: Any) -> None:
        state = None if is_handed_on() else _state_of(experiment)
        if state is None:
            return original(experiment, *args, **options)
        with guarded("mirroring what is logged to a Comet experiment", state.note):
            record(state, experiment, *args, **options)
        with handing_on():  # one method may call another one
            return original(experiment, *args, **options)

    method.__obs_original__ = original  # type: ignore[attr-defined]
    return method


def _record_metric(
    state: Any, experiment: CometExperiment, name: Any, value: Any, step: int | None = None, *_: Any, **__: Any
) -> None:
    record_metrics(state, {str(name): value}, experiment.curr_step if step is None else step)


def _record_metrics(
    state: Any,
    experiment: CometExperiment,
    dic: Mapping[str, Any],
    prefix: str | None = None,
    step: int | None = None,
    *_: Any,
    **__: Any,
) -> None:
    named = {f"{prefix}_{name}" if prefix is not None else str(name): value for name, value in dic.items()}
    record_metrics(state, named, experiment.curr_step if step is None else step)


def _record_parameter(state: Any, _experiment: CometExperiment, name: Any, value: Any, *_: Any, **__: Any) -> None:
    record_params(state, {str(name): value})


def _record_parameters(
    state: Any,
    _experiment: CometExperiment,
    parameters: Mapping[str, Any],
    prefix: str | None = None,
    *_: Any,
    **__: Any,
) -> None:
    named = {f"{prefix}_{name}" if prefix is not None else str(name): value for name, value in parameters.items()}
    record_params(state, named)

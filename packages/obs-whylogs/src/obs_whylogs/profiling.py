"""Tasks whose data is profiled, and compared with the last time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from obs_core import ObsError, TaskCall, TaskDecorator
from obs_core.values.hints import extras_of
from obs_whylogs.columns import is_frame
from obs_whylogs.drift import DEFAULT_THRESHOLD, ColumnDrift, Thresholds, check_thresholds, measure_drift
from obs_whylogs.drift_report import drift_html
from obs_whylogs.profile_report import profile_html
from obs_whylogs.profiles import profile, view_of

__all__ = ["DriftError", "DriftWarning", "profile_data"]

_RESULT = "return"
_NAMED = 5


class DriftWarning(UserWarning):
    """Data is far from what it was; the task goes on with it."""


class DriftError(ObsError, ValueError):
    """Data is too far from what it was.

    Attributes:
        columns: The columns that drifted, the farthest first.
    """

    def __init__(self, message: str, columns: list[ColumnDrift]) -> None:
        super().__init__(message)
        self.columns = columns


class _Place(NamedTuple):
    """Where data is: an argument, or what is returned, or a part of it."""

    name: str
    data: Any

    def text(self, call: TaskCall) -> str:
        """Say where that is."""
        return (
            f"the {self.name.replace(_RESULT, 'result')} of {call.name}"
            if self.name.startswith(_RESULT)
            else f"argument {self.name} of {call.name}"
        )


class profile_data(TaskDecorator):
    """Profile the frames that a task takes and returns, keep the profiles, and show what drifted since the last time.

    The reference is what the last successful call of the same task had, in any execution of the store, unless one is
    pinned. Each frame has a deck "Data Profile: <argument>". In an annotation, ``flights: Annotated[DataFrame,
    profile_data()]``, it is about that argument (or result) alone.

    Args:
        inputs: Whether frames that are arguments are profiled; or the names of those that are.
        outputs: Whether what is returned is profiled: a frame, or the frames in a tuple, list or dict.
        reference: What is compared with, instead of the last time: a profile or frame; the id of an execution in which
            the same task was profiled; or one of them by the name of the argument (``"return"`` for the result).
        on_drift: ``"warn"`` leaves a warning and a note, ``"raise"`` refuses the call, or its result, with
            `DriftError`; None only shows it.
        thresholds: From which Hellinger distance on, 0 to 1, a column has drifted; by column if it is a mapping.

    Raises:
        ValueError: `on_drift` is something else, or a threshold is not from 0 to 1.
        TypeError: A threshold is no number.

    Examples:
        >>> @task
        ... @profile_data(on_drift="warn", thresholds={"delay": 0.3})
        ... def clean(flights: pd.DataFrame) -> pd.DataFrame: ...
    """

    def __init__(
        self,
        *,
        inputs: bool | tuple[str, ...] | list[str] = True,
        outputs: bool = True,
        reference: Any = None,
        on_drift: Literal["warn", "raise"] | None = None,
        thresholds: Thresholds = DEFAULT_THRESHOLD,
    ) -> None:
        if on_drift not in (None, "warn", "raise"):
            raise ValueError(f"on_drift is 'warn', 'raise' or None, not {on_drift!r}")
        check_thresholds(thresholds)
        self._inputs = inputs
        self._outputs = outputs
        self._reference = reference
        self._on_drift = on_drift
        self._thresholds = thresholds

    def around(self, call: TaskCall) -> Iterator[None]:
        """Profile the arguments, run the task, profile what it returns."""
        wanted = self._wanted(call)
        for name, value in call.arguments().items():
            if name in wanted and is_frame(value):
                self._look_at(call, _Place(name, value))
        yield
        if _RESULT in wanted:
            for place in _frames_in(_RESULT, call.result):
                self._look_at(call, place)

    def _wanted(self, call: TaskCall) -> set[str]:
        """Name what is profiled: what holds this decorator in its annotation, or else all that no other such does."""
        asking = {
            name: [extra for extra in extras_of(hint) if isinstance(extra, profile_data)]
            for name, hint in call.hints().items()
        }
        mine = {name for name, found in asking.items() if any(extra is self for extra in found)}
        if mine:
            return mine
        names = [name for name in call.arguments() if self._takes(name)] + [_RESULT] * self._outputs
        return {name for name in names if not asking.get(name)}

    def _takes(self, name: str) -> bool:
        return self._inputs if isinstance(self._inputs, bool) else name in self._inputs

    def _look_at(self, call: TaskCall, place: _Place) -> None:
        """Profile a frame, keep its profile, compare, show, and act on drift."""
        view = profile(place.data)
        artifact = f"data profile: {place.name}"
        reference = self._reference_of(call, place, artifact)
        drifts = [] if reference is None else self._drifts(reference.view, view)
        call.keep(artifact, view)
        if call.context.enable_deck:
            deck = call.deck(f"Data Profile: {place.name}")
            if reference is not None:
                deck.append(drift_html(drifts, about=f"compared with {reference.text}"))
            deck.append(profile_html(view, title=f"Data profile of {place.text(call)}"))
        if reference is not None:
            self._act_on([drift for drift in drifts if drift.drifted], call, place, reference.text)

    def _drifts(self, reference: Any, target: Any) -> list[ColumnDrift]:
        """Compare profiles, without the thresholds of columns that another frame of the task has."""
        thresholds = self._thresholds
        if isinstance(thresholds, Mapping):
            names = {*reference.get_columns(), *target.get_columns()}
            thresholds = {name: threshold for name, threshold in thresholds.items() if name in names}
        return measure_drift(reference, target, thresholds=thresholds)

    def _reference_of(self, call: TaskCall, place: _Place, artifact: str) -> _Reference | None:
        pinned = self._reference.get(place.name) if isinstance(self._reference, Mapping) else self._reference
        if isinstance(pinned, str):
            from obs_core import load_execution

            kept = load_execution(pinned, call.context.state.run.store).artifact(call.context.task_name, artifact)
            return _Reference(kept, f"execution {pinned}")
        if pinned is not None:
            return _Reference(view_of(pinned), "a pinned reference")
        last = call.last(artifact)
        return None if last is None else _Reference(last.value, f"execution {last.execution_id}")

    def _act_on(self, drifted: list[ColumnDrift], call: TaskCall, place: _Place, reference: str) -> None:
        if not drifted or self._on_drift is None:
            return
        named = ", ".join(f"{drift.name} ({_how(drift)})" for drift in drifted[:_NAMED])
        more = f" and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
        message = f"{place.text(call)} drifted from {reference}: {named}{more}"
        if self._on_drift == "raise":
            call.reject(DriftError(message, drifted))
        call.note(message)
        warnings.warn(message, DriftWarning, stacklevel=2)


class _Reference(NamedTuple):
    """What data is compared with, and what that is called."""

    view: Any
    text: str


def _how(drift: ColumnDrift) -> str:
    return drift.change if drift.distance is None else f"{drift.distance:.2f}"


def _frames_in(name: str, value: Any) -> Iterator[_Place]:
    if is_frame(value):
        yield _Place(name, value)
    elif isinstance(value, tuple | list):
        yield from (_Place(f"{name} {place}", part) for place, part in enumerate(value, 1) if is_frame(part))
    elif isinstance(value, dict):
        yield from (_Place(f"{name} {key}", part) for key, part in value.items() if is_frame(part))

"""Tasks whose data is profiled, checked, and compared with the last time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from obs_core import ObsError, TaskCall, TaskDecorator, current_context, load_execution
from obs_profiles.columns import is_frame
from obs_profiles.comparison import DEFAULT_THRESHOLD, ColumnDrift, Drift, Thresholds, check_thresholds, drift
from obs_profiles.expectations import Checked, Expectation, Verdict, check
from obs_profiles.pages import checked_html, drift_html, profile_html
from obs_profiles.profiles import Profile
from obs_profiles.profiling import profile, profile_of

__all__ = ["DriftError", "DriftWarning", "ExpectationError", "ExpectationWarning", "log", "profile_data"]

_RESULT = "return"
_NAMED = 5


class DriftWarning(UserWarning):
    """Data is far from what it was; the task goes on with it."""


class DriftError(ObsError, ValueError):
    """Data is too far from what it was.

    Attributes:
        columns: The columns that drifted, those that came or went first, then the farthest.
    """

    def __init__(self, message: str, columns: list[ColumnDrift]) -> None:
        super().__init__(message)
        self.columns = columns


class ExpectationWarning(UserWarning):
    """Data is not as expected; the task goes on with it."""


class ExpectationError(ObsError, ValueError):
    """Data is not as expected.

    Attributes:
        failed: The verdicts on what does not hold.
    """

    def __init__(self, message: str, failed: list[Verdict]) -> None:
        super().__init__(message)
        self.failed = failed


class _Place(NamedTuple):
    """Where data is: an argument, or what is returned, or a part of it; or what `log` was given."""

    name: str
    data: Any
    logged: bool = False

    def text(self, call: TaskCall) -> str:
        """Say where that is."""
        if self.logged:
            return f"{self.name} in {call.name}"
        if self.name.startswith(_RESULT):
            return f"the {self.name.replace(_RESULT, 'result', 1)} of {call.name}"
        return f"argument {self.name} of {call.name}"


class profile_data(TaskDecorator):
    """Profile the frames that a task takes and returns, keep the profiles, and show what drifted since the last time.

    The reference is what the last successful call of the same task had, in any execution of the store, unless one is
    pinned. Each frame has a deck "Data Profile: <argument>". In an annotation, ``flights: Annotated[DataFrame,
    profile_data()]``, it is about that argument (or result) alone.

    Args:
        inputs: Whether frames that are arguments are profiled; or the names of those that are.
        outputs: Whether what is returned is profiled: a frame, or the frames in a tuple, list or dict.
        reference: What is compared with, instead of the last time: a profile or frame; the path of a file that
            `Profile.save` or whylogs wrote; the id of an execution in which the same task was profiled; or one of them
            by the name of the argument (``"return"`` for the result).
        on_drift: ``"warn"`` leaves a warning and a note, ``"raise"`` refuses the call, or its result, with
            `DriftError`; None only shows it.
        thresholds: From which Hellinger distance on, 0 to 1, a column has drifted; by column if it is a mapping.
        expect: What is expected of each frame that is profiled; or a mapping by the name of the argument.
        on_failure: What happens if an expectation does not hold: as for `on_drift`, with `ExpectationError`.
        by: A column, or several, whose most frequent values have a profile of their own; frames without it have none.

    Raises:
        ValueError: `on_drift` or `on_failure` is something else, or a threshold is not from 0 to 1.
        TypeError: A threshold is no number.

    Examples:
        >>> @task
        ... @profile_data(on_drift="warn", thresholds={"delay": 0.3}, expect=[expect("delay").between(-60, 1500)])
        ... def clean(flights: pd.DataFrame) -> pd.DataFrame: ...
    """

    def __init__(
        self,
        *,
        inputs: bool | Sequence[str] = True,
        outputs: bool = True,
        reference: Any = None,
        on_drift: Literal["warn", "raise"] | None = None,
        thresholds: Thresholds = DEFAULT_THRESHOLD,
        expect: Sequence[Expectation] | Mapping[str, Sequence[Expectation]] = (),
        on_failure: Literal["warn", "raise"] | None = "warn",
        by: str | Sequence[str] | None = None,
    ) -> None:
        for name, value in (("on_drift", on_drift), ("on_failure", on_failure)):
            if value not in (None, "warn", "raise"):
                raise ValueError(f"{name} is 'warn', 'raise' or None, not {value!r}")
        check_thresholds(thresholds)
        self._inputs = inputs
        self._outputs = outputs
        self._reference = reference
        self._on_drift = on_drift
        self._thresholds = thresholds
        self._expect = expect
        self._on_failure = on_failure
        self._by = (by,) if isinstance(by, str) else tuple(by or ())

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
            name: [extra for extra in _extras_of(hint) if isinstance(extra, profile_data)]
            for name, hint in call.hints().items()
        }
        mine = {name for name, found in asking.items() if any(extra is self for extra in found)}
        if mine:
            return mine
        names = [name for name in call.arguments() if self._takes(name)] + [_RESULT] * self._outputs
        return {name for name in names if not asking.get(name)}

    def _takes(self, name: str) -> bool:
        return self._inputs if isinstance(self._inputs, bool) else name in self._inputs

    def _look_at(self, call: TaskCall, place: _Place) -> Profile:
        """Profile a frame, keep its profile, check, compare, show, and act on what is wrong."""
        known = self._profile(place.data)
        artifact = f"data profile: {place.name}"
        reference = self._reference_of(call, place, artifact)
        compared = None if reference is None else self._compare(reference.profile, known)
        checked = check(known, self._expect.get(place.name, ()) if isinstance(self._expect, Mapping) else self._expect)
        call.keep(artifact, known)
        if call.context.enable_deck:
            deck = call.deck(f"Data Profile: {place.name}")
            if checked:
                deck.append(checked_html(checked))
            if compared is not None and reference is not None:
                deck.append(drift_html(compared, compared=f"Compared with {reference.text}"))
            deck.append(profile_html(known, title=f"Data profile of {place.text(call)}"))
        self._act_on_failure(checked, call, place)
        if compared is not None and reference is not None:
            self._act_on_drift(compared.drifted, call, place, reference.text)
        return known

    def _profile(self, data: Any) -> Profile:
        columns = [str(name) for name in getattr(data, "columns", ())]
        return profile(data, by=self._by if self._by and set(self._by) <= set(columns) else None)

    def _compare(self, reference: Profile, current: Profile) -> Drift:
        """Compare profiles, without the thresholds of columns that another frame of the task has."""
        thresholds = self._thresholds
        if isinstance(thresholds, Mapping):
            names = {*reference.columns, *current.columns}
            thresholds = {name: threshold for name, threshold in thresholds.items() if name in names}
        return drift(reference, current, thresholds=thresholds)

    def _reference_of(self, call: TaskCall, place: _Place, artifact: str) -> _Reference | None:
        by_name = isinstance(self._reference, Mapping)
        pinned = self._reference.get(place.name) if by_name else self._reference
        if isinstance(pinned, os.PathLike) or (isinstance(pinned, str) and Path(pinned).is_file()):
            return _Reference(Profile.load(pinned), f"the file {Path(pinned).name}")
        if isinstance(pinned, str):
            kept = load_execution(pinned, call.context.state.run.store).artifact(call.context.task_name, artifact)
            return _Reference(profile_of(kept), f"execution {pinned}")
        if pinned is not None:
            return _Reference(profile_of(pinned), "a pinned reference")
        last = call.last(artifact)
        return None if last is None else _Reference(profile_of(last.value), f"execution {last.execution_id}")

    def _act_on_drift(self, drifted: list[ColumnDrift], call: TaskCall, place: _Place, reference: str) -> None:
        if not drifted or self._on_drift is None:
            return
        message = f"{place.text(call)} drifted from {reference}: {_named(drifted, ', ')}"
        if self._on_drift == "raise":
            call.reject(DriftError(message, drifted))
        call.warn(message, DriftWarning)

    def _act_on_failure(self, checked: Checked, call: TaskCall, place: _Place) -> None:
        if checked.passed or self._on_failure is None:
            return
        message = f"{place.text(call)} is not as expected: {_named(checked.failed, '; ')}"
        if self._on_failure == "raise":
            call.reject(ExpectationError(message, checked.failed))
        call.warn(message, ExpectationWarning)


def log(data: Any, name: str = "data", *, by: str | Sequence[str] | None = None) -> Profile:
    """Profile data in the middle of a task, which is neither an argument nor a result.

    The profile is kept with the task and shown in a deck "Data Profile: <name>", with what drifted since the last
    successful call of the same task.

    Args:
        data: What `profile` takes.
        name: What the data is called; the same in each call, so that it is found again.
        by: A column, or several, whose most frequent values have a profile of their own.

    Returns:
        The profile.

    Raises:
        TypeError: `data` is nothing that can be profiled.

    Examples:
        >>> @task
        ... def clean(flights: pd.DataFrame) -> int:
        ...     late = flights[flights.delay > 15]
        ...     return log(late, "late flights").rows
    """
    return profile_data(by=by)._look_at(TaskCall(current_context()), _Place(name, data, logged=True))


class _Reference(NamedTuple):
    """What data is compared with, and what that is called."""

    profile: Profile
    text: str


def _named(found: Sequence[Any], between: str) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return between.join(map(str, found[:_NAMED])) + more


def _extras_of(hint: Any) -> Iterator[Any]:
    """Go through what ``Annotated[T, extra]`` adds, also within a union."""
    if type(hint).__name__ == "TypeAliasType":
        hint = hint.__value__
    yield from getattr(hint, "__metadata__", ())
    for member in get_args(hint):
        if hasattr(member, "__metadata__"):
            yield from _extras_of(member)


def _frames_in(name: str, value: Any) -> Iterator[_Place]:
    if is_frame(value):
        yield _Place(name, value)
    elif isinstance(value, tuple | list):
        yield from (_Place(f"{name} {place}", part) for place, part in enumerate(value, 1) if is_frame(part))
    elif isinstance(value, dict):
        yield from (_Place(f"{name} {key}", part) for key, part in value.items() if is_frame(part))

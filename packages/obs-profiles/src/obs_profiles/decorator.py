"""Tasks whose data is profiled, checked, and compared with the last time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NoReturn, ParamSpec, TypeVar

from obs_core import TaskCall, TaskDecorator, current_context
from obs_core.failsafe import guarded, strict
from obs_core.interruptions import let_pass
from obs_core.secrets import mask
from obs_core.text.bounded_repr import describe_error
from obs_core.values.hints import parts_of
from obs_profiles.batch_checks import BatchChecks
from obs_profiles.columns import is_frame
from obs_profiles.comparison import DEFAULT_THRESHOLD, Drift, Thresholds, check_thresholds, drift
from obs_profiles.comparison.compared import TOO_FEW
from obs_profiles.expectations import Checked, Expectation, checked_by, expectations_of
from obs_profiles.files.bounds import check_profile
from obs_profiles.pages import checked_html, drift_html, not_compared_html, profile_html
from obs_profiles.places import (
    RESULT,
    Place,
    arguments_of,
    frames_in,
    parameters_of,
    promises_frame,
    promises_several,
    root_of,
)
from obs_profiles.profiles import Profile
from obs_profiles.profiling import names_by
from obs_profiles.references import Reference, pinned, pinned_for, profile_by, reference_for, unexpected
from obs_profiles.refusals import (
    DriftError,
    DriftWarning,
    ExpectationError,
    ExpectationWarning,
    UncheckedError,
    UncheckedWarning,
)

__all__ = ["log", "profile_data"]

P = ParamSpec("P")
T = TypeVar("T")

_NAMED = 5
_BEGIN_ANEW = "pin a reference, or call it once without on_drift='raise' to start over"

_Action = Literal["warn", "raise"] | None
_Expected = Expectation | Sequence[Expectation]


class _Call:
    """What was seen of a call, and what is to be told of it when all of it was looked at.

    Attributes:
        call: The call.
        wanted: The names of what is to be profiled.
        places: The names of the frames that were, or were refused.
        found: These, and the names of what they are a part of.
        named: Names that were asked for one by one.
        uncompared: The names of the frames that have no reference, since no good call had any.
        columns: The names of all columns, also of those that are gone.
        optional: Whether a frame is not there that need not be.
        warnings: What is still to be told.
    """

    def __init__(self, call: TaskCall) -> None:
        self.call = call
        self.wanted: set[str] = set()
        self.places: set[str] = set()
        self.found: set[str] = set()
        self.uncompared: set[str] = set()
        self.columns: set[str] = set()
        self.named: list[str] = []
        self.optional = False
        self.warnings: list[tuple[str, type[Warning]]] = []

    def saw(self, place: Place) -> None:
        """Remember that there is a frame."""
        self.places.add(place.name)
        self.found.update(place.names)

    def refuse(self, error: Exception) -> NoReturn:
        """Refuse the call, after all that was found before."""
        self.tell()
        self.call.reject(error)

    def tell(self) -> None:
        """Warn of what was found: last of all, for a filter may turn a warning into an error."""
        while self.warnings:
            message, category = self.warnings.pop(0)
            with guarded(f"warning about {self.call.name!r}", self.call.note):
                shown = self.call.context.enable_deck and issubclass(category, (DriftWarning, ExpectationWarning))
                self.call.warn(message, category, checked=shown)


class profile_data(TaskDecorator):
    """Profile the frames that a task receives and returns, keep the profiles, and show what drifted since.

    The reference is what the last good call of the same task had, in any execution of the store, unless one is
    pinned; a frame without rows is never one. Each frame has a deck "Data Profile: <argument>", also those in tuples,
    lists, sets and mappings: "Data Profile: frames[0]". In an annotation, ``flights: Annotated[DataFrame,
    profile_data()]``, it is about that argument (or result) alone.

    What cannot be checked or compared is told with `UncheckedWarning`; with ``"raise"`` it is refused, with
    `UncheckedError`: a reference that is not there, a frame that cannot be read or is not in memory, no frame at all.

    Args:
        inputs: Whether frames that are, or are in, arguments are profiled; or the names of those that are, such as
            ``"flights"``, ``"frames[0]"``, ``"kw[weather]"``.
        outputs: Whether frames that are, or are in, what is returned are profiled.
        reference: What is compared with, instead of the last time: a profile or frame; the path of a file that
            `Profile.save` or whylogs wrote; the id of an execution in which the same task was profiled; or one of them
            by the name of the argument and all frames in it (``"return"`` for the result), or of one of these
            (``"frames[0]"``, ``"return train"``).
        on_drift: ``"warn"`` leaves a warning and a note, ``"raise"`` refuses the call, or its result, with
            `DriftError`; None only shows it. Drift in a segment counts, and so does a frame that has no rows any more;
            ``"raise"`` also refuses a call that lacks a frame of the last good one, which may have moved elsewhere. Of
            too few rows to tell, both warn.
        thresholds: From which Hellinger distance on, 0 to 1, a column has drifted; by column if it is a mapping.
        expect: What is expected of each frame that is profiled; or a mapping by the name of the argument.
        on_failure: What happens if an expectation does not hold: as for `on_drift`, with `ExpectationError`.
        by: A column, or several, whose most frequent values have a profile of their own; frames without it have none.

    Raises:
        ValueError: `on_drift` or `on_failure` is something else, a threshold is not from 0 to 1, or, where a function
            is decorated, it has no such argument.
        TypeError: A threshold is no number, `by` is no name, `expect` holds no expectations, or `reference` is nothing
            of these.

    Examples:
        >>> @task
        ... @profile_data(on_drift="warn", thresholds={"delay": 0.3}, expect=[expect("delay").between(-60, 1500)])
        ... def clean(flights: pd.DataFrame) -> pd.DataFrame: ...
    """

    def __init__(
        self,
        *,
        inputs: bool | str | Sequence[str] = True,
        outputs: bool = True,
        reference: Any = None,
        on_drift: _Action = None,
        thresholds: Thresholds = DEFAULT_THRESHOLD,
        expect: _Expected | Mapping[str, _Expected] = (),
        on_failure: _Action = "warn",
        by: str | Sequence[str] | None = None,
    ) -> None:
        for name, value in (("on_drift", on_drift), ("on_failure", on_failure)):
            if value not in (None, "warn", "raise"):
                raise ValueError(f"{name} is 'warn', 'raise' or None, not {value!r}")
        check_thresholds(thresholds)
        self._inputs = inputs if isinstance(inputs, bool) else (inputs,) if isinstance(inputs, str) else tuple(inputs)
        self._outputs = outputs
        self._by = names_by(by)
        self._reference = pinned(reference, self._by)
        self._on_drift = on_drift
        self._thresholds = thresholds
        self._expect = (
            {name: expectations_of(each) for name, each in expect.items()}
            if isinstance(expect, Mapping)
            else expectations_of(expect)
        )
        self._on_failure = on_failure if self._expect else None
        self._refuse_unwatched()

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function of any kind.

        Raises:
            ValueError: It has no argument of a name that `inputs`, `expect` or `reference` have.
        """
        known = parameters_of(function)
        unknown = [] if known is None else [name for name in self._names() if root_of(name) not in known]
        if known is not None and unknown:
            there = ", ".join(known.values())
            raise ValueError(f"{unknown[0]!r} is not an argument of {_name(function)}; there are: {there}")
        return super().__call__(function)

    def around(self, call: TaskCall) -> Iterator[None]:
        """Profile the arguments, run the task, profile what it returns."""
        seen = _Call(call)
        self._try(seen, f"an argument of {call.name}", partial(self._look_at_arguments, seen))
        seen.tell()
        yield
        self._try(seen, f"the result of {call.name}", partial(self._look_at_result, seen))
        seen.tell()

    def _try(self, seen: _Call, what: str, look: Callable[[], object]) -> None:
        """Look at something; that this fails is a failure of what was asked for."""
        try:
            look()
            return
        except BaseException as error:
            let_pass(error)
            if error is seen.call.rejection or (strict() and not self._refuses):
                raise
            problem = describe_error(error)
        self._tell_unchecked(seen, f"{what} was not checked: {problem}", self._worst)

    def _refuse_unwatched(self) -> None:
        """Refuse names of what is not profiled.

        Raises:
            ValueError: There is one.
        """
        for name in self._names():
            if not (self._outputs if root_of(name) == RESULT else self._takes(name)):
                option = "outputs" if root_of(name) == RESULT else "inputs"
                raise ValueError(f"{name!r} is named but not profiled: {option} leaves it out")

    @property
    def _refuses(self) -> bool:
        return self._worst == "raise"

    @property
    def _worst(self) -> _Action:
        """What happens where both drift and expectations are concerned."""
        return "raise" if "raise" in (self._on_drift, self._on_failure) else self._on_drift or self._on_failure

    def _tell_unchecked(self, seen: _Call, message: str, action: _Action) -> None:
        if action == "raise":
            seen.refuse(UncheckedError(message))
        seen.warnings.append((message, UncheckedWarning))

    # ---- what is looked at ------------------------------------------------------------------------------------------

    def _names(self) -> list[str]:
        """Return the names that are asked for one by one."""
        found = [] if isinstance(self._inputs, bool) else list(self._inputs)
        for each in (self._expect, self._reference):
            found += list(each) if isinstance(each, Mapping) else []
        return found

    def _wanted(self, call: TaskCall, arguments: Sequence[str]) -> tuple[set[str], list[str]]:
        """Name what is profiled: what holds this decorator in its annotation, or else all that no other such does.

        Returns:
            The names; those of them that were asked for one by one, and parts of them that were.
        """
        asking = {
            name: [extra for extra in _extras_of(hint) if isinstance(extra, profile_data)]
            for name, hint in call.hints().items()
        }
        mine = [name for name, found in asking.items() if any(extra is self for extra in found)]
        if mine:
            return set(mine), list(dict.fromkeys([*mine, *self._names()]))
        names = [name for name in arguments if self._takes(name)] + [RESULT] * self._outputs
        return {name for name in names if not asking.get(name)}, self._names()

    def _takes(self, name: str) -> bool:
        if isinstance(self._inputs, bool):
            return self._inputs
        return root_of(name) in map(root_of, self._inputs)

    def _is_asked_for(self, place: Place) -> bool:
        """Tell whether a frame in what is profiled is: a name may be that of a part of an argument."""
        of_result = root_of(place.name) == RESULT
        return of_result or isinstance(self._inputs, bool) or any(name in self._inputs for name in place.names)

    def _look_at_arguments(self, seen: _Call) -> None:
        try:
            arguments = arguments_of(seen.call)
        except TypeError:  # the function will refuse them itself
            return
        seen.wanted, seen.named = self._wanted(seen.call, list(seen.call.arguments()))
        for place in arguments:
            if root_of(place.name) in seen.wanted:
                self._look_at_all(seen, place)
        values = {place.name: place.data for place in arguments}
        self._tell_of_absent(seen, [name for name in seen.named if root_of(name) != RESULT], values)
        self._look_for_gone(seen, seen.wanted - {RESULT})
        if RESULT not in seen.wanted:
            self._tell_of_absent(seen, [name for name in seen.named if root_of(name) == RESULT], {})
            self._look_back(seen)

    def _look_at_result(self, seen: _Call) -> None:
        if RESULT in seen.wanted:
            self._look_at_all(seen, Place(RESULT, seen.call.result))
            names = [name for name in seen.named if root_of(name) == RESULT]
            self._tell_of_absent(seen, names, {RESULT: seen.call.result})
            self._look_for_gone(seen, {RESULT})
            self._look_back(seen)

    def _look_at_all(self, seen: _Call, whole: Place) -> None:
        """Look at the frames that an argument, or the result, is or holds."""
        places = [place for place in frames_in(whole) if self._is_asked_for(place)]
        for place in places:
            self._try(seen, place.text(seen.call), partial(self._look_at_frame, seen, place))
        if places or self._worst is None or whole.name in seen.named:
            return
        hint = seen.call.hints().get(root_of(whole.name))
        if promises_frame(hint) and not (_is_empty(whole.data) and promises_several(hint)):
            self._tell_absent(seen, whole)

    def _look_at_frame(self, seen: _Call, place: Place) -> None:
        """Look at a frame, if it can be profiled."""
        twice = place.name in seen.places
        seen.saw(place)
        if is_frame(place.data) and not twice:
            self._look_at(seen, place)
        elif self._worst is not None:
            kind = f"{type(place.data).__module__.partition('.')[0]}.{type(place.data).__name__}"
            problem = f"a {kind} is not in memory: pass the data itself, or log it"
            problem = "another frame has this name" if twice else problem
            self._tell_unchecked(seen, f"{place.text(seen.call)} was not checked: {problem}", self._worst)

    def _tell_of_absent(self, seen: _Call, names: list[str], values: Mapping[str, Any]) -> None:
        """Tell of names that were asked for and have no frame."""
        given = set(map(root_of, values))
        for name in names:
            root = root_of(name)
            if name in seen.found or (name == root != RESULT and root not in given):
                continue  # it was seen, or ``*args`` collected nothing
            place = Place(name, values.get(name, values.get(root)))
            self._tell_absent(seen, place, is_whole=name in values)

    def _tell_absent(self, seen: _Call, place: Place, *, is_whole: bool = True) -> None:
        """Tell that there is no frame; None is fine where it may be."""
        if place.data is None and seen.call.may_be_none(root_of(place.name)):
            seen.optional = True
            return
        kind = "None" if place.data is None else type(place.data).__name__
        found = f"it is not a frame but {kind}" if is_whole else "there is none"
        if root_of(place.name) == RESULT and _yields(seen.call.function):
            found = "frames that a generator yields are not seen: log them, or leave the result out with outputs=False"
        self._tell_unchecked(seen, f"{place.text(seen.call)} was not checked: {found}", self._worst)

    def _look_back(self, seen: _Call) -> None:
        """Tell of what was asked for and was about nothing, after all frames of a call were looked at."""
        name = seen.call.name
        if not seen.places:
            if self._refuses and not seen.optional:
                self._tell_unchecked(seen, f"{name} was not checked: it has no frame", "raise")
            return
        thresholds = self._thresholds if isinstance(self._thresholds, Mapping) else {}
        if unknown := sorted(set(map(mask, thresholds)) - seen.columns):
            named = f"there is a threshold for {unknown[0]!r}, a column that no frame of {name} has"
            self._tell_unchecked(seen, named, self._on_drift)
        by = list(map(mask, self._by))
        if not set(by) <= seen.columns:
            named = f"segments are by {', '.join(by)}, which no frame of {name} has"
            self._tell_unchecked(seen, named, self._on_drift)

    def _look_for_gone(self, seen: _Call, within: set[str]) -> None:
        self._try(seen, f"which frames {seen.call.name} has", partial(self._tell_of_gone, seen, within))

    def _tell_of_gone(self, seen: _Call, within: set[str]) -> None:
        """Tell which frames the last good call had that are not there; a frame that moved has no reference.

        Args:
            seen: What was seen of the call.
            within: The names of what was looked at: the arguments, before the task sees them, or the result.
        """
        if self._on_drift is None or not within:
            return
        call, kept = seen.call, f"data profiles of {', '.join(sorted(within))}"
        last = call.last(kept, sure=self._on_drift == "raise")
        names = sorted(name for name in seen.places if root_of(name) in within)
        if names:
            call.keep(kept, names)
        if last is None:
            return
        new = [name for name in names if name in seen.uncompared]
        # A frame that may be None may also be in another place now, where it is compared with none.
        lacking = (name for name in map(str, last.value) if name not in names and not self._is_pinned(name))
        gone = [name for name in lacking if new or self._should_be_there(seen, name)]
        if gone:
            compared = f"; these were not compared: {_listed(new, ', ')}" if new else ""
            message = f"{call.name} lacks frames of its last good call: {_listed(gone, ', ')}{compared}"
            if self._on_drift == "raise":
                seen.refuse(DriftError(f"{message}; {_BEGIN_ANEW}", []))
            seen.warnings.append((message, UncheckedWarning))
        elif new:
            message = f"{call.name} has frames that no good call had with rows, so they were not compared"
            seen.warnings.append((f"{message}: {_listed(new, ', ')}", UncheckedWarning))

    def _is_pinned(self, name: str) -> bool:
        return pinned_for(self._reference, (root_of(name), name)) is not None

    def _should_be_there(self, seen: _Call, name: str) -> bool:
        """Tell whether a frame of the last call is missed though no other is new: not where None is fine."""
        root = root_of(name)
        return root in map(root_of, seen.places) or not seen.call.may_be_none(root)

    # ---- a frame ----------------------------------------------------------------------------------------------------

    def _look_at(self, seen: _Call, place: Place) -> Profile:
        """Profile a frame, check, compare, keep its profile, show, and act on what is wrong."""
        call, artifact = seen.call, f"data profile: {place.name}"
        seen.saw(place)
        expected = self._expected_of(place)
        batches = BatchChecks(expected)
        known = profile_by(place.data, self._by, batches.look)
        if self._on_drift is not None:
            check_profile(known)  # of one that cannot be kept the next call would know nothing
        seen.columns.update(known.columns)
        checked = checked_by(known, expected, batches)
        reference, problem = self._reference_of(call, place, artifact)
        compared = None if reference is None else self._compare(reference, known, seen)
        if reference is None and not problem:
            seen.uncompared.add(place.name)
        if reference is not None and reference.instead_of:
            message = f"{reference.instead_of}; {place.text(call)} is compared with {reference.text}"
            seen.warnings.append((message, UncheckedWarning))
        if reference is not None and not problem:
            problem = self._missing_segments(reference, known)
        with guarded(f"keeping the profile of {place.text(call)}", call.note):
            # What is not as expected is no measure for later calls, unless there is no other.
            is_measure = known.rows > 0 and (checked.passed or reference is None)
            call.keep(artifact, known, as_last=is_measure)
            if not checked.passed:
                call.keep(unexpected(artifact), {"expectations": len(checked.failed)}, as_last=False)
            if compared is not None:
                call.keep(f"drift: {place.name}", _in_numbers(compared), as_last=False)
        if call.context.enable_deck:
            with guarded(f"drawing the profile of {place.text(call)}", call.note):
                self._show(call, place, known, checked, compared, reference, problem)
        followed = [
            (self._on_failure, partial(self._act_on_failure, checked, seen, place)),
            (self._on_drift, partial(self._act_on_comparison, compared, seen, place, reference, problem)),
        ]
        # What refuses ends the call: what warns comes before it.
        for _, act in sorted(followed, key=lambda each: each[0] == "raise"):
            act()
        return known

    def _show(
        self,
        call: TaskCall,
        place: Place,
        known: Profile,
        checked: Checked,
        compared: Drift | None,
        reference: Reference | None,
        problem: str,
    ) -> None:
        deck = call.deck(f"Data Profile: {place.name}")
        if checked:
            deck.append(checked_html(checked.verdicts, checked.rows))
        if compared is not None and reference is not None:
            deck.append(drift_html(compared, compared=f"Compared with {reference.text}"))
        if problem:
            deck.append(not_compared_html(problem))
        deck.append(profile_html(known, title=f"Data profile of {place.text(call)}"))

    def _expected_of(self, place: Place) -> Sequence[Expectation]:
        if not isinstance(self._expect, Mapping):
            return self._expect
        return [each for name in place.names for each in self._expect.get(name, ())]

    def _compare(self, reference: Reference, current: Profile, seen: _Call) -> Drift:
        """Compare profiles, without the thresholds of columns that another frame of the task has."""
        thresholds = self._thresholds
        names = {*reference.profile.columns, *current.columns}
        seen.columns.update(names)
        if isinstance(thresholds, Mapping):
            thresholds = {name: threshold for name, threshold in thresholds.items() if mask(name) in names}
        return drift(reference.profile, current, thresholds=thresholds)

    def _reference_of(self, call: TaskCall, place: Place, artifact: str) -> tuple[Reference | None, str]:
        """Return what a frame is compared with, and why it cannot be."""
        wanted = pinned_for(self._reference, place.names)
        if wanted is None and not call.context.function and self._on_drift is not None:
            return None, "outside a task there is no last good call; decorate it with task, or pin a reference"
        try:
            found = reference_for(call, wanted, artifact)
        except BaseException as error:
            let_pass(error)
            remedy = f"; {_BEGIN_ANEW}" if wanted is None else ""
            what = "the profile of the last good call" if wanted is None else "its reference"
            return None, f"{what} cannot be read: {describe_error(error)}{remedy}"
        if found is not None and not found.profile.rows:
            return None, f"{found.text} has no rows"
        return found, ""

    def _missing_segments(self, reference: Reference, known: Profile) -> str:
        """Say that segments were asked for and what is pinned has none; what the last call had is replaced anyway."""
        if not known.by or reference.profile.by == known.by or self._reference is None:
            return ""
        return f"{reference.text} has no segments by {', '.join(known.by)}"

    # ---- what follows -----------------------------------------------------------------------------------------------

    def _act_on_comparison(
        self, compared: Drift | None, seen: _Call, place: Place, reference: Reference | None, problem: str
    ) -> None:
        where = place.text(seen.call)
        if compared is not None and reference is not None:
            self._act_on_drift(compared, seen, place, reference.text)
        if compared is not None and compared.by and not compared.segments and not compared.emptied:
            none = f"no segment by {', '.join(compared.by)} is in both; segment by what stays, or without by"
            self._tell_unchecked(seen, f"segments of {where} were not compared: {none}", self._on_drift or "warn")
        if problem:
            self._tell_unchecked(seen, f"{where} was not compared: {problem}", self._on_drift)

    def _act_on_drift(self, compared: Drift, seen: _Call, place: Place, reference: str) -> None:
        if self._on_drift is None:
            return
        where = place.text(seen.call)
        if compared.passed:
            if compared.undecided:  # it goes on, for so little data is no drift; nobody should take it for compared
                rows = f"{compared.rows:,} and {compared.current_rows:,}"
                message = f"{where} was not compared with {reference}: {TOO_FEW}, {rows}"
                seen.warnings.append((message, UncheckedWarning))
            return
        if compared.emptied:
            message = f"{where} is empty: {reference} had {compared.rows:,} rows"
        else:
            message = f"{where} drifted from {reference}: {_drifted_text(compared)}"
        if self._on_drift == "raise":
            drifted = [] if compared.emptied else compared.drifted
            seen.refuse(DriftError(message, drifted, compared.drifted_segments))
        seen.warnings.append((message, DriftWarning))

    def _act_on_failure(self, checked: Checked, seen: _Call, place: Place) -> None:
        if checked.passed or self._on_failure is None:
            return
        message = f"{place.text(seen.call)} is not as expected: {_listed(checked.failed, '; ')}"
        if self._on_failure == "raise":
            seen.refuse(ExpectationError(message, checked.failed))
        seen.warnings.append((message, ExpectationWarning))


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
    seen = _Call(TaskCall(current_context()))
    watching = profile_data(by=by)
    known = watching._look_at(seen, Place(name, data, logged=True))
    watching._look_back(seen)
    seen.tell()
    return known


def _in_numbers(compared: Drift) -> dict[str, float]:
    """Return how far a data set drifted, for curves over runs."""
    distances = [column.distance for column in compared if column.distance is not None]
    return {"greatest distance": max(distances, default=0.0), "columns drifted": len(compared.drifted)}


def _drifted_text(compared: Drift) -> str:
    parts = [
        f"{', '.join(map(str, columns[:_NAMED]))} {compared.where(value)}"
        for value, columns in compared.drifted_segments.items()
    ]
    return "; ".join(filter(None, (_listed([*map(compared.text_of, compared.drifted)], ", "), _listed(parts, "; "))))


def _listed(found: Sequence[Any], between: str) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return between.join(map(str, found[:_NAMED])) + more


def _is_empty(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping) and not len(value)


def _yields(function: Callable[..., Any] | None) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def _extras_of(hint: Any) -> Iterator[Any]:
    """Go through what ``Annotated[T, extra]`` adds, also within a list, a tuple, a union."""
    for part in parts_of(hint):
        yield from getattr(part, "__metadata__", ())

"""Tasks that validate what they take and return."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from obs_core import ObsError, TaskCall, TaskDecorator, register_task_decorator
from obs_core.failsafe import guarded
from obs_core.interruptions import let_pass
from obs_core.text.bounded_repr import describe_error
from obs_core.values.hints import extras_of, members_of
from obs_pandera.schemas import schema_of
from obs_pandera.texts import label_of

__all__ = ["UnvalidatedError", "ValidationConfig", "ValidationWarning", "register", "validated"]

_TYPED_FRAME = "pandera.typing.common.DataFrameBase"
"""The base of ``DataFrame[Model]`` for pandas and polars, and of ``LazyFrame[Model]``."""


class ValidationWarning(UserWarning):
    """Data did not pass its schema, and the task goes on with it."""


class UnvalidatedError(ObsError, TypeError):
    """Data could not be validated, and was to be refused unless it passes its schema."""


class ValidationConfig(Struct, frozen=True):
    """How a frame is validated: in an annotation for one frame, or passed to `validated` for all of them.

    Attributes:
        on_error: ``"raise"`` raises pandera's `SchemaErrors` when data does not pass; ``"warn"`` leaves a warning
            and lets the task go on with the data as it was.

    Raises:
        ValueError: `on_error` is something else.

    Examples:
        >>> from typing import Annotated
        >>> import pandera.pandas as pa
        >>> from pandera.typing import DataFrame
        >>> class Flights(pa.DataFrameModel):
        ...     delay: float = pa.Field(ge=-60)
        >>> @task
        ... @validated()
        ... def count(flights: Annotated[DataFrame[Flights], ValidationConfig(on_error="warn")]) -> int: ...
    """

    on_error: Literal["raise", "warn"] = "raise"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.on_error not in ("raise", "warn"):
            raise ValueError(f"on_error is 'raise' or 'warn', not {self.on_error!r}")


class _Place(NamedTuple):
    """Where a frame is validated: a parameter, or what is returned."""

    name: str
    schema: Any
    config: ValidationConfig


class validated(TaskDecorator):
    """Validate each parameter and result that is annotated with a schema, and add a deck for each.

    Annotations are ``DataFrame[Model]`` and ``LazyFrame[Model]`` of `pandera.typing`, or ``Annotated[T, schema]``
    with a schema object. All failures are collected (pandera's lazy mode). Data that passes is handed on as pandera
    returns it, coerced where the schema says so. What cannot be validated is refused with `UnvalidatedError`: what
    is no frame, None where the annotation does not say so, a task in which no annotation has a schema. Frames in a
    list, and those that a generator yields, are not looked at.

    Args:
        on_error: For annotations that hold no `ValidationConfig`.

    Raises:
        ValueError: `on_error` is neither ``"raise"`` nor ``"warn"``.

    Examples:
        >>> import pandera.pandas as pa
        >>> from pandera.typing import DataFrame
        >>> class Flights(pa.DataFrameModel):
        ...     delay: float = pa.Field(ge=-60)
        >>> @task
        ... @validated()
        ... def clean(flights: DataFrame[Flights]) -> DataFrame[Flights]: ...
    """

    _must_find = True

    def __init__(self, *, on_error: Literal["raise", "warn"] = "raise") -> None:
        self._config = ValidationConfig(on_error)

    def around(self, call: TaskCall) -> Iterator[None]:
        """Validate the arguments, run the task, validate what it returns."""
        places: list[_Place] = []
        with _sure(call, call.name, self._config):
            places = self._places(call)
            if not places and self._must_find:
                raise TypeError("no argument and no result is annotated with a schema")
        try:
            arguments = call.arguments() if places else {}
        except TypeError:  # the function will refuse them itself
            arguments = {}
        for place in places:
            if place.name in arguments and not (arguments[place.name] is None and call.may_be_none(place.name)):
                with _sure(call, _where(call, place), place.config):
                    call.replace_argument(place.name, _checked(call, place, arguments[place.name]))
        yield
        for place in places:
            if place.name == "return" and not (call.result is None and call.may_be_none("return")):
                with _sure(call, _where(call, place), place.config):
                    call.result = _checked(call, place, call.result)

    def _places(self, call: TaskCall) -> list[_Place]:
        found = ((name, _schema_in(hint), _config_in(hint) or self._config) for name, hint in call.hints().items())
        return [_Place(name, schema, config) for name, schema, config in found if schema is not None]


@contextmanager
def _sure(call: TaskCall, what: str, config: ValidationConfig) -> Iterator[None]:
    """Refuse what was to be validated and could not be; where nothing is refused, only tell of it."""
    problem = ""
    with nullcontext() if config.on_error == "raise" else guarded(f"validating {what}", call.note):
        try:
            yield
        except BaseException as error:
            let_pass(error)
            if error is call.rejection or config.on_error != "raise":
                raise
            problem = describe_error(error)
    if problem:
        refusal = UnvalidatedError(f"{what} was not validated: {problem}")
        refusal.__suppress_context__ = True  # its text says what went wrong, and where that arose is pandera
        call.reject(refusal)


def register(*, on_error: Literal["raise", "warn"] = "raise") -> None:
    """Validate every task that is annotated with a typed frame of pandera, without `validated` on each.

    Call it once, before the tasks are called for the first time.

    Args:
        on_error: As for `validated`.

    Examples:
        >>> import obs_pandera
        >>> obs_pandera.register()
    """
    global _registration
    if _registration is not None:
        _registration.unregister()
    decorator = validated(on_error=on_error)
    decorator._must_find = False  # a typed frame may stand there without a schema
    _registration = register_task_decorator(_TYPED_FRAME, decorator)


_registration: Any = None


def _checked(call: TaskCall, place: _Place, data: Any) -> Any:
    """Validate a frame; returns what the task, or its caller, gets."""
    from pandera.errors import SchemaError, SchemaErrors

    schema = place.schema
    try:
        passed = schema.validate(data, lazy=True)
    except (SchemaErrors, SchemaError) as error:
        _fail(call, place, error, shown=_leave_deck(call, place, data, error))
        return data
    _leave_deck(call, place, passed, None)
    return passed


def _fail(call: TaskCall, place: _Place, error: Any, *, shown: bool) -> None:
    """Refuse the frame, or warn of it; `shown` tells that a deck has the verdict already."""
    from obs_pandera.failures import bounded

    failure = bounded(error, f"{_where(call, place)} does not pass schema {_name(place.schema)!r}", shown=shown)
    if place.config.on_error == "raise":
        call.reject(failure)
    with guarded(f"warning about {_where(call, place)}", call.note):
        call.warn(str(failure), ValidationWarning, checked=shown)


def _leave_deck(call: TaskCall, place: _Place, data: Any, error: Any) -> bool:
    """Show a validation in a deck, and tell whether that was possible."""
    if not call.context.enable_deck:
        return False
    from obs_pandera.renderers import PandasReportRenderer

    title = f"{_where(call, place)}"
    with guarded(f"drawing the validation of {title}", call.note):
        deck = call.deck(f"Pandera Report: {_name(place.schema)}")
        deck.append(PandasReportRenderer(title[:1].upper() + title[1:]).to_html(data, place.schema, error))
        return True
    return False  # it could not be drawn; a note says why


def _where(call: TaskCall, place: _Place) -> str:
    return f"the result of {call.name}" if place.name == "return" else f"argument {place.name} of {call.name}"


def _name(schema: Any) -> str:
    name = getattr(schema, "name", None)
    return type(schema).__name__ if name is None else label_of(name)


def _config_in(hint: Any) -> ValidationConfig | None:
    return next((extra for extra in extras_of(hint) if isinstance(extra, ValidationConfig)), None)


def _schema_in(hint: Any) -> Any:
    """Return the schema that a hint names: in ``Annotated``, or as the parameter of a typed frame."""
    for extra in extras_of(hint):
        if (schema := schema_of(extra)) is not None:
            return schema
    return next((schema for part in _parts(hint) if (schema := schema_of(part)) is not None), None)


def _parts(hint: Any) -> Iterator[Any]:
    """Go through the parameters of a generic alias, inside of ``Annotated`` and unions too."""
    if hasattr(hint, "__metadata__"):
        yield from _parts(hint.__origin__)
    elif members := members_of(hint):
        for member in members:
            yield from _parts(member)
    else:
        yield from getattr(hint, "__args__", ())

"""Decorators that annotations ask for: ``Annotated[T, decorator]``, or one registered for a type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from obs_core._plugins import Registration, check_target, imported_class
from obs_core.annotations import extras_of, hints_of, types_of
from obs_core.decorators import TaskDecorator
from obs_core.failsafe import guarded

__all__ = ["decorated", "register_task_decorator"]

_registered: list[tuple[type | str, TaskDecorator]] = []


def register_task_decorator(python_type: type | str, decorator: TaskDecorator) -> Registration:
    """Decorate each task that has a parameter or a result annotated with a type.

    It stands directly below `task`. Tasks that were called before are not decorated any more.

    Args:
        python_type: The type; or its dotted name (``"pandera.typing.DataFrame"``), which is not imported. A
            subclass, a generic alias (``DataFrame[Schema]``), and a member of a union count too.
        decorator: The decorator; `TaskCall.hints` tells it where the type stands.

    Returns:
        The registration, to `unregister` it or to use it as a ``with`` block.

    Raises:
        TypeError: `python_type` is no type, or `decorator` is no `TaskDecorator`.
        ValueError: `python_type` is text that is no dotted name.

    Examples:
        >>> register_task_decorator("pandera.typing.DataFrame", validated())
    """
    check_target(python_type)
    if not isinstance(decorator, TaskDecorator):
        raise TypeError(f"a TaskDecorator is needed, such as validated(), not {decorator!r}")
    entry = (python_type, decorator)
    _registered.append(entry)
    return Registration(lambda: _registered.remove(entry) if entry in _registered else None)


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function inside the decorators that its annotations ask for, the first one outermost.

    Args:
        function: The function, possibly decorated already.

    Returns:
        The function itself if there are none.
    """
    with guarded(f"reading the annotations of {getattr(function, '__qualname__', function)!r}"):
        decorators = {id(decorator): decorator for decorator in _asked_for(hints_of(function))}
        for decorator in reversed(decorators.values()):
            function = decorator._wrapped(function)
    return function


def _asked_for(hints: dict[str, Any]) -> Iterator[TaskDecorator]:
    for hint in hints.values():
        for extra in extras_of(hint):
            if isinstance(extra, TaskDecorator):
                yield extra
        for kind in types_of(hint):
            yield from (decorator for target, decorator in _registered if _is_meant(target, kind))


def _is_meant(target: type | str, kind: type) -> bool:
    wanted = imported_class(target, vars_only=False) if isinstance(target, str) else target
    return wanted is not None and wanted in kind.__mro__

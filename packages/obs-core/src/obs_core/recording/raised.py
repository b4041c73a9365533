"""Where an exception was raised, in the user's own code, and what caused it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import cast

from obs_core.interruptions import cause_of, context_of, suppresses_context, traceback_of
from obs_core.provenance import code_name
from obs_core.text.bounded_repr import describe_error

__all__ = ["Told", "others_raised", "raised_at", "told"]

_MOST_CAUSES = 5
_MOST_OTHERS = 4


class Told(Exception):
    """An exception of another process, as that has told it.

    Attributes:
        chain: What `raised_at` returned there.
    """

    chain: list[tuple[str, str]]


def told(chain: list[tuple[str, str]]) -> Told | None:
    """Return what stands for another process's exception: it reads as that did, and was raised where that was."""
    if not chain:
        return None
    kind, _, message = chain[0][0].partition(": ")
    error: Told = type(kind, (Told,), {})(message)
    error.chain = chain
    return error


def raised_at(error: BaseException) -> list[tuple[str, str]]:
    """Return an exception and what caused it, at most five: each as one line, and where the user's code raised it.

    A group of exceptions, as `asyncio.TaskGroup` raises it, was caused by the first of them.
    """
    if issubclass(type(error), Told):
        return cast("Told", error).chain
    found: list[tuple[str, str]] = []
    following: BaseException | None = error
    while following is not None and len(found) < _MOST_CAUSES:
        found.append((describe_error(following), _place(following)))
        following = _cause_of(following)
    return found


def others_raised(error: BaseException) -> list[tuple[str, str]]:
    """Return the exceptions of a group that `raised_at` does not tell, at most four; none of any other exception."""
    if not issubclass(type(error), BaseExceptionGroup):
        return []
    others = itertools.islice(_leaves(error), 1, 1 + _MOST_OTHERS)
    return [(describe_error(one), _place(one)) for one in others]


def _cause_of(error: BaseException) -> BaseException | None:
    if issubclass(type(error), BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return cause_of(error) or (None if suppresses_context(error) else context_of(error))


def _leaves(group: BaseException) -> Iterator[BaseException]:
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop()
        if issubclass(type(error), BaseExceptionGroup):
            waiting.extend(reversed(cast("BaseExceptionGroup[BaseException]", error).exceptions))
        else:
            yield error


def _place(error: BaseException) -> str:
    """Return ``"file:line"`` of the innermost frame outside installed packages; of the innermost, if none is.

    A notebook's cell is ``In[7]``.

    Empty if all are obs's own: a decorator refused the call, and the line that does so is nobody's concern.
    """
    innermost, own, at = "", "", traceback_of(error)
    while at is not None:
        place = f"{code_name(at.tb_frame.f_code.co_filename)}:{at.tb_lineno}"
        innermost = innermost if place.startswith(_OBS) else place
        own = own if _is_installed(place) else place
        at = at.tb_next
    return own or innermost


def _is_installed(file: str) -> bool:
    return "site-packages" in file or file.startswith(("<", _STANDARD_LIBRARY, _OBS))


_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_OBS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")

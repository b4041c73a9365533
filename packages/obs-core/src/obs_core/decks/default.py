"""The decks that every task gets by default: inputs, output, source code, dependencies, error."""

from __future__ import annotations

import functools
import html
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from obs_core.decks.deck import Deck
from obs_core.decks.timeline import own_timeline
from obs_core.failsafe import guarded
from obs_core.installed import installed
from obs_core.interruptions import ignoring, let_pass
from obs_core.recording import samplers
from obs_core.rendering import render, renderer_for_annotation
from obs_core.store.content import digest_of, masked_bytes
from obs_core.store.paths import shared_path
from obs_core.text.verdicts import without_verdicts
from obs_core.values.hints import hints_of
from obs_core.values.remembered import answers_truly, remembered, underlying

if TYPE_CHECKING:
    import inspect

    from obs_core.recording.run import TaskState
    from obs_core.rendering import Renderable

__all__ = ["Dependencies", "SourceCode"]


class SourceCode(Struct, frozen=True):
    """Python source, as the Source Code deck shows it; the type that renderers are registered for.

    Attributes:
        text: The source.
        file: Where it was read.
        line: Its first line there, counted from 1.
    """

    text: str
    file: str = ""
    line: int = 1

    def _repr_html_(self) -> str:
        place = f"<p><small>{html.escape(self.file)}, line {self.line}</small></p>" if self.file else ""
        return f"{place}<pre><code>{html.escape(self.text)}</code></pre>"


class Dependencies(Struct, frozen=True):
    """What is installed, as the Dependencies deck shows it; the type that renderers are registered for.

    Attributes:
        versions: Version by the normalised name of a distribution, sorted by it.
        python: The running Python's version.
    """

    versions: Mapping[str, str]
    python: str

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(version)}</td></tr>"
            for name, version in self.versions.items()
        )
        head = "<thead><tr><th>Distribution</th><th>Version</th></tr></thead>"
        return f"<p>Python {html.escape(self.python)}</p><table>{head}<tbody>{rows}</tbody></table>"


def show_inputs(task: TaskState, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Render a call's arguments into the Input deck, and the defaults that stand for those that are not given."""
    with guarded(f"rendering the inputs of task {task.name!r}", task.note):
        arguments, given = _bound(function, args, kwargs)
        if not arguments:
            return
        deck = Deck.of(task, "Input")
        for name, value in arguments.items():
            with guarded(f"rendering input {name!r} of task {task.name!r}", task.note):
                _append_titled(deck, name, value, _renderer_of(function, name), is_default=name not in given)


def show_output(task: TaskState, function: Callable[..., Any], result: Any) -> None:
    """Render a call's result into the Output deck; a task that returns nothing gets none."""
    if result is None:
        return
    with guarded(f"rendering the output of task {task.name!r}", task.note):
        deck = Deck.of(task, "Output")
        deck.append(render(result, _renderer_of(function, "return")))


def show_error(task: TaskState, error: BaseException) -> str:
    """Render the exception that ended the task into the Error deck; returns its HTML."""
    drawn = ""
    with guarded(f"rendering the error of task {task.name!r}", task.note):
        drawn = render(error)
        Deck.of(task, "Error").append(drawn)
    return drawn


def show_error_of_call(task: TaskState, calls: list[tuple[str, int, str]], drawn: str) -> None:
    """Show an exception that came from a task called within this one, as it was drawn there.

    Args:
        task: The task that it ended too.
        calls: File, line and function of the calls that led from this task to that one, the outermost first.
        drawn: The HTML.
    """
    with guarded(f"rendering the error of task {task.name!r}", task.note):
        led = "\n".join(f"{file}:{line} in {name}" for file, line, name in calls[-_MOST_CALLS:])
        deck = Deck.of(task, "Error").append(f"<p>In a task that was called here:</p><pre>{html.escape(led)}</pre>")
        deck.append(without_verdicts(drawn))  # they are those of the task that was called


_MOST_CALLS = 20
"""Calls between two tasks that an Error deck shows, the last ones."""


def add_details(task: TaskState, function: Callable[..., Any], fields: frozenset[str]) -> None:
    """Add the decks that need nothing of the call: what ran and what that used, source code, dependencies."""
    if "Timeline" in fields:
        task.journal.flush()
        own_timeline(task)
    _show_sampled(task)
    if "Source Code" in fields:
        _append_once(task, "Source Code", _source_html(function))
    if "Dependencies" in fields:
        _append_once(task, "Dependencies", _dependencies_html())


def _show_sampled(task: TaskState) -> None:
    """Append what samplers draw, but for what the task has shown itself: a decorator may know better."""
    for sampler in samplers.running():
        with guarded(f"drawing the samples of task {task.name!r}", task.note):
            for name, drawn in sampler.decks(task):
                if all(deck.name != name for deck in task.decks):
                    Deck.of(task, name).append(drawn)


def _append_titled(deck: Deck, name: str, value: Any, renderer: Renderable | None, *, is_default: bool) -> None:
    kind = html.escape(type(value).__qualname__) + (", default" if is_default else "")
    deck.append(f'<h3 class="obs-argument"><code>{html.escape(name)}</code> <small>{kind}</small></h3>')
    deck.append(render(value, renderer))


def _append_once(task: TaskState, title: str, rendered: str) -> None:
    """Append HTML that many tasks share, keeping it in the store once."""
    if not rendered:
        return
    content, digest, packed = _packed(rendered)
    path = shared_path(digest)
    with guarded(f"keeping the {title} of task {task.name!r}", task.note):
        task.journal.put_shared(digest, content)
        Deck.of(task, title).append_stored(packed, path)


@functools.lru_cache(maxsize=256)
def _packed(rendered: str) -> tuple[bytes, str, str]:
    content = masked_bytes(rendered)
    return content, digest_of(content), content.decode()


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    import inspect

    return remembered(function, "signature", lambda: inspect.signature(function))


def _bound(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return a call's arguments by name (by position where it does not fit), without ``self``; and which were given."""
    while isinstance(function, functools.partial):
        partial: functools.partial[Any] = function
        function, args, kwargs = partial.func, (*partial.args, *args), {**partial.keywords, **kwargs}
    bound: inspect.BoundArguments | None = None
    if answers_truly(function):
        with ignoring(TypeError, ValueError):
            bound = _signature(function).bind(*args, **kwargs)
    if bound is None:
        named = {**{f"argument {place}": value for place, value in enumerate(args, 1)}, **kwargs}
        return named, frozenset(named)
    arguments, given = bound.arguments, frozenset(bound.arguments)
    if len(arguments) < len(bound.signature.parameters):
        from inspect import Parameter

        bound.apply_defaults()
        # What takes any further arguments has no default: there were none.
        arguments = {
            name: value
            for name, value in bound.arguments.items()
            if name in given or bound.signature.parameters[name].default is not Parameter.empty
        }
    first = next(iter(arguments), None)
    if first in ("self", "cls"):
        del arguments[first]
    return arguments, given


def _renderer_of(function: Callable[..., Any], name: str) -> Renderable | None:
    """Return the renderer that ``Annotated[T, renderer]`` names for a parameter, or for ``"return"``."""
    make = functools.partial(_renderer_in_hints, function, name)
    return remembered(function, ("renderer", name), make)


def _renderer_in_hints(function: Callable[..., Any], name: str) -> Renderable | None:
    return renderer_for_annotation(hints_of(function).get(name))


def _source_html(function: Callable[..., Any]) -> str:
    """Draw the source of a function, or of the class of an object that is called: once for all with the same code."""
    named = underlying(function)
    while hasattr(named, "__wrapped__"):
        named = named.__wrapped__
    return remembered(named, "source", functools.partial(_drawn_source, named))


def _drawn_source(named: Any) -> str:
    import inspect

    try:
        lines, first = inspect.getsourcelines(named)
        file = inspect.getsourcefile(named) or ""
    except (OSError, TypeError) as error:
        let_pass(error)
        return ""
    return render(SourceCode("".join(lines), file, first))


@functools.cache
def _dependencies_html() -> str:
    return render(_installed_here())


def _installed_here() -> Dependencies:
    versions = {name: one.version for name, one in installed().items()}
    return Dependencies(versions, ".".join(map(str, sys.version_info[:3])))

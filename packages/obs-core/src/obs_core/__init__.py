"""obs: observability for any Python data or ML pipeline, whatever engine runs it.

Decorate a function with `task` and get a trace of where its time went, an HTML report with tabs, and a
record that survives a kill, in a folder or any shared store.

Examples:
    >>> from obs_core import current_context, span, task
    >>> @task
    ... def clean(rows: list[int]) -> list[int]:
    ...     with span("drop negatives"):
    ...         kept = [row for row in rows if row >= 0]
    ...     current_context().default_deck.append(f"<b>{len(kept)}</b> of {len(rows)} rows kept")
    ...     return kept
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.__about__ import __version__
from obs_core.lazy import lazy_names

if TYPE_CHECKING:
    from obs_core.annotated import register_task_decorator
    from obs_core.artifacts import Kept
    from obs_core.carriers import attach, carrier
    from obs_core.context import TaskContext, current_context, link
    from obs_core.decks import Deck, DeckField, TimeLineDeck
    from obs_core.decorators import TaskCall, TaskDecorator
    from obs_core.executions import execution
    from obs_core.failsafe import ObsError, ObsWarning
    from obs_core.reading import Execution, ExecutionNotFoundError, list_executions, load_execution
    from obs_core.rendering import Renderable, register_renderer
    from obs_core.secrets import Secret
    from obs_core.spans import span
    from obs_core.store import open_store
    from obs_core.tasks import task
    from obs_core.trace import ExecutionSpan
    from obs_core.trackers import Identity, Tracker
    from obs_core.transformers import TypeTransformer, register_transformer

_MODULES = {
    "annotated": ("register_task_decorator",),
    "artifacts": ("Kept",),
    "carriers": ("attach", "carrier"),
    "context": ("TaskContext", "current_context", "link"),
    "decks": ("Deck", "DeckField", "TimeLineDeck"),
    "decorators": ("TaskCall", "TaskDecorator"),
    "executions": ("execution",),
    "failsafe": ("ObsError", "ObsWarning"),
    "reading": ("Execution", "ExecutionNotFoundError", "list_executions", "load_execution"),
    "rendering": ("Renderable", "register_renderer"),
    "secrets": ("Secret",),
    "spans": ("span",),
    "store": ("open_store",),
    "tasks": ("task",),
    "trace": ("ExecutionSpan",),
    "trackers": ("Identity", "Tracker"),
    "transformers": ("TypeTransformer", "register_transformer"),
}
"""Each public name's module, imported when the name is first used: a pipeline that only times spans loads
only spans."""

_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Deck",
    "DeckField",
    "Execution",
    "ExecutionNotFoundError",
    "ExecutionSpan",
    "Identity",
    "Kept",
    "ObsError",
    "ObsWarning",
    "Renderable",
    "Secret",
    "TaskCall",
    "TaskContext",
    "TaskDecorator",
    "TimeLineDeck",
    "Tracker",
    "TypeTransformer",
    "__version__",
    "attach",
    "carrier",
    "current_context",
    "execution",
    "link",
    "list_executions",
    "load_execution",
    "open_store",
    "register_renderer",
    "register_task_decorator",
    "register_transformer",
    "span",
    "task",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)

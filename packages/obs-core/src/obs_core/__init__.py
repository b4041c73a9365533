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

import sys
from typing import TYPE_CHECKING, Any

from obs_core.__about__ import __version__
from obs_core.lazy import lazy_names

if TYPE_CHECKING:
    from obs_core.assembly.loading import ExecutionNotFoundError
    from obs_core.decks.deck import Deck, DeckField
    from obs_core.decks.timeline import TimeLineDeck
    from obs_core.failsafe import ObsError, ObsWarning
    from obs_core.ipython import load_ipython_extension as load_ipython_extension
    from obs_core.ipython import unload_ipython_extension as unload_ipython_extension
    from obs_core.reading.execution import Execution, load_execution
    from obs_core.reading.listing import list_executions
    from obs_core.reading.table import ExecutionTable, executions
    from obs_core.recording.artifacts import Kept
    from obs_core.recording.checks import check
    from obs_core.recording.executions import execution
    from obs_core.recording.metrics import log_metric, log_metrics, log_params
    from obs_core.recording.progress import track
    from obs_core.recording.spans import span
    from obs_core.rendering import Renderable, register_renderer
    from obs_core.secrets import Secret
    from obs_core.store import open_store
    from obs_core.tasks.carriers import attach, carrier
    from obs_core.tasks.context import TaskContext, current_context, link
    from obs_core.tasks.decorators import TaskCall, TaskDecorator, register_task_decorator, usable_bare
    from obs_core.tasks.task import task
    from obs_core.trace.execution_span import ExecutionSpan
    from obs_core.trackers import Origin, Tracker
    from obs_core.transformers import TypeTransformer, register_transformer

_MODULES = {
    "decks.deck": (
        "Deck",
        "DeckField",
    ),
    "decks.timeline": ("TimeLineDeck",),
    "ipython": (
        "load_ipython_extension",
        "unload_ipython_extension",
    ),
    "failsafe": (
        "ObsError",
        "ObsWarning",
    ),
    "assembly.loading": ("ExecutionNotFoundError",),
    "reading.execution": (
        "Execution",
        "load_execution",
    ),
    "reading.listing": ("list_executions",),
    "reading.table": (
        "ExecutionTable",
        "executions",
    ),
    "recording.artifacts": ("Kept",),
    "recording.checks": ("check",),
    "recording.executions": ("execution",),
    "recording.metrics": (
        "log_metric",
        "log_metrics",
        "log_params",
    ),
    "recording.progress": ("track",),
    "recording.spans": ("span",),
    "rendering": (
        "Renderable",
        "register_renderer",
    ),
    "secrets": ("Secret",),
    "store": ("open_store",),
    "tasks.carriers": (
        "attach",
        "carrier",
    ),
    "tasks.context": (
        "TaskContext",
        "current_context",
        "link",
    ),
    "tasks.decorators": (
        "TaskCall",
        "TaskDecorator",
        "register_task_decorator",
        "usable_bare",
    ),
    "tasks.task": ("task",),
    "trace.execution_span": ("ExecutionSpan",),
    "trackers": (
        "Origin",
        "Tracker",
    ),
    "transformers": (
        "TypeTransformer",
        "register_transformer",
    ),
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
    "ExecutionTable",
    "Kept",
    "ObsError",
    "ObsWarning",
    "Origin",
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
    "check",
    "current_context",
    "execution",
    "executions",
    "link",
    "list_executions",
    "load_execution",
    "log_metric",
    "log_metrics",
    "log_params",
    "open_store",
    "register_renderer",
    "register_task_decorator",
    "register_transformer",
    "span",
    "task",
    "track",
    "usable_bare",
]

_load, __dir__ = lazy_names(__name__, _HOMES)


def __getattr__(name: str) -> Any:
    value = _load(name)
    _take_part_in_obs_run()
    return value


def _take_part_in_obs_run() -> None:
    """Keep what a program under ``obs run`` says from the moment it has anything of obs, not from its first task."""
    from obs_core import settings

    if '"obs-supervisor"' in settings.carrier_text():
        from obs_core.recording.here import join_supervisor

        join_supervisor()


if sys.version_info < (3, 12):
    from obs_core.recording import exits as exits  # before the program takes `sys.exit` for `sys.exit(main())`

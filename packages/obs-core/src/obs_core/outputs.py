"""Keep what tasks return, for later executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obs_core.journal import records
from obs_core.secrets import mask_value
from obs_core.store.base import blob_path
from obs_core.store.content import compressed, digest_of
from obs_core.transformers import find_transformer

if TYPE_CHECKING:
    from obs_core.context import TaskContext

_IN_PLACE = 2048
"""Bytes up to which an output stands in the journal itself."""


def keep_output(context: TaskContext, value: Any) -> None:
    """Keep a task's result in the store, if a transformer knows its type."""
    transformer = find_transformer(value)
    if transformer is None:
        return
    content: bytes = mask_value(transformer.to_bytes(value))
    text = _as_text(content)
    path = None
    if text is None:
        path = blob_path(context.execution_id, digest_of(content))
        context.journal.put(path, compressed(content))
    context.append(records.Output(context.own_ref(), transformer.name, text, path))


def _as_text(content: bytes) -> str | None:
    if len(content) > _IN_PLACE:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None

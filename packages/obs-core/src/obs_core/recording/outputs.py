"""Keep what tasks return, for later executions, and load it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obs_core.journal import records
from obs_core.secrets import mask_value
from obs_core.store.base import Store
from obs_core.store.content import blob_at, compressed, digest_of
from obs_core.store.paths import blob_path
from obs_core.transformers import TypeTransformer, find_transformer, transformer_named

if TYPE_CHECKING:
    from obs_core.recording.run import TaskState

_IN_PLACE = 2048
"""Bytes up to which a value stands in the journal itself."""


def keep_output(task: TaskState, value: Any) -> bool:
    """Keep a task's result in the store, if a transformer knows its type.

    Returns:
        Whether it is kept in a file of its own.
    """
    transformer = find_transformer(value)
    if transformer is None:
        return False
    text, path = written(task, transformer, value)
    task.append(records.Output(task.own_ref(), transformer.name, text, path))
    return path is not None


def written(task: TaskState, transformer: TypeTransformer[Any], value: Any) -> tuple[str, None] | tuple[None, str]:
    """Write a value as a record holds it: as text, or in a file of the execution.

    Returns:
        The text and None, or None and the file's path in the store.
    """
    content: bytes = mask_value(transformer.to_bytes(value))
    if len(content) <= _IN_PLACE:
        try:
            return content.decode(), None
        except UnicodeDecodeError:
            pass  # it is no text
    path = blob_path(task.run.id, digest_of(content))
    task.journal.put(path, compressed(content))
    return None, path


def restored(store: Store, kept: records.Output | records.Artifact) -> Any:
    """Load a value again.

    Raises:
        UnknownTransformerError: What kept it is not installed here.
        OSError: Its file is gone.
    """
    content = kept.text.encode() if kept.text is not None else blob_at(store, kept.path or "")
    return transformer_named(kept.transformer).from_bytes(content)

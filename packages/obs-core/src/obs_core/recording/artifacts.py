"""Artifacts: values that a task keeps beside what it returns, and finds again when it runs the next time."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import msgspec

from obs_core import clock, provenance
from obs_core.failsafe import guarded
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.recording.outputs import restored, written
from obs_core.store.base import Store
from obs_core.store.content import digest_of
from obs_core.store.paths import latest_path
from obs_core.text.masking import mask_value
from obs_core.text.plain_values import storable_name
from obs_core.transformers import find_transformer

if TYPE_CHECKING:
    from obs_core.recording.run import TaskState

__all__ = ["Kept", "execution_pointed_to", "keep", "last", "point_to"]


class Kept:
    """A value that an earlier call of a task kept.

    Attributes:
        execution_id: The execution that kept it.
        task_id: The task, within that execution.
        at: When the task ended, in nanoseconds since the epoch.
    """

    def __init__(self, store: Store, pointer: _Pointer) -> None:
        self.execution_id = pointer.execution
        self.task_id = pointer.task
        self.at = pointer.at
        self._store = store
        self._artifact = pointer.artifact

    @functools.cached_property
    def value(self) -> Any:
        """The value, loaded when it is first asked for.

        Raises:
            UnknownTransformerError: What kept it is not installed here.
            OSError: It was removed from the store since.
        """
        return restored(self._store, self._artifact)

    def __repr__(self) -> str:
        return f"<Kept {self._artifact.name!r} of execution {self.execution_id}>"


class _Pointer(msgspec.Struct):
    """What a file of `latest` says."""

    execution: str
    task: str
    at: int
    artifact: records.Artifact


def keep(task: TaskState, name: str, value: Any, *, as_last: bool = True) -> None:
    """Keep a value with a task; see `TaskContext.keep`."""
    transformer = find_transformer(value)
    if transformer is None:
        raise TypeError(
            f"{name!r} cannot be kept: no transformer knows {type(value).__name__}, or it is too large for the one"
            " that does (see obs_core.register_transformer)"
        )
    with guarded(f"keeping {name!r}", task.note):
        name = storable_name(name)
        artifact = records.Artifact(task.own_ref(), name, transformer.name, *written(task, transformer, value))
        task.append(artifact)
        if not as_last:
            task.artifacts.pop(name, None)  # an earlier value of the name was replaced
            return
        task.artifacts[name] = artifact
        if task.ended is not None and task.failure is None:
            point_to(task)  # what is kept late, after the task has returned


def execution_pointed_to(store: Store, path: str) -> str | None:
    """Return the execution whose artifact is the newest of its name; None if the file does not say."""
    try:
        return _decoder.decode(store.get(path)).execution
    except (OSError, msgspec.MsgspecError) as error:
        let_pass(error)
        return None


def last(task: TaskState, name: str, *, sure: bool = False) -> Kept | None:
    """Return what the last successful call of the same task kept; see `TaskContext.last`."""
    store = task.run.store
    try:
        pointer = _decoder.decode(store.get(_place(task, name)))
        gone = not sure and pointer.artifact.path is not None and not store.exists(pointer.artifact.path)
    except FileNotFoundError as error:
        let_pass(error)
        return None
    except (OSError, msgspec.MsgspecError) as error:
        let_pass(error)
        if sure:
            raise
        return None
    return None if gone else Kept(store, pointer)


def point_to(task: TaskState) -> None:
    """Let later calls of a task that succeeded find what it kept."""
    for name, artifact in task.artifacts.items():
        pointer = _Pointer(task.run.id, task.global_ref(), clock.epoch(), artifact)
        task.journal.put(_place(task, name), mask_value(msgspec.json.encode(pointer)))


def _place(task: TaskState, name: str) -> str:
    name = storable_name(name)
    return latest_path(digest_of("\0".join((_identity(task), task.name, name)).encode()))


def _identity(task: TaskState) -> str:
    """Tell the function of a task from others of its name, also across scripts, which are all ``__main__``."""
    module, _, function = task.function.rpartition("__main__.")
    return task.function if module or not function else f"{provenance.script_name()}:{function}"


_decoder = msgspec.json.Decoder(_Pointer)

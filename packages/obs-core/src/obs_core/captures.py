"""Captures: files that are written while a task runs, from which its decks are made afterwards.

A capture lies in the store from its beginning, so that it is there when the task was killed: whoever reads the
execution then makes the decks. What makes them is declared by the entry point group ``obs.captures``, by kind.
"""

from __future__ import annotations

import contextlib
import html
import os
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from obs_core._bounded_repr import describe_error
from obs_core._plugins import declared, load
from obs_core.failsafe import ObsError, strict
from obs_core.journal import records
from obs_core.model import DeckView, TaskView
from obs_core.report.shared import extract
from obs_core.store.base import capture_path

if TYPE_CHECKING:
    import tempfile

    from obs_core.context import TaskContext
    from obs_core.store import Store

__all__ = ["Capture", "UnfinishedCapture", "add_decks", "body_of", "decks_of"]

_FIRST_UPLOAD = 1.0
"""Seconds until a capture is uploaded to a shared store for the first time."""

_UPLOAD_EACH = 10.0
"""Seconds between two uploads of a growing capture to a shared store, at the least."""


class Capture:
    """A file of a task, while it is being written. Get it from `TaskContext.capture`.

    Attributes:
        path: Where to write it, on this machine.
    """

    def __init__(self, context: TaskContext, kind: str, suffix: str, options: dict[str, Any]) -> None:
        journal = context.journal
        self._context = context
        self._number = journal.next_number()
        self._stored = capture_path(context.execution_id, f"{journal.writer}-{self._number}{suffix}")
        self._folder = self._folder_for_shared_store()
        self.path = self._local_path(suffix)
        journal.append(records.CaptureMade(self._number, context.own_ref(), journal.now(), kind, self._stored, options))
        journal.flush()
        self._uploader = _Uploader(context.run.store, self.path, self._stored) if self._folder else None

    def finish(self) -> None:
        """Take note that its decks are made, and remove it."""
        if self._uploader is not None:
            self._uploader.stop()
        self._context.append(records.CaptureDone(self._context.journal.ref(self._number)))
        self._context.journal.flush()
        with contextlib.suppress(OSError):
            self._context.run.store.remove(self._stored)
        if self._folder is not None:
            self._folder.cleanup()

    def _folder_for_shared_store(self) -> tempfile.TemporaryDirectory[str] | None:
        if self._context.run.store.file_path(self._stored) is not None:
            return None
        import tempfile  # a tenth of a second of imports, for shared stores alone

        return tempfile.TemporaryDirectory(prefix="obs-capture-", ignore_cleanup_errors=True)

    def _local_path(self, suffix: str) -> str:
        path = self._context.run.store.file_path(self._stored)
        if self._folder is not None or path is None:
            return os.path.join(self._folder.name if self._folder else "", f"capture{suffix}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path


class _Uploader:
    """Uploads a growing file now and then: a tenth of the time at the most, since each upload is a whole one."""

    def __init__(self, store: Store, path: str, stored: str) -> None:
        self._store = store
        self._path = path
        self._stored = stored
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="obs-capture-upload", daemon=True).start()

    def stop(self) -> None:
        """Upload it no more."""
        self._stopped.set()

    def _run(self) -> None:
        pause, uploaded = _FIRST_UPLOAD, 0
        while not self._stopped.wait(pause):
            size = os.path.getsize(self._path) if os.path.exists(self._path) else 0
            if size != uploaded:
                began = time.monotonic()
                with contextlib.suppress(OSError):
                    self._upload()
                    uploaded = size
                pause = max(_UPLOAD_EACH, 10 * (time.monotonic() - began))

    def _upload(self) -> None:
        with open(self._path, "rb") as file:
            self._store.put(self._stored, file.read())


class UnfinishedCapture:
    """A capture whose writer is gone before its decks were made.

    Attributes:
        task: The id of its task.
        kind: What wrote it, such as ``"memray"``.
        options: What its writer left for whoever makes the decks.
        ended: Whether its task ended before its process was gone.
    """

    def __init__(self, store: Store, task: str, record: records.CaptureMade, *, ended: bool = False) -> None:
        self.task = task
        self.ended = ended
        self.kind = record.kind
        self.options = record.options
        self._store = store
        self._stored = record.path

    @contextlib.contextmanager
    def file(self) -> Iterator[str]:
        """Give the path of the file on this machine.

        Raises:
            FileNotFoundError: It is gone.
        """
        path = self._store.file_path(self._stored)
        if path is not None:
            if not os.path.exists(path):
                raise FileNotFoundError(path)
            yield path
            return
        import tempfile

        content = self._store.get(self._stored)
        with tempfile.TemporaryDirectory(prefix="obs-capture-") as folder:
            path = os.path.join(folder, os.path.basename(self._stored))
            with open(path, "wb") as file:
                file.write(content)
            yield path


def decks_of(capture: UnfinishedCapture) -> list[DeckView]:
    """Make the decks of a capture; where that fails, one that says why.

    Args:
        capture: The capture.
    """
    try:
        return [_extracted(name, page) for name, page in _maker_of(capture.kind)(capture)]
    except Exception as error:
        if strict() and not isinstance(error, (ObsError, OSError)):
            raise
        reason = str(error) if isinstance(error, ObsError) else describe_error(error)
        note = f"<p>What {html.escape(capture.kind)} had captured cannot be shown: {html.escape(reason)}</p>"
        return [DeckView(capture.kind.capitalize(), [note])]


def add_decks(task: TaskView, capture: UnfinishedCapture) -> None:
    """Make the decks of a capture; those that its writer announced and could not fill any more are filled.

    Args:
        task: The capture's task, which gets them.
        capture: The capture.
    """
    for made in decks_of(capture):
        announced = next((deck for deck in task.decks if deck.name == made.name and not deck.items), None)
        if announced is None:
            task.decks.append(made)
        else:
            announced.items.extend(made.items)


def body_of(digest: str) -> str | None:
    """Return a large script or style of a deck that `decks_of` made in this process."""
    return _bodies.get(digest)


_bodies: dict[str, str] = {}


def _extracted(name: str, page: str) -> DeckView:
    item, bodies = extract(page)
    _bodies.update(bodies)
    return DeckView(name, [item])


def _maker_of(kind: str) -> Any:
    for point in declared("obs.captures"):
        if point.name == kind:
            return load(point)
    raise ObsError(f"no package that reads captures of {kind} is installed; type: pip install obs-{kind}")

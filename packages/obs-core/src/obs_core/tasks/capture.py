"""Captures: files that are written while a task runs, from which its decks are made afterwards.

A capture lies in the store from its beginning, so that it is there when the task was killed: whoever reads the
execution then makes the decks. What makes them is declared by the entry point group ``obs.captures``, by kind.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from obs_core.background import Background
from obs_core.files import make_folder
from obs_core.interruptions import ignoring
from obs_core.journal import records
from obs_core.store.paths import capture_path

if TYPE_CHECKING:
    import tempfile

    from obs_core.recording.run import TaskState
    from obs_core.store import Store


_FIRST_UPLOAD = 1.0
"""Seconds until a capture is uploaded to a shared store for the first time."""


_UPLOAD_EACH = 10.0
"""Seconds between two uploads of a growing capture to a shared store, at the least."""


class Capture:
    """A file of a task, while it is being written. Get it from `TaskContext.capture`.

    Attributes:
        path: Where to write it, on this machine.
    """

    def __init__(self, task: TaskState, kind: str, suffix: str, options: dict[str, Any]) -> None:
        journal = task.journal
        self._task = task
        self._number = journal.next_number()
        self._stored = capture_path(task.run.id, f"{journal.writer}-{self._number}{suffix}")
        self._folder = self._folder_for_shared_store()
        self.path = self._local_path(suffix)
        journal.append(records.CaptureMade(self._number, task.own_ref(), journal.now(), kind, self._stored, options))
        journal.flush()
        self._uploader = _Uploader(task.run.store, self.path, self._stored) if self._folder else None

    def finish(self) -> None:
        """Take note that its decks are made, and remove it."""
        if self._uploader is not None:
            self._uploader.stop()
        self._task.append(records.CaptureDone(self._task.journal.ref(self._number)))
        self._task.journal.flush()
        with ignoring(OSError):
            self._task.run.store.remove(self._stored)
        if self._folder is not None:
            self._folder.cleanup()

    def _folder_for_shared_store(self) -> tempfile.TemporaryDirectory[str] | None:
        if self._task.run.store.file_path(self._stored) is not None:
            return None
        import tempfile  # a tenth of a second of imports, for shared stores alone

        return tempfile.TemporaryDirectory(prefix="obs-capture-", ignore_cleanup_errors=True)

    def _local_path(self, suffix: str) -> str:
        path = self._task.run.store.file_path(self._stored)
        if self._folder is not None or path is None:
            return os.path.join(self._folder.name if self._folder else "", f"capture{suffix}")
        make_folder(os.path.dirname(path))
        return path


class _Uploader:
    """Uploads a growing file now and then: a tenth of the time at most, since each upload is a whole one."""

    def __init__(self, store: Store, path: str, stored: str) -> None:
        self._store = store
        self._path = path
        self._stored = stored
        self._stopped = threading.Event()
        Background(self._run, "obs-capture-upload").start()

    def stop(self) -> None:
        """Upload it no more."""
        self._stopped.set()

    def _run(self) -> None:
        pause, uploaded = _FIRST_UPLOAD, 0
        while not self._stopped.wait(pause):
            size = os.path.getsize(self._path) if os.path.exists(self._path) else 0
            if size != uploaded:
                began = time.monotonic()
                with ignoring(OSError):
                    self._upload()
                    uploaded = size
                pause = max(_UPLOAD_EACH, 10 * (time.monotonic() - began))

    def _upload(self) -> None:
        with open(self._path, "rb") as file:
            self._store.put(self._stored, file.read())

"""Captures that a killed process left: files from which decks are still to be made."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from obs_core.journal import records
from obs_core.store.base import Store

__all__ = ["UnfinishedCapture"]


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

"""The journal of one process for one execution: buffer, flush, retry, count what is lost."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from obs_core import clock, identity
from obs_core.__about__ import __version__
from obs_core.failsafe import ObsError, ObsWarning, guarded, strict, warn
from obs_core.journal import encoding, flusher, records, shared_content
from obs_core.store.base import Segment, Store, segment_path, shared_path
from obs_core.store.content import compressed

if TYPE_CHECKING:
    from obs_core.spans import span

_FULL = 1024
"""Records in the buffer at which the caller writes them itself, so that a burst takes time instead of
memory."""

_PENDING_LIMIT = 32 * 1024 * 1024
"""Bytes kept in memory for a store that is slow or takes nothing."""

_BEAT = 10_000_000_000
"""Nanoseconds of silence after which a writer gives a sign of life."""

_PATIENCE = 30.0
"""Seconds that the end of an execution waits for a shared store."""


class Journal:
    """Append-only records of one writer, flushed each second, when the buffer is full and at each task's end.

    Appending never fails and never takes a lock. A store that takes nothing costs one warning; what could
    not be written in the end is counted.

    Args:
        store: Where to.
        execution_id: Whose.
        writer: This writer's id: ``"main"`` for the process that began the execution.
        preamble: Records that are written only once others follow, so that an unused execution leaves
            nothing behind.
    """

    def __init__(
        self, store: Store, execution_id: str, writer: str, preamble: list[records.Record] | None = None
    ) -> None:
        self.store = store
        self.execution_id = execution_id
        self.epoch = clock.epoch() - clock.wall()
        self.open_spans: dict[int, span] = {}
        self.items: list[Any] = []
        self.append = self.items.append
        self.next_number = count(1).__next__
        self.writer = self.parent_writer = writer
        self.floor = 0
        self.forked = False
        """Whether a forked child may have written to any of this process's tasks."""
        self.announced = False
        self.sources: list[Callable[[], None]] = []
        """Called before what was appended is written: they append what they have kept back."""
        self._preamble = preamble or []
        self._reset()
        flusher.watch(self)

    def _reset(self) -> None:
        self._encoding = threading.Lock()
        self._writing = threading.Lock()
        self._compressing = threading.Lock()
        self._segment: Segment | None = None
        self._full_segments: list[Segment] = []
        self._segments = count()
        self._lines: list[bytes] = []
        self._files: list[tuple[str, bytes]] = []
        self._pending = 0
        self._failure: OSError | None = None
        self._last_write = clock.wall()
        self.lost = 0
        self.used = False

    def now(self) -> int:
        """Return the time by this writer's clock, in nanoseconds."""
        return clock.wall()

    def ref(self, number: int) -> records.Ref:
        """Name a span, task or deck made in this process, as this writer's own records do."""
        return number if number > self.floor else f"{self.parent_writer}.{number}"

    def global_ref(self, number: int) -> str:
        """Name a span, task or deck made in this process, as every writer's records can."""
        return f"{self.writer if number > self.floor else self.parent_writer}.{number}"

    def relieve(self) -> None:
        """Flush if the buffer is full."""
        if len(self.items) >= _FULL:
            self.flush()

    def flush(self, wait: bool = False) -> None:
        """Write everything appended so far; a shared store gets it from the background thread.

        Args:
            wait: Write to a shared store too before returning.

        Raises:
            ObsError: The store did not take it, and `OBS_STRICT` is set.
        """
        self.encode()
        if wait or self.store.local or self._pending > _PENDING_LIMIT:
            self._write()

    def beat(self) -> None:
        """Write everything appended so far, or a sign of life after a silence."""
        if self.used and not self.items and clock.wall() - self._last_write > _BEAT:
            self.append(records.Beat(self.now()))
        self.flush(wait=True)
        self._close_segments()

    def announce(self) -> None:
        """Write the beginning even if nothing follows: another process is about to refer to it.

        It is there when this returns; what later processes refer to follows within a second.
        """
        first, self.announced = not self.announced, True
        self.items.extend(self._preamble)
        self._preamble = []
        self.flush(wait=first)

    def put(self, path: str, content: bytes) -> None:
        """Write a file of this execution with the next flush; whatever refers to it is written after it."""
        with self._encoding:
            self._files.append((path, content))
            self._pending += len(content)
        if self._pending > _PENDING_LIMIT:
            self._write()

    def put_shared(self, digest: str, content: bytes) -> None:
        """Keep content that many executions share, compressed, once."""
        if shared_content.needs_writing(self.store, digest):
            self.put(shared_path(digest), compressed(content))

    def close(self) -> None:
        """Write what is left; the background thread does it where nothing was written yet to a slow folder."""
        if self.used or not self.store.begins_slowly or not flusher.close_soon(self):
            self.close_now()

    def close_now(self) -> None:
        """Write what is left, wait for a shared store within limits, and say what is lost."""
        flusher.watch_for_stragglers(self)
        if self.store.local:
            self.flush()
        else:
            self._finish_within(_PATIENCE)
        self._give_up()
        if self._segment is not None:
            self._full_segments.append(self._segment)
            self._segment = None  # what a straggling thread still appends goes to a segment of its own
        self._close_segments()

    def after_fork(self) -> None:
        """Go on as a writer of our own in a forked child; what the parent had buffered, the parent writes."""
        self.items.clear()
        self.open_spans.clear()
        self.sources.clear()
        self._preamble = []
        self.parent_writer = self.writer
        self.writer = identity.new_writer_id()
        self.floor = self.next_number()
        self._reset()

    def encode(self) -> None:
        """Turn everything appended so far into lines, still unwritten."""
        for append_pending in self.sources:
            append_pending()
        with self._encoding:
            count_now = len(self.items)
            if not count_now:
                return
            batch = self.items[:count_now]
            del self.items[:count_now]
            self._keep(encoding.encode(self, batch))

    def _keep(self, lines: bytes) -> None:
        if self._failure is not None and self._pending + len(lines) > _PENDING_LIMIT:
            self.lost += lines.count(b"\n")
            return
        if not self.used:
            self.used = True
            lines = encoding.lines_of(list(self._preamble)) + lines
        self._lines.append(lines)
        self._pending += len(lines)

    def _write(self) -> None:
        with self._writing:
            try:
                self._write_files()
                self._write_lines()
            except OSError as error:
                self._report(error)
            else:
                self._failure = None

    def _write_files(self) -> None:
        while self._files:
            path, content = self._files[0]
            self.store.put(path, content)
            self._drop_first(self._files, len(content))

    def _write_lines(self) -> None:
        taken = len(self._lines)
        if not taken:
            return
        lines = b"".join(self._lines[:taken])
        segment = self._current_segment()
        segment.append(self._head() + lines if segment.size == 0 else lines)
        del self._lines[:taken]
        self._pending -= len(lines)
        self._last_write = clock.wall()

    def _drop_first(self, queue: list[tuple[str, bytes]], size: int) -> None:
        del queue[0]
        self._pending -= size

    def _current_segment(self) -> Segment:
        if self._segment is not None and self._segment.size >= self.store.segment_limit:
            self._full_segments.append(self._segment)
            self._segment = None
        if self._segment is None:
            path = segment_path(self.execution_id, self.writer, next(self._segments))
            self._segment = self.store.segment(path)
        return self._segment

    def _close_segments(self) -> None:
        """Compress full segments, in the background thread or at the end, which waits for what the thread has begun."""
        with self._compressing:
            while self._full_segments:
                with guarded("closing a journal segment"):
                    self._full_segments.pop(0).close()

    def _head(self) -> bytes:
        return encoding.lines_of(
            [
                records.Head(
                    records.FORMAT_VERSION,
                    self.execution_id,
                    self.writer,
                    self.epoch,
                    identity.this_process(),
                    identity.python_version(),
                    __version__,
                )
            ]
        )

    def _report(self, error: OSError) -> None:
        first = self._failure is None
        self._failure = error
        if strict() and threading.current_thread().name != "obs-flusher":
            raise ObsError(f"cannot write to the store {self.store.url!r}: {error}") from error
        if first:
            # In strict mode only our own threads come here, where nobody could catch a warning that is an error.
            with contextlib.suppress(ObsWarning):
                warn(f"cannot write to the store {self.store.url!r}: {error}; the pipeline goes on, obs tries again")

    def _finish_within(self, seconds: float) -> None:
        """Write in a thread that can be left behind: some clients hang for minutes."""
        self.encode()
        last_try = threading.Thread(target=self._write, name="obs-flusher", daemon=True)
        last_try.start()
        last_try.join(seconds)

    def _give_up(self) -> None:
        with self._encoding:
            lost_lines = sum(lines.count(b"\n") for lines in self._lines)
            self.lost += lost_lines + len(self._files)
            self._lines.clear()
            self._files.clear()
        if self.lost:
            reason = self._failure or "it did not answer in time"
            message = f"{self.lost} records of execution {self.execution_id} are lost: {self.store.url}: {reason}"
            if strict():
                raise ObsError(message)
            sys.stderr.write(f"obs: {message}\n")

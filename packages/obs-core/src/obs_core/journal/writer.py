"""The journal of one process for one execution: buffer, flush, retry, count what is lost.

A signal handler may interrupt it anywhere, raise anything (a timeout, Ctrl-C) and record something itself; a finalizer
may record too, in whatever thread the garbage is collected. Three rules keep the journal sound:

1. Nothing is taken away before what follows from it is in place. A copy of the buffer is encoded. Adjacent
   statements that call nothing then store the lines and clear the buffer: between these CPython neither runs handlers
   nor switches threads. The same holds for lines that are written: a segment replaces what an interrupted write left.
2. One thread at a time encodes, and one writes; it says so in a plain attribute, set by the same rule. Nobody waits
   long for it: what it has not taken is taken by the next flush. So a handler that waits for a thread that records, or
   the reverse, comes to an end, which no lock could promise.
3. A thread that is at work already comes in no second time.
"""

from __future__ import annotations

import contextlib
import errno
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from msgspec import Struct

from obs_core import clock, identity
from obs_core.__about__ import __version__
from obs_core.failsafe import ObsError, ObsWarning, guarded, keep_away, strict, warn
from obs_core.interruptions import ignoring, let_pass
from obs_core.journal import encoding, flusher, records, shared_content
from obs_core.journal.batches import sealed
from obs_core.journal.numbering import ROOT, Numbering
from obs_core.journal.uploads import Uploads, uploads_to
from obs_core.standard_error import written_at_once
from obs_core.store.base import Segment, Store
from obs_core.store.content import compressed, digest_of
from obs_core.store.paths import blob_path, segment_path, shared_path
from obs_core.text.durations import format_duration

__all__ = ["Journal"]

_FULL = 1024
"""Records in the buffer at which the caller writes them itself, so that a burst takes time instead of
memory."""

_PENDING_LIMIT = 32 * 1024 * 1024
"""Bytes kept in memory for a store that is slow or takes nothing."""

_RESERVE = 4 * 1024 * 1024
"""Bytes beyond them for what says how tasks ended: when a full disk is freed, that is there."""

_OVERDUE = 3_000_000_000
"""Nanoseconds after which the background thread is looked for: something may have ended it."""

_PATIENCE = 1.0
"""Seconds that a flush waits for another thread that writes this journal."""

_PATIENCE_AT_END = 30.0
"""Seconds that the end of an execution waits for a segment to be compressed."""

_BEAT = 10_000_000_000
"""Nanoseconds of silence after which a writer gives a sign of life."""

_BEAT_OF_TASK = 100_000_000
"""The same while a task or a span is open, in a store to which that costs nothing: in each round of the flusher, unless
something was written right before."""

_FILES_AT_ONCE = 8
"""Files that are uploaded side by side."""

_KEPT_FOR_LINES = 16
"""Threads that files leave to the lines of other journals."""

_PAUSES_AT_END = (0.01, 0.05, 0.2)
"""Seconds between the tries of an execution's last write: an error that passes shall not cost its end."""

_RETRY = 1_000_000_000
"""Nanoseconds after which a file that was refused is tried again."""

_MOST_TRIES = 5
"""Tries after which a file is given up while the store takes others."""

_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))
"""Errors that no file is to blame for: it waits until somebody frees some room."""

_MOST_NOTES = 10
"""Notes of a journal about its store: one that is shaky shall not fill the report."""

_MOST_LEFT = 64
"""Ended executions that wait for a folder that takes nothing, until it does or the process ends."""


_refusing: set[str] = set()
"""Folders that took nothing when an execution ended, however often that was tried: the next one does not wait."""

_left: list[Journal] = []
"""Journals of executions that ended while their folder took nothing: they are written as soon as it does."""


class _File(Struct):
    """A file that waits to be written."""

    content: bytes
    tries: int = 0
    next_try: int = 0


class _Frame(Struct):
    """A sealed batch that waits to be written."""

    lines: bytes
    count: int
    before: int


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
        self.epoch = clock.zero()
        self.numbers = Numbering(writer)
        self.next_number, self.ref, self.global_ref = self.numbers.next, self.numbers.ref, self.numbers.global_ref
        self.items: list[Any] = []
        self.append = self.items.append
        self.forked = False
        """Whether a forked child may have written to any of this process's tasks."""
        self.announced = False
        self.sources: list[Callable[[], None]] = []
        """Called before what was appended is written: they append what they have kept back."""
        self._preamble = preamble or []
        self._begun: records.ExecutionStart | None = None
        self._reset()
        flusher.watch(self)
        if not store.local:
            flusher.in_a_moment(self.beat)

    def _reset(self) -> None:
        self._encoding_in = self._writing_in = self._closing_in = 0  # the threads at work, if any
        self._open: dict[int, Any] = {}
        """Tasks that have begun, and what was written of spans that are open."""
        self._ended: list[records.TaskStart] = []
        """Tasks that have ended, as far as that is not written."""
        self._early: set[int] = set()
        self._shown: list[Any] = []
        self._segment: Segment | None = None
        self._full_segments: list[Segment] = []
        self._segments = count()
        self._frames: list[_Frame] = []
        self._encoded = 0
        self._files: dict[str, _File] = {}
        self._claimed: dict[str, int] = {}
        self._last_blob = ""
        self._sending = self._failures = 0
        self._line_thread: threading.Thread | None = None
        self._failure: OSError | None = None
        self._refusal: OSError | None = None
        """Why the store did not take a file, the last time."""
        self._unreported = self._is_over = False
        self._refusing_since = self._notes = 0
        self._last_write = clock.wall()
        self.lost = self._lost_told = 0
        self.used = False

    def now(self) -> int:
        """Return the time by this writer's clock, in nanoseconds."""
        return clock.wall()

    @property
    def writer(self) -> str:
        """This writer's id."""
        return self.numbers.writer

    @property
    def has_open(self) -> bool:
        """Whether a task or a span was open when the journal was last encoded."""
        return bool(self._open)

    @property
    def is_busy(self) -> bool:
        """Whether this thread is in the midst of encoding or writing: it was interrupted by a signal handler."""
        return threading.get_ident() in (self._encoding_in, self._writing_in)

    @property
    def unwritten(self) -> bool:
        """Whether anything is left to be written."""
        return bool(self.items or self._frames or self._files)

    def relieve(self) -> None:
        """Flush if the buffer is full; see to it that a forked child flushes at its end."""
        flusher.write_at_end()
        if len(self.items) >= _FULL:
            self.flush()

    def flush(self, wait: bool = False) -> bool:
        """Write everything appended so far; a shared store gets it from threads of its own.

        Args:
            wait: Write to a shared store too before returning.

        Returns:
            Whether that was done: not if this thread is doing it already, or another one takes very long.

        Raises:
            ObsError: The store did not take it, and `OBS_STRICT` is set.
        """
        if clock.wall() - flusher.last_round > _OVERDUE:
            flusher.keep_alive()
        try:
            done = self.encode()
            if self.store.local:
                return self._write(_PATIENCE) and done
            self._send()
            if wait or self._pending() > _PENDING_LIMIT:
                self._await()
            if self._unreported and self._failure is not None:
                self._report(self._failure)
            return done
        except ObsError:
            raise
        except Exception as error:  # as in `encode`
            let_pass(error)
            if strict():
                raise
            return False

    def flush_at_last(self) -> None:
        """Write what a store takes at once, and say what a folder did not take: the process ends when this returns.

        A signal handler may have interrupted this very thread in the midst of encoding or writing. As that will never
        be gone on with, it begins again here; nothing is there twice, by rule 1.

        Raises:
            ObsError: The store did not take it, and `OBS_STRICT` is set.
        """
        me = threading.get_ident()
        if self._encoding_in == me:
            self._encoding_in = 0
        if self._writing_in == me:
            self._writing_in = 0
        for file in list(self._files.values()):
            file.next_try = 0
        self._claimed = {path: thread for path, thread in self._claimed.items() if thread != me}
        self.flush()
        if self.store.local and self._failure is not None:
            self.give_up()

    def beat(self) -> None:
        """Write everything appended so far, or a sign of life after a silence."""
        if self.used and not (self.items or self._frames or self._is_over):
            silence = clock.wall() - self._last_write
            if silence > (_BEAT_OF_TASK if self._open and self.store.local else _BEAT):
                self.append(records.Beat(self.now()))
        self.encode(0.0)
        if self.store.local:
            self._write(0.0)
        else:
            self._send()
        self._close_segments(0.0)

    def announce(self) -> None:
        """Write the beginning even if nothing follows: another process is about to refer to it.

        It is there when this returns; what later processes refer to follows within a second.
        """
        first, self.announced = not self.announced, True
        self.items.extend(self._preamble)
        self._preamble = []
        self.flush(wait=first)

    def end_open_spans(self, error: str) -> int:
        """Write of the spans that are open that an exception ended them now: this process has no later moment.

        Args:
            error: The type of the exception.

        Returns:
            How many that were; one that was ended so is not ended again.
        """
        self.encode()
        now = self.now()
        rows = [row for row in self._open.values() if isinstance(row, tuple)]
        for _, number, parent, name, start, attributes in rows:
            self._open.pop(number, None)
            self.append(records.SpanRecord(number, parent, name, start, now - start, 0, error, attributes))
        return len(rows)

    def put(self, path: str, content: bytes) -> None:
        """Write a file of this execution with the next flush, after the lines that are written by then.

        One that the store refuses is given up by itself, after some tries. A reader says of a file that is not there
        (yet) that it is missing.
        """
        self._files[path] = _File(content)
        if self._pending() > _PENDING_LIMIT:
            self.flush()

    def put_blob(self, content: bytes) -> str:
        """Write content of this execution with the next flush, compressed and named by its digest; returns its path.

        What follows itself is written once: an error that ended a hundred tasks within each other is shown by each.
        """
        path = blob_path(self.execution_id, digest_of(content))
        if path != self._last_blob:
            self.put(path, compressed(content))
            self._last_blob = path
        return path

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
        for file in list(self._files.values()):
            file.next_try = 0
        if not self.flush(wait=True):
            flusher.close_later(self)  # we are in the midst of it: a signal handler ends an execution
            return
        self._is_over = True
        self._try_again()
        flusher.watch_for_stragglers(self)
        if not self._waits_for_room():
            self.give_up()
            self._close_last_segment()

    def _close_last_segment(self) -> None:
        segment = self._segment
        if segment is not None and not self._writing_in:
            self._full_segments += (segment,)
            self._segment = None  # what a straggling thread still appends goes to a segment of its own
        self._close_segments(_PATIENCE_AT_END)

    def _try_again(self) -> None:
        """Write what a folder did not take at the end, some more times: it may have been the error of a moment."""
        url = self.store.url
        if self._failure is None and not self._files:
            _refusing.discard(url)
            return
        for pause in _PAUSES_AT_END if self.store.local and url not in _refusing else ():
            time.sleep(pause)
            for file in list(self._files.values()):
                file.next_try = 0
            self.flush()
            if self._failure is None and not self._files:
                return
        if self.store.local:
            _refusing.add(url)

    def after_fork(self) -> None:
        """Go on as a writer of our own in a forked child; what the parent had buffered, the parent writes."""
        self.items.clear()
        self.sources.clear()
        self._preamble = []
        self._begun = None
        self.numbers.become(identity.new_writer_id())
        self._reset()

    def encode(self, patience: float = 1.0) -> bool:
        """Turn everything appended so far into lines, still unwritten.

        Args:
            patience: Seconds to wait for a thread that does it already.

        Returns:
            Whether it was done.
        """
        for append_pending in tuple(self.sources):
            try:
                append_pending()
            except BaseException as error:
                keep_away(error, "collecting what was held back")  # the rest is written all the same
        me = threading.get_ident()
        while self._encoding_in:
            patience = 0.0 if self._encoding_in == me else _rest(patience)
            if patience <= 0:
                return False
        self._encoding_in = me
        try:
            self._encode()
        except Exception as error:  # too little memory, say: nothing is lost by that, the next flush tries again
            let_pass(error)
            if strict():
                raise
            return False
        finally:
            self._encoding_in = 0
        return True

    def _encode(self) -> None:
        size, lost, used = len(self.items), self.lost, self.used
        untold = lost - self._lost_told
        if not size and not (untold and used and self._failure is None):
            return
        batch = self.items[:size] if used else [*self._preamble, *self.items[:size]]
        full = self._is_unreachable() and self._pending() > _PENDING_LIMIT
        done = encoding.encode(batch, self.numbers, self._open, self._early, untold, only_ends=full)
        encoded, refused = self._encoded, done.refused
        frames: tuple[_Frame, ...] = ()
        if full and self._pending() > _PENDING_LIMIT + _RESERVE:
            refused, lost = refused + done.count, self._lost_told
        elif done.count:
            frames = (self._frame(done.lines, done.count, encoded),)
            encoded += done.count
            if not used:
                flusher.write_at_end()
                if not self._is_over:
                    flusher.keep(self)
                used = True
        begun = done.begun or self._begun
        # All of it or nothing: no call stands between these lines, so neither a signal handler nor another thread runs
        # there.
        self._frames += frames
        self._encoded = encoded
        if done.opened:
            self._open |= done.opened
        if done.early:
            self._early |= done.early
        if done.shown:
            self._shown += done.shown
        self._begun = begun
        self._lost_told = lost
        self.lost += refused
        self.used = used
        del self.items[:size]
        # What is left over by an interruption here is only kept too long, or not drawn.
        for number in done.closed:
            begun_task = self._open.pop(number, None)
            if begun_task.__class__ is records.TaskStart:
                self._ended.append(begun_task)
        if done.caught_up:
            self._early.difference_update(done.caught_up)
        while self._shown:
            ended = self._shown.pop()
            ended.task.bars.add(ended)

    def _frame(self, lines: bytes, count: int, before: int) -> _Frame:
        return _Frame(sealed(lines, count, before, self.epoch), count, before)

    def _pending(self) -> int:
        """Return how many bytes wait to be written."""
        waiting = sum([len(frame.lines) for frame in self._frames])
        return waiting + sum([len(file.content) for file in list(self._files.values())]) if self._files else waiting

    def _is_unreachable(self) -> bool:
        return self._failure is not None or (not self.store.local and self._uploads.hangs)

    # writing, in this thread

    def _write(self, patience: float) -> bool:
        """Write lines and files; False if a thread does so already and is not done in time."""
        me = threading.get_ident()
        while self._writing_in:
            patience = 0.0 if self._writing_in == me else _rest(patience)
            if patience <= 0:
                return False
        self._writing_in = me
        try:
            self._write_lines()
            if self._failure is not None:
                self._takes_again()
            while self._files and self._write_one_file():
                pass
        except OSError as error:
            let_pass(error)
            failure = error
        else:
            return True
        finally:
            self._writing_in = 0
        self._report(failure)
        return True

    def _write_lines(self) -> None:
        """Write the lines that wait, in one piece: they are true, whatever is still to come."""
        frames = self._frames[:]
        if not frames:
            return
        lines = frames[0].lines if len(frames) == 1 else b"".join([frame.lines for frame in frames])
        segment = self._segment
        if segment is not None and segment.size >= self.store.segment_limit:
            # One that is full goes to the thread that compresses it. Both statements or none, as in `_encode`.
            self._full_segments += (segment,)
            self._segment = segment = None
        if segment is None:
            path = segment_path(self.execution_id, self.writer, next(self._segments))
            self._segment = segment = self.store.segment(path, _outline)
        if segment.size == 0:
            lines = sealed(self._head(), 0, frames[0].before, self.epoch) + lines
        try:
            segment.append(lines)
        except FileNotFoundError as error:
            let_pass(error)
            if segment.size == 0:
                raise
            self._begin_anew()
            return
        except OSError as error:
            if segment.size == 0 or error.errno != errno.EFBIG:
                raise
            let_pass(error)
            self._full_segments += (segment,)  # it may not grow (RLIMIT_FSIZE): another one may
            self._segment = None
            self._write_lines()
            return
        now, written, taken = clock.wall(), len(lines), len(frames)
        # What is written, and that it is no longer to be written, stand together.
        segment.size += written
        del self._frames[:taken]
        self._last_write = now
        if not self._frames:
            self._ended = []

    def _write_one_file(self) -> bool:
        """Write a file that waits, and is not being written by another thread; False if there is none."""
        now, me = clock.wall(), threading.get_ident()
        path = ""
        try:
            for path, file in list(self._files.items()):
                if file.next_try <= now and self._claimed.setdefault(path, me) == me:
                    break  # a timeout may strike right before
            else:
                return False
            self.store.put(path, file.content)
        except OSError as error:
            let_pass(error)
            self._refusal = error
            file.tries += 1
            file.next_try = now + _RETRY
            self._refused(path, file, error)
        except MemoryError as error:
            let_pass(error)
            file.next_try = now + _RETRY
        else:
            if self._files.get(path) is file:  # else a newer content waits under its name
                self._files.pop(path, None)
        finally:
            if self._claimed.get(path) == me:
                self._claimed.pop(path, None)
        return True

    def _refused(self, path: str, file: _File, error: OSError) -> None:
        """Do without a file that the store does not take, after some tries."""
        waits = error.errno in _NO_ROOM and self._pending() <= _PENDING_LIMIT
        if file.tries >= _MOST_TRIES and not waits and self._files.get(path) is file:
            self._files.pop(path, None)
            self.lost += 1
            refused = f"cannot write {path!r} to the store {self.store.url!r}: {error}"
            self._note(f"obs {refused}")
            warn(f"{refused}; the rest goes on without it")
        if strict() and self.store.local and threading.current_thread().name != "obs-flusher":
            raise error

    def _begin_anew(self) -> None:
        """Write from the beginning again, since somebody removed what was written, or moved it away, and say so."""
        waiting = self._frames[:]
        begun = () if self._begun is None else (self._begun,)
        note = "Somebody removed or moved the record of this execution while it ran, so the record starts again here."
        again_anyway = {number for frame in waiting for number in encoding.begun_in(frame.lines)}
        tasks = {
            task.number: task
            for task in [*self._open.values(), *self._ended]
            if isinstance(task, records.TaskStart) and task.number not in again_anyway
        }
        again: list[Any] = [*begun, *sorted(tasks.values(), key=lambda task: task.number)]
        if begun:
            again.append(records.Note(begun[0].number, note))
        before = len(again)
        frames = [self._frame(encoding.lines_of(again), before, 0)] if again else []
        for frame in waiting:
            lines = frame.lines[: frame.lines.rindex(b'["check",')]
            frames.append(self._frame(lines, frame.count, before))
            before += frame.count
        self._segment = None
        self._full_segments = []
        self._encoded += before - (waiting[-1].before + waiting[-1].count)
        self._frames[: len(waiting)] = frames
        warn(
            f"execution {self.execution_id} was removed from the store {self.store.url!r}, or moved away,"
            " while it ran; it starts again"
        )
        self._write_lines()

    # writing, in threads of its own

    @property
    def _uploads(self) -> Uploads:
        return uploads_to(self.store.url)

    def _send(self) -> None:
        """Let threads write what waits: one the lines, some more the files, none waiting for another."""
        uploads = self._uploads
        if self._frames and (self._line_thread is None or not self._line_thread.is_alive()):
            self._line_thread = uploads.start(self._send_lines)
        waiting = len(self._files) - len(self._claimed)
        for _ in range(min(waiting, _FILES_AT_ONCE - self._sending)):
            uploads.start(self._send_files, spare=_KEPT_FOR_LINES)

    def _send_lines(self) -> None:
        me = threading.get_ident()
        while self._frames:
            while self._writing_in:
                if self._writing_in == me or not self._frames:
                    return
                time.sleep(0.001)
            self._writing_in = me
            try:
                self._write_lines()
            except OSError as error:
                let_pass(error)
                self._failures += 1
                self._unreported = self._unreported or self._failure is None
                self._refuses(error)
                return
            else:
                self._takes_again()
            finally:
                self._uploads.answered()
                self._writing_in = 0

    def _send_files(self) -> None:
        self._sending += 1
        try:
            while self._write_one_file():
                self._uploads.answered()
        finally:
            self._sending -= 1

    def _await(self) -> None:
        """Wait until what is waiting now is written, or refused."""
        tail, failures = self._frames[-1:], self._failures
        files = [(path, file, file.tries) for path, file in list(self._files.items())]

        def is_done() -> bool:
            if tail and self._failures == failures and any(frame is tail[0] for frame in self._frames[:]):
                if self._line_thread is None or not self._line_thread.is_alive():
                    self._send()  # it was about to end when the lines came
                return False
            return not any(self._files.get(path) is file and file.tries == tries for path, file, tries in files)

        self._uploads.wait(is_done)

    # at the end

    def _close_segments(self, patience: float) -> None:
        """Compress full segments, in the background thread or at the end, which waits for what the thread has begun."""
        me = threading.get_ident()
        while self._closing_in:
            patience = 0.0 if self._closing_in == me else _rest(patience)
            if patience <= 0:
                return
        self._closing_in = me
        try:
            while self._full_segments:
                with guarded("closing a journal segment"):
                    self._full_segments[0].close()
                del self._full_segments[0]
        finally:
            self._closing_in = 0

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
                    1,
                )
            ]
        )

    def _report(self, error: OSError) -> None:
        """Say that the store takes nothing, once until it does again; in strict mode, in the task itself, each time."""
        first = self._failure is None or self._unreported
        self._refuses(error)
        self._unreported = False
        if strict() and threading.current_thread().name != "obs-flusher":
            raise ObsError(f"cannot write to the store {self.store.url!r}: {error}") from error
        if first:
            # In strict mode only our own threads come here, where nobody could catch a warning that is an error.
            with contextlib.suppress(ObsWarning):
                warn(f"cannot write to the store {self.store.url!r}: {error}; the pipeline goes on, obs tries again")

    def _waits_for_room(self) -> bool:
        """Let what a folder did not take wait for it, in bounds, though the execution has ended."""
        refused = self._failure is not None or any(file.tries for file in list(self._files.values()))
        if not refused or not self.store.local or strict() or not flusher.has_an_end():
            return False
        _left[:] = [journal for journal in _left if journal.unwritten]
        if len(_left) >= _MOST_LEFT or sum([each._pending() for each in [*_left, self]]) > _PENDING_LIMIT:
            return False
        flusher.at_last(_give_up_all)
        _left.append(self)
        return True

    def give_up(self) -> None:
        """Do without what the store did not take, and say how much that is: in the record, if it takes that much."""
        unwritten = 0
        if self._is_unreachable():
            unwritten = len(self._files)
            self.lost += unwritten
            self._files = {}
            unwritten += self._write_what_fits()
        else:
            for path, file in list(self._files.items()):
                if file.tries:
                    unwritten += self._files.pop(path, None) is not None
            self.lost += unwritten
            if self.items or self.lost > self._lost_told:
                self.flush(wait=True)  # what is said of a store that takes things again, at the latest
        if self.lost:
            no_reason = "it did not answer in time" if unwritten else "it refused them"
            reason = self._failure or self._refusal or no_reason
            are = "record of execution {} is" if self.lost == 1 else "records of execution {} are"
            message = f"{self.lost} {are.format(self.execution_id)} lost: {self.store.url}: {reason}"
            if strict():
                raise ObsError(message)
            with ignoring(OSError, ValueError, AttributeError), written_at_once():  # it may be closed, full or missing
                sys.stderr.write(f"obs: {message}\n")

    def _write_what_fits(self) -> int:
        """Write of what waits as much as the store takes, drop the rest, and say so; returns how many records that is.

        A disk that is full has a few hundred bytes of room more often than not: at the end of a file's last block.
        """
        waiting, self._frames = self._frames, []
        while waiting and self._takes(waiting[0]):
            del waiting[0]
        if not waiting:
            return 0
        left = sum([frame.count for frame in waiting])
        self._encoded = waiting[0].before
        ends = [line for frame in waiting for line in encoding.ends_in(frame.lines)]
        why: list[Any] = [records.Note(ROOT, f"The store did not accept everything that was recorded: {self._failure}")]
        for kept, note in ((ends, why), (ends[-1:], [])):
            lost = self.lost + left - len(kept)
            told = encoding.lines_of([records.Lost(lost - self._lost_told), *note])
            count = 1 + len(note) + len(kept)
            if self._takes(self._frame(told + b"".join(kept), count, self._encoded)):
                self._encoded += count
                self.lost = self._lost_told = lost
                return left - len(kept)
        self.lost += left
        return left

    def _takes(self, frame: _Frame) -> bool:
        """Try to write one batch; it is dropped if that fails."""
        if self._writing_in or not self.store.local:
            return False
        self._writing_in = threading.get_ident()
        self._frames = [frame]
        try:
            self._write_lines()
        except OSError as error:
            let_pass(error)
            self._frames = []
            return False
        finally:
            self._writing_in = 0
        return True

    # a store that takes nothing for a while

    def _refuses(self, error: OSError) -> None:
        if self._failure is None:
            self._refusing_since = clock.wall()
        self._failure = error

    def _takes_again(self) -> None:
        """Say in the record for how long the store took nothing."""
        failure, self._failure = self._failure, None
        if failure is not None:
            took = format_duration(clock.wall() - self._refusing_since)
            self._note(f"For {took} the store accepted nothing: {failure}. What waited was written afterwards.")

    def _note(self, text: str) -> None:
        if self.used and self._notes < _MOST_NOTES:
            self._notes += 1
            self.append(records.Note(ROOT, text))


def _give_up_all() -> None:
    while _left:
        journal = _left.pop()
        journal.flush()
        journal.give_up()
        journal._close_last_segment()


def _outline(lines: bytes, segment: str, offset: int) -> bytes:
    if b'["points",' not in lines:
        return b""
    from obs_core.journal.outlines import outline  # few programs need it

    return outline(lines, segment, offset)


def _rest(patience: float) -> float:
    """Wait a moment; returns how much longer to wait."""
    pause = 0.0005
    if patience > 0:
        time.sleep(pause)
    return patience - pause

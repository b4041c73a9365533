"""Progress of loops: a bar in the terminal and in a notebook, a line in a log file, and a record in the journal."""

from __future__ import annotations

import copy
import os
import sys
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, overload

from obs_core import clock, settings
from obs_core.failsafe import guarded
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.locks import Attached, Register
from obs_core.recording.here import innermost
from obs_core.recording.metrics_deck import announce
from obs_core.recording.run import Run, TaskState
from obs_core.text.masking import mask, masked_text
from obs_core.text.terminal import is_terminal, printable
from obs_core.values.curves import ProgressBar

__all__ = ["progress_of", "track"]

T = TypeVar("T")

_DRAW_EVERY = 100_000_000
"""Nanoseconds between two drawings in a terminal."""

_DRAW_EVERY_IN_NOTEBOOK = 250_000_000
_LINE_EVERY = 10_000_000_000
"""Nanoseconds between two lines in a log file."""

_LONG = 1_000_000_000
"""Nanoseconds beyond which a loop's end is worth a line in a log file."""

_LOOK_EVERY = 50_000_000
"""Nanoseconds between two looks at the clock, as estimated from the loop's rate: an item costs next to nothing."""

_MOST_NAMES = 200
"""Loops of a task that are recorded; one of the same name replaces the one before."""


class track(Generic[T]):
    """Show how far a loop is: in the terminal, in a notebook, as lines in a log file, in the UI and in the report.

    Use it like `tqdm`; loops may be nested. The record of a killed task shows how far its loops were.

    Args:
        items: What to iterate over: any iterable, or an asynchronous one for ``async for``. Without it, call `update`.
        description: What the loop is called, such as ``"epoch 3"``.
        total: How many items there are. Default: their length; a loop without one shows no share and no estimate.
        unit: What an item is called.
        leave: Whether the bar stays in the terminal when the loop has ended. Default: the outermost does.
        show: Whether it is shown in the terminal or notebook; it is recorded anyway. Default: unless ``OBS_QUIET=1``.

    Attributes:
        done: How many items are done.
        total: How many there are; None if that is not known.

    Examples:
        >>> for batch in track(batches, "epoch 3"):
        ...     train(batch)
        >>> with track(total=size, description="download", unit="B") as bar:
        ...     for chunk in chunks:
        ...         bar.update(len(chunk))
    """

    __slots__ = (
        "__weakref__",
        "_elapsed",
        "_ended",
        "_items",
        "_leaves",
        "_looked",
        "_next",
        "_number",
        "_seen",
        "_shown",
        "_start",
        "_step",
        "_task",
        "_values",
        "_wanted",
        "_written",
        "description",
        "done",
        "total",
        "unit",
    )

    @overload
    def __init__(
        self,
        items: Iterable[T],
        description: str | None = ...,
        total: int | None = ...,
        *,
        unit: str = ...,
        leave: bool | None = ...,
        show: bool | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        items: AsyncIterable[T],
        description: str | None = ...,
        total: int | None = ...,
        *,
        unit: str = ...,
        leave: bool | None = ...,
        show: bool | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: track[Any],
        items: None = ...,
        description: str | None = ...,
        total: int | None = ...,
        *,
        unit: str = ...,
        leave: bool | None = ...,
        show: bool | None = ...,
    ) -> None: ...

    def __init__(
        self,
        items: Any = None,
        description: str | None = None,
        total: int | None = None,
        *,
        unit: str = "it",
        leave: bool | None = None,
        show: bool | None = None,
    ) -> None:
        self._items = items
        self.description = str(description or "")
        self.total = _length_of(items) if total is None else _whole(total)
        self.unit = str(unit)
        self.done = 0
        self._leaves = leave
        self._wanted = show
        self._values = ""
        self._task: TaskState | None = None
        self._shown: _Display | None = None
        self._ended = False
        self._number = 0
        self._written: tuple[int, int | None, str, bool] | None = None
        self._start = self._looked = self._elapsed = 0
        self._next = self._step = 1
        self._seen = 0

    def __iter__(self) -> Iterator[T]:
        self._begin()
        done = self.done
        try:
            for item in self._items:
                yield item
                self.done = done = done + 1
                if done >= self._next:
                    with guarded("showing progress"):
                        self._look()
        finally:
            with guarded("recording progress"):
                self.close()

    async def __aiter__(self) -> AsyncIterator[T]:
        self._begin()
        try:
            async for item in self._items:
                yield item
                self.update()
        finally:
            with guarded("recording progress"):
                self.close()

    def __len__(self) -> int:
        if self.total is None:
            raise TypeError("the length of this loop is not known")
        return self.total

    def __bool__(self) -> bool:
        return self.total is None or self.total > 0

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with guarded("recording progress"):
            self.close(ended=error is None)

    def update(self, count: int = 1) -> None:
        """Say that more items are done.

        Args:
            count: How many.
        """
        if self._task is None:
            self._begin()
        self.done += count
        if self.done >= self._next or count < 0:
            with guarded("showing progress"):
                self._look()

    def set_description(self, description: str) -> None:
        """Call the loop something else from now on.

        Args:
            description: Its new name, shown in front of the bar.
        """
        self.description = str(description)

    def set_postfix(self, **values: Any) -> None:
        """Show values behind the bar. Metrics are recorded by `log_metric`.

        Args:
            values: What is shown, by name.

        Examples:
            >>> epochs.set_postfix(loss=0.12)
        """
        self._values = ", ".join(f"{name}={_brief(value)}" for name, value in values.items())

    def close(self, ended: bool = True) -> None:
        """End the loop here; done when it has gone through its items, and by ``with``.

        Args:
            ended: Whether it came to its end, rather than being stopped.
        """
        if self._task is None or self._elapsed:
            return
        self._elapsed = max(1, clock.wall() - self._start)
        self._ended = ended
        with guarded("recording progress", self._task.note):
            progress_of(self._task.run).let_go(self._task, self)
        display, self._shown = self._shown, None
        if display is not None:
            with guarded("showing progress"):
                display.end(self)

    def state(self) -> ProgressBar:
        """Return how far it is."""
        elapsed = self._elapsed or clock.wall() - self._start
        status = "running" if not self._elapsed else "ended" if self._ended else "stopped"
        return ProgressBar(mask(self.description), self.done, self.total, self.unit, elapsed, status)

    def __repr__(self) -> str:
        return f"<track {self.description!r} {self.state().told()}>"

    def _begin(self) -> None:
        if self._task is not None and not self._elapsed:
            return
        self._start = self._looked = clock.wall()
        self._elapsed, self._next, self._step, self._seen = 0, self.done + 1, 1, self.done
        task = self._task = innermost().task
        with guarded("recording progress", task.note):
            progress_of(task.run).add(task, self)
        if self._wanted or (self._wanted is None and not settings.quiet()):
            with guarded("showing progress"):
                self._shown = _display_for(self)

    def _look(self) -> None:
        """Draw if it is time, and estimate at which item to look at the clock again."""
        now = clock.wall()
        passed, came = now - self._looked, self.done - self._seen
        self._looked, self._seen = now, self.done
        wanted = came * _LOOK_EVERY // passed if passed > 0 else 2 * self._step
        self._step = max(1, min(wanted, 4 * self._step))
        self._next = self.done + self._step
        display = self._shown
        if display is not None and now >= display.due:
            with guarded("showing progress"):
                display.draw(self, now)


class _ProgressLog:
    """The loops of an execution that this process goes through."""

    def __init__(self, run: Run) -> None:
        self._journal = run.journal
        self._loops: Attached[TaskState, dict[str, track[Any]]] = Attached()
        self._writing = False
        run.journal.sources.append(self.write)
        _logs.add(self)

    def add(self, task: TaskState, loop: track[Any]) -> None:
        """Record a loop from now on."""
        loops = self._loops.setdefault(task, {})
        before = loops.get(loop.description)
        if before is not None and before is not loop and before._elapsed:
            loop._number = before._number  # it takes its place
        if before is None and len(loops) >= _MOST_NAMES:
            ended = next((name for name, one in loops.items() if one._elapsed), None)
            if ended is None:
                return
            loop._number = loops.pop(ended)._number
        loops[loop.description] = loop
        announce(task)
        task.journal.relieve()

    def let_go(self, task: TaskState, loop: track[Any]) -> None:
        """Keep of a loop that has ended how far it came, not its items, which are the program's, nor its task."""
        loops = self._loops.get(task) or {}
        for name, one in list(loops.items()):
            if one is loop:
                kept = loops[name] = copy.copy(loop)
                kept._items = kept._task = None

    def bars_of(self, task: TaskState) -> list[ProgressBar]:
        """Return the loops of a task."""
        bars = [loop.state() for loop in list((self._loops.get(task) or {}).values())]
        for bar in bars:
            if task.ended is not None and bar.status == "running":
                bar.status = "stopped"
        return bars

    def write(self) -> None:
        """Append how far each loop is, if it is further than last time."""
        if self._writing:
            return
        self._writing = True
        try:
            for task, loops in self._loops.items():
                for loop in list(loops.values()):
                    loop._next = 0  # a loop that has become slow draws at its next item
                    self._write_one(task, loop)
        finally:
            self._writing = False

    def _write_one(self, task: TaskState, loop: track[Any]) -> None:
        now = (loop.done, loop.total, loop.description, bool(loop._elapsed))
        if now == loop._written:
            return
        loop._written = now
        if not loop._number:
            loop._number = task.next_number()
        at = loop._start + loop._elapsed if loop._elapsed else clock.wall()
        self._journal.append(
            records.Progress(
                loop._number,
                task.own_ref(),
                loop.description,
                at,
                loop._start,
                loop.done,
                loop.total,
                loop.unit,
                bool(loop._elapsed) and loop._ended,
            )
        )

    def after_fork(self) -> None:
        """Leave the loops of the parent to the parent."""
        self._writing = False
        self._loops.clear()
        self._journal.sources.append(self.write)


_logs: Register[_ProgressLog] = Register()


def progress_of(run: Run) -> _ProgressLog:
    """Return what records the loops of an execution."""
    for log in run.progress:
        if isinstance(log, _ProgressLog):
            return log
    made = _ProgressLog(run)
    run.progress.append(made)
    return made


def _length_of(items: Any) -> int | None:
    try:
        return len(items)
    except BaseException as error:  # it has none, or does not tell
        let_pass(error)
        return None


def _whole(total: Any) -> int | None:
    try:
        return max(0, int(total))
    except BaseException as error:
        let_pass(error)
        return None


def _brief(value: Any) -> str:
    try:
        return (
            f"{value:.4g}"
            if isinstance(value, (int, float)) and not isinstance(value, bool)
            else masked_text(str(value), 40)
        )
    except BaseException as error:
        let_pass(error)
        return "?"


# ---- where it is shown


class _Display:
    """Where a loop is shown.

    Attributes:
        due: When it is to be drawn next.
    """

    due = 0

    def draw(self, loop: track[Any], now: int) -> None:
        """Show how far it is."""
        raise NotImplementedError

    def end(self, loop: track[Any]) -> None:
        """Show how far it came."""
        raise NotImplementedError


class _TerminalBar(_Display):
    """A bar in a terminal; one below the other where loops are nested."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._row = next(row for row in range(len(_rows) + 1) if row not in _rows)
        _rows.add(self._row)

    def draw(self, loop: track[Any], now: int) -> None:
        self.due = now + _DRAW_EVERY
        self._write("\n" * self._row + f"\r{self._text(loop)}\x1b[K" + "\x1b[A" * self._row)

    def end(self, loop: track[Any]) -> None:
        leaves = self._row == 0 if loop._leaves is None else loop._leaves
        _rows.discard(self._row)
        text = f"{self._text(loop)}\x1b[K\n" if leaves else "\x1b[K"
        back = self._row + 1 if leaves and self._row else self._row
        self._write("\n" * self._row + f"\r{text}" + ("\x1b[A" * back if self._row else ("" if leaves else "\r")))

    def _text(self, loop: track[Any]) -> str:
        width = _width_of(self._file)
        name = f"{printable(mask(loop.description))}: " if loop.description else ""
        state = loop.state()
        elapsed, left = _clock(state.elapsed), "?" if state.remaining is None else _clock(state.remaining)
        times = f"{elapsed}<{left}" if state.status == "running" and loop.total is not None else elapsed
        rate = state.rate
        speed = f"{rate:.2f}{loop.unit}/s" if rate >= 1 or not rate else f"{1 / rate:.2f}s/{loop.unit}"
        facts = f"[{times}, {speed}{', ' + printable(mask(loop._values)) if loop._values else ''}]"
        if loop.total is None:
            return f"{name}{loop.done:,}{loop.unit} {facts}"[: width - 1]
        share = min(1.0, loop.done / loop.total) if loop.total else 1.0
        before, after = f"{name}{100 * share:3.0f}%|", f"| {loop.done:,}/{loop.total:,} {facts}"
        room = max(0, min(40, width - 1 - len(before) - len(after)))
        return f"{before}{self._blocks(share, room)}{after}"[: width - 1]

    def _blocks(self, share: float, room: int) -> str:
        if "utf" not in (getattr(self._file, "encoding", "") or "").lower():
            return ("#" * int(share * room)).ljust(room)
        eighths = int(share * room * 8)
        return ("█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")).ljust(room)

    def _write(self, text: str) -> None:
        if not _drawing.acquire(blocking=False):
            return
        try:
            self._file.write(text)
            self._file.flush()
        except (OSError, ValueError, UnicodeError) as error:
            let_pass(error)
            self.due = sys.maxsize  # it is closed, or cannot show this
        finally:
            _drawing.release()


class _LogLines(_Display):
    """A line now and then, where there is no terminal."""

    def __init__(self, file: Any, start: int) -> None:
        self._file = file
        self._told = False
        self.due = start + _LINE_EVERY

    def draw(self, loop: track[Any], now: int) -> None:
        self.due = now + _LINE_EVERY
        self._told = True
        self._write(loop)

    def end(self, loop: track[Any]) -> None:
        if self._told or loop._elapsed >= _LONG:
            self._write(loop)

    def _write(self, loop: track[Any]) -> None:
        name = f"{printable(mask(loop.description))}: " if loop.description else ""
        values = f", {printable(mask(loop._values))}" if loop._values else ""
        try:
            self._file.write(f"{name}{loop.state().told()}{values}\n")
            self._file.flush()
        except (OSError, ValueError, UnicodeError) as error:
            let_pass(error)
            self.due = sys.maxsize


class _NotebookBar(_Display):
    """A bar in the output of a notebook's cell."""

    def __init__(self, loop: track[Any]) -> None:
        shown: Any = sys.modules["IPython.display"]
        self._html = shown.HTML
        self._handle = shown.display(self._html(_html_of(loop)), display_id=True)

    def draw(self, loop: track[Any], now: int) -> None:
        self.due = now + _DRAW_EVERY_IN_NOTEBOOK
        if self._handle is not None:
            self._handle.update(self._html(_html_of(loop)))

    def end(self, loop: track[Any]) -> None:
        self.draw(loop, clock.wall())


def _html_of(loop: track[Any]) -> str:
    import html

    state = loop.state()
    values = f", {mask(loop._values)}" if loop._values else ""
    share = f'value="{state.done}" max="{state.total}"' if state.total else ""
    return (
        f'<div style="font:13px system-ui,sans-serif"><label>{html.escape(mask(state.name))} '
        f'<progress {share} style="vertical-align:middle;width:16em"></progress></label> '
        f"{html.escape(state.told() + values)}</div>"
    )


def _display_for(loop: track[Any]) -> _Display | None:
    shell: Any = sys.modules.get("IPython")
    if shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None:
        return _NotebookBar(loop)
    file = sys.stderr
    if file is None or getattr(file, "closed", False):
        return None
    if is_terminal(file) and os.environ.get("TERM") != "dumb":
        return _TerminalBar(file)
    return _LogLines(file, loop._start)


def _width_of(file: Any) -> int:
    try:
        return max(20, os.get_terminal_size(file.fileno()).columns or 80)
    except (OSError, ValueError, AttributeError) as error:
        let_pass(error)
        return 80


def _clock(nanoseconds: int) -> str:
    minutes, seconds = divmod(nanoseconds // 1_000_000_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


_rows: set[int] = set()
_drawing = threading.Lock()


def _after_fork() -> None:
    global _drawing
    _drawing = threading.Lock()
    for log in list(_logs):
        log.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

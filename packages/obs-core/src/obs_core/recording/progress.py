"""Progress of loops: a bar in the terminal and in a notebook, a line in a log file, and a record in the journal."""

from __future__ import annotations

import copy
import itertools
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
from obs_core.quiet_handlers import entered_for_certain
from obs_core.recording.amounts import amount
from obs_core.recording.bar_rows import rows_of
from obs_core.recording.here import innermost
from obs_core.recording.metrics import complain
from obs_core.recording.metrics_deck import announce
from obs_core.recording.run import Run, TaskState
from obs_core.text.bounded_repr import bounded_repr
from obs_core.text.masking import mask, masked_text
from obs_core.text.terminal import columns, cut, is_terminal, printable
from obs_core.values.curves import ProgressBar, told_amount

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

_MOST_LOOPS = 200
"""Loops of a task that are recorded while none of them has ended: a program may close none."""


class track(Generic[T]):
    """Show the progress of a loop: in the terminal, in a notebook, as lines in a log file, in the UI and in the report.

    Use it like `tqdm`; loops may be nested. The record of a killed task shows how far its loops were.

    Args:
        items: What to iterate over: any iterable, or an asynchronous one for ``async for``. Without it, call `update`.
        description: What the loop is called, such as ``"epoch 3"``.
        total: How many items there are, or a fraction. Default: their length; a loop without one shows no share and no
            estimate.
        unit: What an item is called.
        leave: Whether the bar stays in the terminal or the cell when the loop has ended. Default: the outermost does.
        show: Whether it is shown in the terminal or notebook; it is recorded anyway. Default: unless ``OBS_QUIET=1``.

    Attributes:
        done: How many items are done.
        total: How many there are; None if that is not known.

    Examples:
        >>> for batch in track(range(100), "epoch 3"):
        ...     loss = 0.5**batch
        >>> with track(total=2_000, description="download", unit="B") as bar:
        ...     for chunk in (bytes(1_500), bytes(500)):
        ...         bar.update(len(chunk))
    """

    __slots__ = (
        "__weakref__",
        "_elapsed",
        "_ended",
        "_initial",
        "_items",
        "_leaves",
        "_looked",
        "_moved",
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
        total: float | None = ...,
        *,
        unit: str | None = ...,
        leave: bool | None = ...,
        show: bool | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        items: AsyncIterable[T],
        description: str | None = ...,
        total: float | None = ...,
        *,
        unit: str | None = ...,
        leave: bool | None = ...,
        show: bool | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: track[Any],
        items: None = ...,
        description: str | None = ...,
        total: float | None = ...,
        *,
        unit: str | None = ...,
        leave: bool | None = ...,
        show: bool | None = ...,
    ) -> None: ...

    def __init__(
        self,
        items: Any = None,
        description: str | None = None,
        total: float | None = None,
        *,
        unit: str | None = "it",
        leave: bool | None = None,
        show: bool | None = None,
    ) -> None:
        self._items = items
        self.description = "" if description is None else str(description)
        self.total: int | float | None = None
        with guarded("taking note of how long a loop is"):
            self.total = _length_of(items) if total is None else _total(total)
        self.unit = "it" if unit is None else str(unit)
        self.done: int | float = 0
        self._leaves = leave
        self._wanted = show
        self._values = ""
        self._task: TaskState | None = None
        self._shown: _Display | None = None
        self._ended = False
        self._number = 0
        self._written: tuple[int | float, int | float | None, str, bool] | None = None
        self._start = self._looked = self._moved = self._elapsed = 0
        self._next: int | float = 1
        self._step: int | float = 1
        self._seen: int | float = 0
        self._initial: int | float = 0

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
            try:
                with guarded("recording progress"):
                    self.close()
            finally:
                if self._shown or not self._elapsed:  # a timeout of the task's has struck
                    with guarded("recording progress"):
                        self.close()

    async def __aiter__(self) -> AsyncIterator[T]:
        self._begin()
        try:
            async for item in self._items:
                yield item
                self.update()
        finally:
            try:
                with guarded("recording progress"):
                    self.close()
            finally:
                if self._shown or not self._elapsed:  # a timeout of the task's has struck
                    with guarded("recording progress"):
                        self.close()

    def __len__(self) -> int:
        length = _length_of(self._items)
        if length is not None:
            return length  # `list` makes room for so many, and a total may be anything
        if self.total is None or self.total > sys.maxsize:
            raise TypeError("the length of this loop is not known")
        return int(self.total)

    def __bool__(self) -> bool:
        return self.total is None or self.total > 0

    def __enter__(self) -> Self:
        self._begin()
        return self

    @entered_for_certain
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            with guarded("recording progress"):
                self.close(error is None)
        finally:
            if self._shown or not self._elapsed:
                with guarded("recording progress"):
                    self.close(error is None)

    def update(self, count: float = 1) -> None:
        """Report that more items are done.

        Args:
            count: How many, or a fraction of one: an int, a float, or a scalar of numpy and the like. What is no finite
                number is ignored, with a warning.
        """
        if self._task is None:
            self._begin()
        given: Any = count
        if given.__class__ is int and self.done.__class__ is int:
            self.done += given
        else:
            given = self._add(given)
        if self.done >= self._next or given < 0:
            with guarded("showing progress"):
                self._look()

    def _add(self, count: Any) -> int | float:
        """Add what is no plain int, and return it as one or as a float."""
        added: int | float | None = None
        with guarded("showing progress"):
            added = amount(count)
            if added is not None:
                before, _ = self._done_of_total()
                done = amount(before + added)
                self.done = before if done is None else done
            elif self._task is not None:
                told = masked_text(f"{type(count).__name__}: {bounded_repr(count)}", 120)
                loop = f"loop {mask(self.description)!r}"
                complain(self._task, loop, f"{loop}: update takes a number of items, got {told}; it is ignored")
        return added or 0

    def set_description(self, description: str) -> None:
        """Rename the loop.

        Args:
            description: Its new name, shown in front of the bar.
        """
        self.description = str(description)

    def set_postfix(self, **values: Any) -> None:
        """Show values behind the bar. Metrics are recorded by `log_metric`.

        Args:
            values: What is shown, by name.

        Examples:
            >>> with track(range(3), "epochs") as epochs:
            ...     for epoch in epochs:
            ...         epochs.set_postfix(loss=0.5**epoch)
        """
        self._values = ", ".join(f"{name}={_brief(value)}" for name, value in values.items())

    def close(self, ended: bool = True) -> None:
        """End the loop; this happens automatically after its last item, and at the end of a ``with`` block.

        Args:
            ended: Whether it came to its end, rather than being stopped.
        """
        if self._task is None or (self._elapsed and self._shown is None):
            return
        if not self._elapsed:
            self._ended = ended
            self._elapsed = max(1, clock.wall() - self._start)
        with guarded("recording progress", self._task.note):
            progress_of(self._task.run).let_go(self._task, self)
        if self._shown is not None:
            with guarded("showing progress"):
                self._shown.end(self)
            self._shown = None  # only now: what a timeout of the task's strikes is done again

    def state(self) -> ProgressBar:
        """Return how far the loop has come."""
        now = clock.wall()
        elapsed = self._elapsed or now - self._start
        status = "running" if not self._elapsed else "ended" if self._ended else "stopped"
        done, total = self._done_of_total()
        idle = 0 if self._elapsed else max(0, now - max(self._looked, self._moved))
        counted = elapsed if self._elapsed else self._counted(done, now) - self._start
        return ProgressBar(
            mask(self.description), done, total, self.unit, elapsed, status, idle, counted, self._initial
        )

    def _counted(self, done: int | float, now: int) -> int:
        """Return when so many were done: a slow loop looks at the clock at each item, a fast one is at the next one."""
        if done == self._seen:
            return self._looked
        if self._written is not None and done == self._written[0]:
            return self._moved
        return now

    def _done_of_total(self) -> tuple[int | float, int | float | None]:
        """Return both as the journal can hold them, whatever the program has made of these attributes."""
        done = amount(self.done)
        return 0 if done is None else done, _total(self.total)

    def __repr__(self) -> str:
        return f"<track {self.description!r} {self.state().told()}>"

    def _begin(self) -> None:
        if self._task is not None and not self._elapsed:
            return
        self._start = self._looked = self._moved = clock.wall()
        self._elapsed, self._next, self._step, self._seen = 0, self.done + 1, 1, self.done
        task = self._task = innermost().task
        with guarded("recording progress", task.note):
            self._initial, _ = self._done_of_total()
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
        self._loops: Attached[TaskState, dict[tuple[int, str, int], track[Any]]] = Attached()
        self._writing = False
        run.journal.sources.append(self.write)
        _logs.add(self)

    def add(self, task: TaskState, loop: track[Any]) -> None:
        """Record a loop from now on, in the place of one of the same name and thread that has ended.

        So the inner one of nested loops has one place, and loops that run at the same time are told apart. Where there
        is no place left, it takes that of any that has ended, and then of the oldest one of its name.
        """
        loops = self._loops.setdefault(task, {})
        thread, name = _number_of_this_thread(), loop.description
        place, before = (thread, name, 0), None
        for number in itertools.count():
            place = (thread, name, number)
            before = loops.get(place)
            if before is None or before is loop or before._elapsed:
                break
        if before is None and len(loops) >= _MOST_LOOPS:
            given_up = next((key for key, one in loops.items() if one._elapsed), None)
            given_up = given_up or next((key for key in loops if key[:2] == place[:2]), None)
            if given_up is None:
                return
            before = loops.pop(given_up)
            place = given_up if given_up[:2] == place[:2] else place
        if before is not None and before is not loop:
            loop._number = before._number
        loops[place] = loop
        announce(task)
        task.journal.relieve()

    def let_go(self, task: TaskState, loop: track[Any]) -> None:
        """Keep of a loop that has ended how far it came, not its items, which are the program's, nor its task."""
        loops = self._loops.get(task) or {}
        for place, one in list(loops.items()):
            if one is loop:
                kept = loops[place] = copy.copy(loop)
                kept._items = kept._task = kept._shown = None

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
        done, total = loop._done_of_total()
        now = (done, total, loop.description, bool(loop._elapsed))
        if now == loop._written:
            return
        at = loop._start + loop._elapsed if loop._elapsed else loop._counted(done, clock.wall())
        loop._written = now
        if not loop._number:
            loop._number = task.next_number()
        loop._moved = at
        self._journal.append(
            records.Progress(
                loop._number,
                task.own_ref(),
                loop.description,
                at,
                loop._start,
                done,
                total,
                loop.unit,
                bool(loop._elapsed) and loop._ended,
                loop._initial,
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


def _total(total: Any) -> int | float | None:
    found = amount(total)
    return None if found is None else max(0, found)


_numbers_of_threads = threading.local()
_next_number = itertools.count(1)


def _number_of_this_thread() -> int:
    """Return what tells this thread from all others: Python gives the identifier of one that has ended to another."""
    number: int = getattr(_numbers_of_threads, "number", 0)
    if not number:
        number = _numbers_of_threads.number = next(_next_number)
    return number


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
        self._rows = rows_of(file)
        self._row = self._rows.take()

    def draw(self, loop: track[Any], now: int) -> None:
        self.due = now + _DRAW_EVERY
        if not self._rows.draw(self._row, self._text(loop)):
            self.due = sys.maxsize

    def end(self, loop: track[Any]) -> None:
        leaves = self._row == 0 if loop._leaves is None else loop._leaves
        self._rows.end(self._row, self._text(loop) if leaves else None)

    def _text(self, loop: track[Any]) -> str:
        width = _width_of(self._file)
        name = f"{printable(mask(loop.description))}: " if loop.description else ""
        state = loop.state()
        elapsed, left = _clock(state.elapsed), "?" if state.remaining is None else _clock(state.remaining)
        times = f"{elapsed}<{left}" if state.status == "running" and state.total is not None else elapsed
        rate, unit = state.rate, printable(mask(state.unit))
        speed = f"{rate:.2f}{unit}/s" if abs(rate) >= 1 or not rate else f"{1 / rate:.2f}s/{unit}"
        facts = f"[{times}, {speed}{', ' + printable(mask(loop._values)) if loop._values else ''}]"
        done = told_amount(state.done)
        if state.total is None:
            return self._cut(f"{name}{done}{unit} {facts}", width)
        before, after = f"{name}{100 * state.share:3.0f}%|", f"| {done}/{told_amount(state.total)} {facts}"
        room = max(0, min(40, width - 1 - columns(before) - columns(after)))
        return self._cut(f"{before}{self._blocks(state.share, room)}{after}", width)

    def _cut(self, text: str, width: int) -> str:
        shown = cut(text, width - 1)
        return shown if shown == text or self._shows_any() else f"{shown[:-1]}~"

    def _shows_any(self) -> bool:
        return "utf" in (getattr(self._file, "encoding", "") or "").lower()

    def _blocks(self, share: float, room: int) -> str:
        if not self._shows_any():
            return ("#" * int(share * room)).ljust(room)
        eighths = int(share * room * 8)
        return ("█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")).ljust(room)


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
        self._is_inner = bool(_in_notebook)
        _in_notebook.append(self)
        self._handle = shown.display(self._html(_html_of(loop)), display_id=True)

    def draw(self, loop: track[Any], now: int) -> None:
        self.due = now + _DRAW_EVERY_IN_NOTEBOOK
        if self._handle is not None:
            self._handle.update(self._html(_html_of(loop)))

    def end(self, loop: track[Any]) -> None:
        if self in _in_notebook:
            _in_notebook.remove(self)
        leaves = not self._is_inner if loop._leaves is None else loop._leaves
        if leaves:
            self.draw(loop, clock.wall())
        elif self._handle is not None:
            self._handle.update(self._html(""))


_in_notebook: list[_NotebookBar] = []
"""The bars that stand in a notebook, the outermost first."""


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


def _after_fork() -> None:
    for log in list(_logs):
        log.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

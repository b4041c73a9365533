"""``obs watch``: an execution on the whole screen while it runs."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from obs_core import clock
from obs_core.commands.base import CommandError, OfOneExecution
from obs_core.journal.log_reader import LogTail
from obs_core.model import LogLine, TaskView
from obs_core.provenance import command_name
from obs_core.reading.endings import ended_by
from obs_core.reading.execution import Execution
from obs_core.recording.closing_line import Failure, line_of
from obs_core.text.durations import format_standing, format_took
from obs_core.text.numbers import byte_size, plural, statistic
from obs_core.text.terminal import Screen, cut, is_terminal, printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

__all__ = ["Watch"]

_PAUSE = 1.0
"""Seconds between two looks at an execution, unless a look takes long."""

_SHARE_OF_LOOKING = 0.2
"""Of the time that may go into looking: a large execution is looked at less often."""

_MOST_BARS, _MOST_METRICS = 4, 6
_SPARKS = "▁▂▃▄▅▆▇█"
_WIDTH_OF_CURVE = 30

_STYLES = {"failed": "red", "lost": "yellow", "running": "cyan", "succeeded": "green"}
_SIGNS = {"failed": "×", "lost": "?", "running": "›", "succeeded": "·"}


class Watch(OfOneExecution):
    """Show an execution on the whole screen as long as it runs."""

    name = "watch"
    summary = "follow an execution on the whole screen: tasks, progress, metrics, resources, last lines"
    examples = (
        ("obs watch", "the last execution; q or ctrl-c leaves, and the execution goes on"),
        ("obs watch flights --store s3://team/obs", "the newest flights, in a shared store"),
    )

    def run_on(self, execution: Execution, arguments: argparse.Namespace) -> int:  # noqa: ARG002
        if not is_terminal(sys.stdout):
            raise CommandError(f"watch draws a screen and needs a terminal; `{command_name()} logs -f` does not")
        try:
            from rich.console import Console
            from rich.live import Live
        except ImportError:
            raise CommandError("watch needs rich: pip install 'obs-core[watch]'") from None

        console, tail = Console(highlight=False), LogTail(execution.store, execution.id)
        lines: deque[LogLine] = deque(maxlen=200)
        if execution.status == "running":
            screen = Live(console=console, screen=True, auto_refresh=False)
            with _interruptible() as go_on, _keys() as keys, screen as live, _stopping(live, keys):
                while execution.status == "running":
                    begun = time.monotonic()
                    lines.extend(tail.poll())
                    live.update(_picture(execution, lines, console.width, console.height - 1), refresh=True)
                    if keys.left(max(_PAUSE, (time.monotonic() - begun) / _SHARE_OF_LOOKING)):
                        return 0
                    go_on()
                    execution = Execution(execution.store, execution.id)
        lines.extend(tail.poll())
        console.print(_picture(execution, lines, console.width, console.height - 2))
        print(_closing_line(execution, Screen.of(sys.stdout)))
        return 0


def _closing_line(execution: Execution, screen: Screen) -> str:
    view = execution.view
    if view.status == "succeeded":
        return line_of(view.name, view.id, view.duration, None, screen)
    why = execution.why()
    if why.error:
        (error, place), *_ = why.error
        failure = Failure(error, place, why.task if place == why.place else "")
    else:
        failure = Failure(ended_by(execution.store, execution._assembly)[0], task=why.task)
    return line_of(view.name, view.id, view.duration, failure, screen, "lost" if view.status == "lost" else "failed")


class _Keys:
    """The keyboard while the screen is ours: keys come at once, if there is one to type at."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None
        with contextlib.suppress(ImportError, OSError, ValueError, AttributeError, TypeError):  # Windows, no terminal
            import termios

            with contextlib.suppress(termios.error):
                self._before = termios.tcgetattr(sys.stdin)

    def take(self) -> None:
        if self._before is not None:
            import tty

            tty.setcbreak(sys.stdin)

    def give_back(self) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def left(self, seconds: float) -> bool:
        """Wait some seconds, and tell whether q was typed meanwhile, or the terminal is gone."""
        if self._before is None:
            time.sleep(seconds)
            return False
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            if select.select([sys.stdin], [], [], rest)[0]:
                typed = os.read(sys.stdin.fileno(), 1024)
                if not typed or b"q" in typed.lower():
                    return True
        return False


@contextlib.contextmanager
def _keys() -> Iterator[_Keys]:
    keys = _Keys()
    keys.take()
    try:
        yield keys
    finally:
        keys.give_back()


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Let ctrl-c leave for certain: Python prints and forgets an exception that comes while a finalizer runs, say.

    Yields:
        Raises what came meanwhile.
    """
    came = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        signal.default_int_handler(number, frame)

    def go_on() -> None:
        if came:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield go_on
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield go_on
        go_on()
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _stopping(live: Live, keys: _Keys) -> Iterator[None]:
    """Give screen and keyboard back while ctrl-z has stopped the program, and take them again when it goes on."""
    stop = getattr(signal, "SIGTSTP", None)
    if stop is None:  # Windows
        yield
        return

    def on_stop(number: int, frame: object) -> None:  # noqa: ARG001
        live.stop()
        keys.give_back()
        signal.signal(stop, signal.SIG_DFL)
        os.kill(os.getpid(), stop)  # it stands here until fg
        signal.signal(stop, on_stop)
        keys.take()
        live.start(refresh=True)

    before = signal.signal(stop, on_stop)
    try:
        yield
    finally:
        signal.signal(stop, before)


def _picture(execution: Execution, lines: Sequence[LogLine], width: int, height: int) -> Text:
    """Draw how an execution stands, in so many rows."""
    from rich.text import Text

    tasks = execution.tasks
    above = [*_head(execution, tasks), ("", "")]
    below = [*_progress(execution, tasks), *_metrics(execution, tasks), *_resources(execution)]
    room = max(3, height - len(above) - len(below) - 2)
    shown = _tree(tasks, max(2, room * 2 // 3))
    said = [(printable(line.text), _style_of(line)) for line in list(lines)[-max(1, room - len(shown)) :]]
    parts = [part for part in (shown, below, said) if part]
    rows = [*above, *(row for part in parts for row in (*part, ("", "")))][: max(1, height)]
    picture = Text(no_wrap=True, overflow="crop", end="\n")
    for text, style in rows:
        picture.append(f"{cut(text, width)}\n", style)
    picture.rstrip()
    return picture


_Row = tuple[str, str]
"""A row of the screen, and its style."""


def _head(execution: Execution, tasks: Sequence[TaskView]) -> Iterator[_Row]:
    view = execution.view
    called = [task for task in tasks if not task.is_execution]
    ended = sum(task.status != "running" for task in called)
    now = clock.epoch() - view.started if view.status == "running" else view.duration
    told = f"{format_standing(now, view.status, ', ')}, {ended} of {plural(len(called), 'task')} ended"
    yield f"{printable(view.name)}  {told}", f"bold {_STYLES[view.status]}"
    yield f"{view.id} on {printable(view.host)}", "dim"


def _tree(tasks: Sequence[TaskView], room: int) -> list[_Row]:
    """Draw the tasks below their callers; where there are too many, those that ended well first are left out."""
    known = {task.id for task in tasks}
    below: dict[str | None, list[TaskView]] = {}
    for task in tasks:
        below.setdefault(task.parent if task.parent in known else None, []).append(task)
    flat: list[tuple[int, TaskView]] = []
    waiting = [(0, task) for task in reversed(below.get(None, []))]
    while waiting:
        depth, task = waiting.pop()
        flat.append((depth, task))
        waiting += [(depth + 1, child) for child in reversed(below.get(task.id, []))]
    left_out = len(flat) - room
    rows: list[_Row] = []
    if left_out > 0:
        well = [place for place, (_, task) in enumerate(flat) if task.status == "succeeded"]
        gone = set(well[: left_out + 1])
        flat = [one for place, one in enumerate(flat) if place not in gone][: room - 1]
        rows.append((f"… {plural(len(tasks) - len(flat), 'more task')}", "dim"))
    return [*rows, *(_task(depth, task) for depth, task in flat)]


def _task(depth: int, task: TaskView) -> _Row:
    took = clock.epoch() - task.started if task.status == "running" else task.duration
    again = f" (attempt {task.attempt})" if task.attempt > 1 else ""
    error = f"  {printable(task.error)}" if task.error else ""
    said = format_took(took, "" if task.cut else task.status)
    text = f"{'  ' * depth}{_SIGNS[task.status]} {printable(task.name)}{again}  {said}{error}"
    return text, _STYLES[task.status]


def _progress(execution: Execution, tasks: Sequence[TaskView]) -> list[_Row]:
    bars = [bar for task in tasks if task.status == "running" for bar in execution.progress_of(task)]
    running = [bar for bar in bars if bar.status == "running"]
    return [(f"{printable(bar.name) or 'loop'}: {bar.told()}", "") for bar in running[-_MOST_BARS:]]


def _metrics(execution: Execution, tasks: Sequence[TaskView]) -> list[_Row]:
    curves = {curve.name: curve for task in tasks for curve in execution.curves_of(task, 4 * _WIDTH_OF_CURVE)}
    shown = list(curves.values())[-_MOST_METRICS:]
    width = max((len(curve.name) for curve in shown), default=0)
    return [
        (f"{printable(curve.name):<{width}}  {sparkline(curve.columns.values)}  {statistic(curve.last)}", "")
        for curve in shown
    ]


def sparkline(values: Sequence[float], width: int = _WIDTH_OF_CURVE) -> str:
    """Draw numbers as a row of bars.

    Args:
        values: The numbers; those that are not finite leave a gap.
        width: How many bars at most; of several numbers in one bar the last is shown.

    Examples:
        >>> sparkline([0.0, 1.0, 2.0])
        '▁▅█'
    """
    if len(values) > width:
        values = [values[(place + 1) * len(values) // width - 1] for place in range(width)]
    finite = [value for value in values if abs(value) < float("inf")]
    if not finite:
        return ""
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    scale = len(_SPARKS) - 1
    return "".join(
        _SPARKS[round((value - low) / span * scale)] if abs(value) < float("inf") else " " for value in values
    )


def _resources(execution: Execution) -> list[_Row]:
    used = execution.resources
    memory, cpu = used.last("rss"), used.last("cpu")
    parts = []
    if memory is not None:
        parts.append(f"{byte_size(memory)} in memory (at most {byte_size(used.peak('rss') or memory)} in samples)")
    if cpu is not None:
        parts.append(f"{cpu:.1f} cores")
    if parts and len(used.writers) > 1:
        parts.append(f"{len(used.writers)} processes")
    return [(", ".join(parts), "")] if parts else []


def _style_of(line: LogLine) -> str:
    return "red" if line.severity >= 40 else "yellow" if line.severity >= 30 else "dim"

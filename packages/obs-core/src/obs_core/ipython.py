"""The extension of IPython and Jupyter: ``%load_ext obs_core``.

Each cell that calls a task or opens a span is an execution, named after the notebook, and shows how it went below its
output. ``%%obs name`` at the top of a cell names it. ``%obs`` shows the whole report of the last one.
"""

from __future__ import annotations

import functools
import html
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from obs_core import provenance
from obs_core.assembly.loading import ExecutionNotFoundError
from obs_core.decks.deck import Deck
from obs_core.decks.default import SourceCode
from obs_core.failsafe import guarded
from obs_core.reading.execution import load_execution
from obs_core.recording import ends, executions
from obs_core.recording.scope import active, current, going_on, leave
from obs_core.recording.sigterm import at_sigterm, forget
from obs_core.report import script_text

if TYPE_CHECKING:
    from obs_core.recording.run import Run
    from obs_core.recording.sigterm import Terminated

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

_MAGIC = "%%obs"

_extensions: dict[int, _Extension] = {}
"""By the id of the shell."""


def load_ipython_extension(shell: Any) -> None:
    """Turn cells into executions; IPython calls it for ``%load_ext obs_core``.

    Args:
        shell: IPython's `InteractiveShell`.
    """
    if id(shell) not in _extensions:
        _extensions[id(shell)] = _Extension(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Leave cells alone again; IPython calls it for ``%unload_ext obs_core``.

    Args:
        shell: IPython's `InteractiveShell`.
    """
    extension = _extensions.pop(id(shell), None)
    if extension is not None:
        extension.close()


class _Extension:
    """What is set up in one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._run: Run | None = None
        self._source = ""
        self._ended: list[Run] = []
        shell.input_transformers_cleanup.insert(0, _without_magic)
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)
        shell.register_magic_function(show_report, "line", "obs")
        self._replaced = shell.__dict__.get("showtraceback")
        self._show = shell.showtraceback
        shell.showtraceback = self._show_traceback
        ends.told_of_ends.append(self._note_end)

    def close(self) -> None:
        self._shell.input_transformers_cleanup.remove(_without_magic)
        self._shell.events.unregister("pre_run_cell", self._begin)
        self._shell.events.unregister("post_run_cell", self._end)
        self._shell.magics_manager.magics["line"].pop("obs", None)
        if self._shell.__dict__.get("showtraceback") == self._show_traceback:  # nobody else stands before it
            if self._replaced is None:
                del self._shell.showtraceback
            else:
                self._shell.showtraceback = self._replaced
        self._end_run(self._place(), None)  # the cell that says so
        ends.told_of_ends.remove(self._note_end)

    def _begin(self, info: Any) -> None:
        """Let a cell be an execution, which is written with the first thing that is recorded in it."""
        with guarded("beginning the execution of a cell"):
            self._ended.clear()
            self._source = info.raw_cell or ""
            name = _name_in(self._source) or self._notebook() or provenance.script_name()
            run = executions.begin_unwritten(name, {})
            run.root.outside = going_on(current.get())
            current.set(run.root)
            active.add(run.root)
            at_sigterm(run, functools.partial(_terminate, run))
            self._run = run

    def _end(self, result: Any) -> None:
        """End the cell's execution, and show how what ended in the cell went."""
        self._end_run(f"In [{result.execution_count}]", result.error_before_exec or result.error_in_exec)
        with guarded("showing what a cell ran"):
            for ended in self._ended:
                _display(load_execution(ended.id, ended.store))

    def _show_traceback(self, *arguments: Any, **options: Any) -> Any:
        """End the execution of a cell that failed before IPython draws the traceback: that may take longer than it."""
        if options.get("running_compiled_code"):  # as IPython calls it for a cell, and not for what goes on afterwards
            self._end_run(self._place(), sys.exc_info()[1])
        return self._show(*arguments, **options)

    def _place(self) -> str:
        return f"In [{self._shell.execution_count}]"

    def _end_run(self, place: str, error: BaseException | None) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        with guarded("ending the execution of a cell"):
            active.discard(run.root)
            leave(run.root)
            if run.is_recorded:
                source = self._source.strip("\n")
                Deck.of(run.root, "Source Code").append(SourceCode(source, place))
                ends.end(run, error)
            else:
                run.over()
                forget(run)

    def _note_end(self, run: Run) -> None:
        self._ended.append(run)
        del self._ended[:-_MOST_SHOWN]

    def _notebook(self) -> str:
        """Return the notebook's name where the shell knows it: VS Code tells its shell."""
        path = self._shell.user_ns.get("__vsc_ipynb_file__")
        return os.path.splitext(os.path.basename(path))[0] if isinstance(path, str) else ""


_MOST_SHOWN = 10
"""Executions that one cell tells of: a loop may have made thousands."""


def _terminate(run: Run, error: Terminated) -> None:
    if run.is_recorded:
        ends.terminate(run, error)


def _name_in(source: str) -> str:
    """Return the name that a cell's first line gives it; empty if it gives none."""
    first = source.lstrip().partition("\n")[0].split(None, 1)
    return first[1].strip().strip("\"'") if len(first) == 2 and first[0] == _MAGIC else ""


def _without_magic(lines: list[str]) -> list[str]:
    """Make ``%%obs name`` a comment, so that the other lines keep their numbers."""
    first = next((place for place, line in enumerate(lines) if line.strip()), None)
    if first is None or lines[first].split(None, 1)[0] != _MAGIC:
        return lines
    return [*lines[:first], f"# {lines[first]}", *lines[first + 1 :]]


def show_report(line: str) -> None:
    """Show the report of an execution below the cell: of the last one, or of the one that is named.

    Usage: ``%obs [ID]``
    """
    try:
        execution = load_execution(line.strip() or "last")
    except ExecutionNotFoundError as error:
        print(error)
        return
    page = html.escape(execution.report())
    allowed = 'sandbox="allow-scripts allow-popups allow-downloads"'
    frame = f'<iframe class="obs-deck" {allowed} style="width:100%;height:640px;border:0" srcdoc="{page}"></iframe>'
    beside = f"<script>{script_text('notebook.js')}</script>"
    hidden = "<style>.obs-deck { display: none !important }</style>"
    plain = f"<noscript>{hidden}{execution._repr_html_()}</noscript>"  # for a notebook that nobody trusts yet
    shown = f"<div>{frame}{beside}</div>{plain}"
    _display(_Html(shown, f"{provenance.command_name()} open {execution.id} shows the report"))


class _Html:
    """What a notebook shows as HTML, and a terminal as text."""

    def __init__(self, page: str, text: str) -> None:
        self._page = page
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._page


def _display(value: object) -> None:
    importlib.import_module("IPython.display").display(value)

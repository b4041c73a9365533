"""The report page: tasks and their decks as one self-contained HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names

if TYPE_CHECKING:
    from obs_core.report.page import render_notebook, render_report, script_text

__all__ = ["render_notebook", "render_report", "script_text"]

__getattr__, __dir__ = lazy_names(__name__, dict.fromkeys(__all__, "page"))

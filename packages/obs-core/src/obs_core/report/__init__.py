"""The report page: tasks and their decks as one self-contained HTML file."""

from __future__ import annotations

from obs_core.report.page import render_notebook, render_report, script_text

__all__ = ["render_notebook", "render_report", "script_text"]

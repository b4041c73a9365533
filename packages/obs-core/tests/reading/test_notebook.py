"""What a notebook's cell and a prompt show of an execution."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs_core import Deck, execution, load_execution, task


@task
def fit(rows: int) -> int:
    Deck("Large").append("<p>" + "x" * 100_000 + "</p>")
    return rows


def test_an_execution_shows_its_tasks_and_trace_without_a_script(folder: Path) -> None:
    with execution("<i>night</i>", store=folder):
        fit(3)
    html = load_execution("last", folder)._repr_html_()
    assert "<b>&lt;i&gt;night&lt;/i&gt;</b> succeeded in" in html
    assert ">fit</td>" in html
    assert "Critical path" in html
    assert "<script" not in html
    assert len(html) < 5_000


def test_a_failed_one_shows_its_error(folder: Path) -> None:
    failing = execution("night", store=folder)
    with pytest.raises(ValueError, match="airport"), failing:
        raise ValueError("no such <airport>")
    failed = load_execution("last", folder)
    assert "<code>ValueError: no such &lt;airport&gt;</code>" in failed._repr_html_()
    assert "ValueError: no such &lt;airport&gt;" in failed.why()._repr_html_()
    assert str(failed.why()) == failed.why().paragraph
    assert "no such <airport>" not in failed.span._repr_html_()
    assert failed.span._repr_html_().startswith("<pre ")


def test_tasks_are_told_in_a_line_each(folder: Path) -> None:
    with execution("night", store=folder):
        fit(3)
    assert repr(load_execution("last", folder).tasks).startswith("[<TaskView 'fit' main.2 succeeded, ")
    assert len(repr(load_execution("last", folder).tasks)) < 200

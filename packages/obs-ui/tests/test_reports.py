"""What is taken along from the UI is what obs-core makes of the journal, though the journal is not read again."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, carrier, execution, link, load_execution, span, task
from obs_core.journal import flusher
from obs_core.reading import Execution
from obs_core.recording.joining import joined
from obs_core.recording.operations import OperationLog
from obs_core.store import open_store
from obs_core.trace import ExecutionSpan
from obs_ui import reports
from obs_ui.snapshots import FollowedExecution


@task
def load(rows: int) -> int:
    Deck("Quality").append("<h2>336,776 rows</h2>").append("x" * 100_000)  # the second is kept in a file
    link("W&B run", "https://wandb.example/runs/1")
    for number in range(rows):
        with span(f"row {number % 2}", number=number):
            pass
    with contextlib.suppress(KeyError), span("looked up"):
        raise KeyError("x")
    return rows


@task
def fit() -> None:
    load(3)
    with contextlib.suppress(KeyError), span("looked up"):
        raise KeyError("x")
    raise ValueError("no such airport: 'XYZ'")


def ordinary() -> None:
    load(5)
    Deck("Of all").append("<p>of the execution itself</p>")
    with contextlib.suppress(ValueError):
        fit()


def failing() -> None:
    load(2)
    fit()


def of_an_engine() -> None:
    with span("submit"):
        parent = joined(carrier(), source="worker")
    with span("wait"):
        log = OperationLog(parent.task.run.journal, whole=10)
        for number in range(100):
            with log.operation(parent, f"resize {number % 2}", f"resize-{number % 40}", {"worker": "w"}):
                pass


@pytest.mark.parametrize("run", [ordinary, failing, of_an_engine])
def test_reports_and_traces_are_those_of_obs_core(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.suppress(ValueError), execution("night", tags={"year": 2013}) as begun:
        run()
    flusher.flush_all()
    snapshot = FollowedExecution(open_store(), begun.id).look()
    whole = load_execution(begun.id)
    expected = whole.report(), [whole.report(one) for one in whole.tasks]
    explained, trace = _explained(whole.span), _trace(whole.span, tmp_path / "whole.json")

    monkeypatch.setattr(Execution, "_assembly", property(lambda _: pytest.fail("the journal was read again")))
    assert (
        reports.execution_report(snapshot),
        [reports.task_report(snapshot, one) for one in snapshot.tasks],
    ) == expected
    assert _explained(reports.span_of(snapshot)) == explained
    assert _trace(reports.span_of(snapshot), tmp_path / "mine.json") == trace
    assert "night" in explained
    assert len(trace) > 5


def _explained(root: ExecutionSpan) -> str:
    text = io.StringIO()
    root.explain(text)
    return text.getvalue()


def _trace(root: ExecutionSpan, path: Path) -> list[str]:
    root.to_chrome_trace(path)
    return sorted(json.dumps(event, sort_keys=True) for event in json.loads(path.read_text())["traceEvents"])

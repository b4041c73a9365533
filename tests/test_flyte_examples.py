"""What Flyte's users know: the examples of their page, with only the imports changed."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import obs_core as flytekit
from obs_core import Deck, ExecutionSpan, TimeLineDeck
from obs_core import Renderable as Protocol
from obs_core.testing import RecordingStore, recording
from obs_renderers import FrameProfilingRenderer, MarkdownRenderer, SourceCodeRenderer, TopFrameRenderer


def test_execution_spans_explain_and_dump(capsys: pytest.CaptureFixture[str]) -> None:
    with recording() as store:
        with flytekit.execution("night"), flytekit.span("load"):
            pass
        span_object = ExecutionSpan.load("last", store=store)
        span_object.explain()
        span_object.dump()
    printed = capsys.readouterr().out
    assert "Critical path" in printed
    assert 'name: "load"' in printed or "name: load" in printed


def test_core_deck_functionality() -> None:
    @flytekit.task
    def my_observable_task() -> None:
        # Append markdown to the default deck
        flytekit.current_context().default_deck.append(MarkdownRenderer().to_html("# Task Insights"))

        # Create a custom deck
        custom_deck = Deck("MyCustomReport")
        custom_deck.append(MarkdownRenderer().to_html("## Detailed Analysis"))

        # Publish all decks (usually handled automatically at task completion)
        Deck.publish()

    with recording() as store:
        my_observable_task()
    assert "Task Insights" in html_of(store, "default")
    assert "Detailed Analysis" in html_of(store, "MyCustomReport")


def test_built_in_renderers() -> None:
    @flytekit.task
    def render_example_task(df: pd.DataFrame) -> None:
        ctx = flytekit.current_context()

        # Render Markdown
        ctx.default_deck.append(MarkdownRenderer().to_html("### Data Overview"))

        # Render DataFrame preview
        ctx.default_deck.append(TopFrameRenderer(max_rows=5).to_html(df))

        # Render source code of the task
        with open(__file__) as f:
            task_source = f.read()
        ctx.default_deck.append(SourceCodeRenderer().to_html(task_source))

        # Render a profiling report
        ctx.default_deck.append(FrameProfilingRenderer().to_html(df))

    with recording() as store:
        render_example_task(pd.DataFrame({"origin": ["EWR", "JFK"], "delay": [3.5, -1.0]}))
    shown = html_of(store, "default")
    for expected in ("Data Overview", "EWR", "render_example_task", "Pandas Profiling Report"):
        assert expected in shown


def test_timeline_deck() -> None:
    @flytekit.task
    def timed_task() -> None:
        timeline_deck = TimeLineDeck("Task Timeline")

        start_time_op1 = datetime.datetime.now()
        end_time_op1 = datetime.datetime.now()
        timeline_deck.append_time_info({"Start": start_time_op1, "Finish": end_time_op1, "Name": "Operation A"})

        start_time_op2 = datetime.datetime.now()
        end_time_op2 = datetime.datetime.now()
        timeline_deck.append_time_info({"Start": start_time_op2, "Finish": end_time_op2, "Name": "Operation B"})

    with recording() as store:
        timed_task()
    shown = html_of(store, "Task Timeline")
    assert "Operation A" in shown
    assert "Operation B" in shown


def test_custom_renderer() -> None:
    class CustomObject:
        def __init__(self, value: str) -> None:
            self.value = value

    class CustomRenderer(Protocol):
        def to_html(self, python_value: Any) -> str:
            return f"<div>Custom Object Value: {python_value.value}</div>"

    @flytekit.task
    def custom_render_task() -> None:
        my_custom_obj = CustomObject("Hello, Flyte!")
        Deck("Custom Data").append(CustomRenderer().to_html(my_custom_obj))

    with recording() as store:
        custom_render_task()
    assert html_of(store, "Custom Data") == "<div>Custom Object Value: Hello, Flyte!</div>"


def test_whylogs_drift() -> None:
    pytest.importorskip("obs_whylogs")  # first, since it turns whylogs' usage statistics off
    pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")
    from obs_whylogs import WhylogsSummaryDriftRenderer

    @flytekit.task
    def detect_data_drift(reference_df: pd.DataFrame, target_df: pd.DataFrame) -> None:
        drift_report_html = WhylogsSummaryDriftRenderer.to_html(reference_df, target_df)
        flytekit.current_context().default_deck.append(drift_report_html)

    with recording() as store:
        detect_data_drift(pd.DataFrame({"width": [1.0] * 50}), pd.DataFrame({"width": [2.0] * 50}))
    assert "1 of 1 columns drifted" in html_of(store, "default")


def test_whylogs_constraints() -> None:
    pytest.importorskip("obs_whylogs")  # first, since it turns whylogs' usage statistics off
    pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")
    from whylogs.core.constraints import ConstraintsBuilder, MetricConstraint, MetricsSelector

    import obs_whylogs as why
    from obs_whylogs import WhylogsConstraintsRenderer

    @flytekit.task
    def validate_data_quality(df: pd.DataFrame) -> None:
        profile_view = why.log(df).view()
        builder = ConstraintsBuilder(profile_view)

        # Example constraint: ensure 'sepal_length' is between 0 and 10
        num_constraint = MetricConstraint(
            name="sepal_length_range",
            condition=lambda x: x.min > 0 and x.max < 10,
            metric_selector=MetricsSelector(metric_name="distribution", column_name="sepal_length"),
        )
        builder.add_constraint(num_constraint)
        constraints = builder.build()

        constraints_report_html = WhylogsConstraintsRenderer.to_html(constraints)
        flytekit.current_context().default_deck.append(constraints_report_html)

    with recording() as store:
        validate_data_quality(pd.DataFrame({"sepal_length": [5.1, 4.9], "species": ["setosa", "setosa"]}))
    assert "sepal_length_range" in html_of(store, "default")
    assert "All passed" in html_of(store, "default")


def test_pandera_data_validation() -> None:
    pa = pytest.importorskip("pandera.pandas")
    from obs_pandera import PandasReportRenderer

    @flytekit.task
    def validate_dataframe(df: pd.DataFrame) -> None:
        schema = pa.DataFrameSchema(
            {
                "column_a": pa.Column(int, checks=pa.Check.greater_than(0)),
                "column_b": pa.Column(str, checks=pa.Check.isin(["X", "Y", "Z"])),
            }
        )

        renderer = PandasReportRenderer()
        try:
            schema.validate(df, lazy=True)
            report_html = renderer.to_html(df, schema)  # Success report
        except pa.errors.SchemaErrors as err:
            report_html = renderer.to_html(df, schema, err)  # Error report

        flytekit.current_context().default_deck.append(report_html)

    with recording() as store:
        validate_dataframe(pd.DataFrame({"column_a": [1, -1], "column_b": ["X", "Q"]}))
        assert "Failed" in html_of(store, "default")
        validate_dataframe(pd.DataFrame({"column_a": [1], "column_b": ["X"]}))
        assert "Passed" in html_of(store, "default")


def test_memory_profiling_with_memray() -> None:
    pytest.importorskip("memray")
    from obs_core.tasks.deferred import wait
    from obs_memray import memray_profiling

    @flytekit.task
    @memray_profiling(
        memray_html_reporter="flamegraph",  # or "table"
        native_traces=True,
        memory_interval_ms=50,
    )
    def memory_intensive_task() -> None:
        data = [bytearray(1024 * 1024) for _ in range(100)]  # Allocate 100MB
        # ... further processing ...
        del data  # Release memory

    with recording() as store:
        memory_intensive_task()
        wait()
        assert "flamegraph report" in html_of(store, "Memray Flamegraph")
        assert "105 MB" in html_of(store, "Memory")


def test_weights_and_biases_integration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    from obs_core import Secret, task
    from obs_wandb import wandb_init

    @task
    @wandb_init(
        project="my-wandb-project",
        entity="my-wandb-entity",
        secret=Secret(group="wandb", key="WANDB_API_KEY"),
        # Optional: id="my-custom-run-id"
    )
    def train_model_wandb() -> None:
        import wandb

        wandb.log({"loss": 0.1, "epoch": 10})
        # ... training logic ...

    with recording() as store:
        train_model_wandb()
        (tracked,) = store.last().tasks
    assert [link.name for link in tracked.links] == ["W&B run"]
    assert len(list(tmp_path.glob("wandb/offline-run-*/*.wandb"))) == 1


def test_comet_ml_integration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("comet_ml")
    monkeypatch.setenv("COMET_START_ONLINE", "0")
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", str(tmp_path))
    from obs_comet.tracking import _comet_ml_login_class as comet_ml_login
    from obs_core import Secret, task

    @task
    @comet_ml_login(
        project_name="my-ml-project",
        workspace="my-workspace",
        secret=Secret(group="comet-ml", key="COMET_API_KEY"),
        # Optional: experiment_key="my-custom-experiment-id"
    )
    def train_model_comet() -> None:
        import comet_ml

        experiment = comet_ml.Experiment()
        experiment.log_metric("accuracy", 0.95)
        experiment.log_parameter("learning_rate", 0.01)
        # ... training logic ...

    with recording() as store:
        train_model_comet()
        (tracked,) = store.last().tasks
    (link,) = tracked.links
    assert link.name == "Comet experiment"
    (archive,) = tmp_path.glob("*.zip")
    assert str(archive).removesuffix(".zip").rpartition("-")[0] in link.url


def html_of(store: RecordingStore, name: str) -> str:
    """The HTML of one deck of the only task."""
    (task,) = store.last().tasks
    return "".join(item for deck in task.decks if deck.name == name for item in deck.items)

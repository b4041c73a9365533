"""Metrics and parameters: what is logged is read back, drawn, and never the task's trouble."""

from __future__ import annotations

import base64
import decimal
import linecache
import math
import os
import re
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import (
    ObsWarning,
    current_context,
    execution,
    list_executions,
    load_execution,
    log_metric,
    log_metrics,
    log_params,
    span,
    task,
)
from obs_core.testing import FixedClock, RecordingStore
from obs_core.values.curves import curves_json


def unpacked_documents(page: bytes) -> list[bytes]:
    """What the tabs of a report hold."""
    found = re.findall(rb'id="obs-deck-[0-9a-f]+">([^<]*)<', page)
    return [zlib.decompress(base64.b64decode(one), wbits=31) for one in found]


RunScript = Callable[..., subprocess.CompletedProcess[str]]


def test_a_metric_is_read_back_with_step_time_and_value(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        for step in (3, 5, 9):
            log_metric("loss", 1 / step, step=step)

    fit()
    loss = load_execution("last", store).metrics("loss")
    assert list(loss.step) == [3, 5, 9]
    assert list(loss.value) == [1 / 3, 1 / 5, 1 / 9]
    assert list(loss.time) == sorted(loss.time)
    view = load_execution("last", store).view
    assert view.started <= loss.time[0] <= loss.time[-1] <= view.started + view.duration


def test_the_values_of_a_name_that_no_utf_8_holds_are_kept(store: RecordingStore) -> None:
    with execution("night"):
        log_metric("loss \ud800", 0.5)
    found = load_execution("last", store)
    assert list(found.metrics(r"loss \ud800").value) == [0.5]
    assert found.view.damaged_records == 0


def test_without_a_step_it_counts_on_from_the_last_one(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        log_metric("loss", 1.0)
        log_metric("loss", 1.0)
        log_metric("loss", 1.0, step=10)
        log_metric("loss", 1.0)

    fit()
    assert list(load_execution("last", store).metrics("loss").step) == [0, 1, 10, 11]


def test_what_is_not_finite_stays_what_it_is(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        log_metrics({"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1e400, "e": True})

    fit()
    read = load_execution("last", store)
    assert math.isnan(read.metrics("a").value[0])
    assert [read.metrics(name).value[0] for name in "bcde"] == [math.inf, -math.inf, math.inf, 1.0]


def test_scalars_of_other_libraries_are_taken_by_what_they_hold(store: RecordingStore) -> None:
    class Scalar:
        def item(self) -> float:
            return 0.5

    @task
    def fit() -> None:
        log_metric("loss", Scalar())

    fit()
    assert list(load_execution("last", store).metrics("loss").value) == [0.5]


@pytest.mark.parametrize("value", ["0.5", None, [1.0], {"loss": 1}, 1j, object()])
def test_a_value_that_is_no_number_is_named_and_stops_nothing(store: RecordingStore, value: Any) -> None:
    @task
    def fit() -> str:
        for _ in range(3):
            log_metric("loss", value)
        return "went on"

    with pytest.warns(ObsWarning, match="metric 'loss' takes a number") as caught:
        assert fit() == "went on"
    assert len(caught) == 1
    assert type(value).__name__ in str(caught[0].message)
    read = load_execution("last", store)
    assert any("metric 'loss' takes a number" in note for note in read.task("fit").notes)
    assert read.view.metrics == {}
    assert not len(read.metrics())


def test_what_is_no_number_takes_no_name_from_other_metrics(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        for number in range(1_100):
            log_metric(f"text {number}", "none")
        log_metrics({"loss": 1.0, "gap": None})

    with pytest.warns(ObsWarning, match="takes a number"):
        fit()
    assert set(load_execution("last", store).view.metrics) == {"loss"}


@pytest.mark.parametrize("step", ["7", 1.5, [1], 2**62 + 1, -(2**63), 10**400])
def test_a_step_that_is_no_whole_number_is_named_and_the_value_kept(store: RecordingStore, step: Any) -> None:
    @task
    def fit() -> None:
        log_metric("loss", 1.0, step=step)

    with pytest.warns(ObsWarning, match="the step of metric 'loss' is a whole number"):
        fit()
    assert list(load_execution("last", store).metrics("loss").step) == [0]


def test_steps_may_be_times_and_are_counted_on_from_the_largest(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        for step in (-(2**62), 1_790_000_000_000_000_000, 2**62, None, None):
            log_metric("loss", 1.0, step=step)

    fit()
    read = load_execution("last", store)
    expected = [-(2**62), 1_790_000_000_000_000_000, 2**62, 2**62 + 1, 2**62 + 2]
    assert list(read.metrics("loss").step) == expected
    assert read.task("fit").notes == []


def test_a_step_that_is_too_large_costs_no_other_point(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        for step in (0, 1, 2**63, 2):
            log_metric("loss", 1.0, step=step)

    with pytest.warns(ObsWarning, match="counted as 2"):
        fit()
    assert list(load_execution("last", store).metrics("loss").step) == [0, 1, 2, 2]


@pytest.mark.parametrize("value", [10**400, -(10**400), decimal.Decimal("1e400")])
def test_a_value_beyond_a_float_is_named_and_kept_as_infinity(store: RecordingStore, value: Any) -> None:
    @task
    def fit() -> None:
        log_metric("loss", value)
        log_metric("fine", decimal.Decimal("Infinity"))

    with pytest.warns(ObsWarning, match="metric 'loss' is kept as a float of 64 bits, which cannot hold") as caught:
        fit()
    assert len(caught) == 1
    assert list(load_execution("last", store).metrics("loss").value) == [math.inf if value > 0 else -math.inf]


def test_a_name_that_is_none_is_named(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        log_metric(["loss"], 1.0)  # type: ignore[arg-type]
        log_metric(7, 1.0)  # type: ignore[arg-type]

    with pytest.warns(ObsWarning, match="a metric's name is a string, got list"):
        fit()


class Unequal(str):
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = str.__hash__


class Classless:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("bound to nothing")


@pytest.mark.parametrize("hostile", ["name", "value", "step"])
def test_hostile_objects_stop_nothing(store: RecordingStore, hostile: str) -> None:
    made: dict[str, Callable[[], Any]] = {"name": lambda: Unequal("loss"), "value": Classless, "step": Classless}

    @task
    def fit() -> str:
        log_metric("loss", 0.5)
        given: dict[str, Any] = {"name": "loss", "value": 1.0, "step": 1, hostile: made[hostile]()}
        log_metric(**given)
        return "went on"

    with pytest.warns(ObsWarning, match="a metric is not recorded: RuntimeError"):
        assert fit() == "went on"
    assert list(load_execution("last", store).metrics("loss").value) == [0.5]


def test_a_mapping_that_gives_nothing_stops_nothing(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    class Broken(dict[str, float]):
        def items(self) -> Any:
            raise RuntimeError("gone")

    @task
    def fit() -> str:
        log_metrics(Broken(loss=1.0))
        return "went on"

    with pytest.warns(ObsWarning, match="gone"):
        assert fit() == "went on"


def test_names_are_bounded(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        for number in range(1_500):
            log_metric(f"loss of batch {number}", 1.0)
        log_metric("x" * 5_000, 1.0)

    with pytest.warns(ObsWarning, match="a task may have 1,000 metrics"):
        fit()
    assert len(load_execution("last", store).metrics()) == 1_000


def test_each_point_knows_its_task_and_span(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        log_metric("loss", 1.0)
        with span("inner"):
            log_metric("loss", 2.0)
            log_metric("loss", 3.0)

    fit()
    read = load_execution("last", store)
    (metric,) = read._assembly.metrics.metrics[read.task("fit").id].values()
    (part,) = metric.parts
    names = dict(zip(read.table.ids, read.table.names, strict=True))
    told = [(names[f"{part.writer}.{ref}"], count) for ref, count in part.points.spans]
    assert told == [("fit", 1), ("inner", 2)]


def test_metrics_of_tasks_side_by_side_are_told_apart(store: RecordingStore) -> None:
    @task
    def first() -> None:
        log_metric("loss", 1.0)

    @task
    def second() -> None:
        log_metric("loss", 2.0)

    with execution("both"):
        first()
        second()
    read = load_execution("last", store)
    assert list(read.metrics("loss", task="second").value) == [2.0]
    assert list(read.metrics("loss").value) == [1.0, 2.0]
    with pytest.raises(KeyError, match=r"no metric 'los' in execution .*; there are: 'loss'"):
        read.metrics("los")


def test_of_many_metrics_an_error_names_those_that_are_meant(store: RecordingStore) -> None:
    with execution("night"):
        log_metrics({f"layer {number}": 0.5 for number in range(900)} | {"loss": 0.1})
    with pytest.raises(KeyError) as raised:
        load_execution("last", store).metrics("los")
    assert "of 901 these are closest: 'loss', 'la" in str(raised.value)
    assert len(str(raised.value)) < 250


def test_a_warning_points_to_the_line_that_logged(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    with execution("night"), pytest.warns(ObsWarning) as caught:
        log_metric("loss", "low")
    (warning,) = caught
    assert (warning.filename, "log_metric" in linecache.getline(__file__, warning.lineno)) == (__file__, True)


def test_threads_that_log_one_metric_lose_nothing_and_mix_nothing(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        def log(number: int) -> None:
            for step in range(5_000):
                log_metric("loss", float(number), step=number * 1_000_000 + step)

        threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    fit()
    loss = load_execution("last", store).metrics("loss")
    assert len(loss) == 20_000
    assert all(value == step // 1_000_000 for step, value in zip(loss.step, loss.value, strict=True))
    assert sorted(loss.step) == [number * 1_000_000 + step for number in range(4) for step in range(5_000)]


def test_metrics_become_frames(store: RecordingStore) -> None:
    pandas, polars, pyarrow = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))

    @task
    def fit() -> None:
        log_metric("loss", 0.5, step=3)
        log_metric("loss", math.inf, step=4)
        log_metric("rows", 7)

    fit()
    read = load_execution("last", store)
    loss = read.metrics("loss")
    frame = loss.to_pandas()
    assert list(frame.columns) == ["step", "time", "value"]
    assert list(frame["value"]) == [0.5, math.inf]
    assert [moment.value for moment in frame["time"]] == list(loss.time)
    assert str(frame["time"].dtype) == "datetime64[ns, UTC]"
    assert loss.to_polars().schema == {
        "step": polars.Int64,
        "time": polars.Datetime("ns", "UTC"),
        "value": polars.Float64,
    }
    assert loss.to_polars()["time"].dt.epoch("ns").to_list() == list(loss.time)
    assert loss.to_arrow().schema.field("time").type == pyarrow.timestamp("ns", "UTC")
    assert loss.to_arrow()["step"].to_pylist() == [3, 4]
    whole = read.metrics()
    assert [list(table.columns) for table in (whole.to_pandas(), whole.to_polars())] == [
        ["task", "name", "step", "time", "value"]
    ] * 2
    assert whole.to_arrow().select(["task", "name", "step"]).to_pylist() == [
        {"task": "fit", "name": "loss", "step": 3},
        {"task": "fit", "name": "loss", "step": 4},
        {"task": "fit", "name": "rows", "step": 0},
    ]
    assert isinstance(frame, pandas.DataFrame)


def test_parameters_are_read_back(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        log_params({"lr": 1e-3, "layers": [64, 32]}, lr=1e-4, path=Path("a.csv"))

    fit()
    read = load_execution("last", store)
    assert read.params() == {"lr": 1e-4, "layers": [64, 32], "path": repr(Path("a.csv"))}
    assert read.params(task="other") == {}


def test_the_metrics_tab_is_in_the_report_of_a_killed_task(run_script: RunScript, folder: Path) -> None:
    source = """
import os, signal
from obs_core import current_context, log_metric, task, track
@task
def fit():
    for step in track(range(100), "epoch 3"):
        log_metric("loss", 1 / (step + 1), step=step)
        if step == 41:
            while not current_context().state.journal.flush(wait=True):
                pass
            os.kill(os.getpid(), signal.SIGKILL)
fit()
"""
    assert run_script(source, check=False).returncode == -signal.SIGKILL
    read = load_execution("last", folder)
    assert read.status == "lost"
    assert list(read.metrics("loss").step) == list(range(42))
    (deck,) = [deck for deck in read.task("fit").decks if deck.name == "Metrics"]
    assert "epoch 3" in deck.items[0]
    assert "41 of 100 it" in deck.items[0]
    assert 'class="progress lost"' in deck.items[0]
    (listed,) = list_executions(folder)
    assert listed.metrics == read.view.metrics == {"loss": (1 / 42, 1 / 42, 1.0)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_children_log_into_their_parents_task_each_once(run_script: RunScript, folder: Path) -> None:
    source = """
import multiprocessing
from obs_core import log_metric, task
def work(number):
    log_metric("loss", float(number), step=number)
@task
def fit():
    log_metric("loss", -1.0, step=-1)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.map(work, range(30))
        pool.close()
        pool.join()
fit()
"""
    run_script(source)
    read = load_execution("last", folder)
    (page,) = [Path(path).read_bytes() for path in read.report_paths()]
    (deck,) = [deck for deck in read.task("fit").decks if deck.name == "Metrics"]
    assert "<td>31</td>" in deck.items[0]
    assert any(b"<td>31</td>" in document for document in unpacked_documents(page))
    loss = load_execution("last", folder).metrics("loss")
    assert sorted(loss.step) == list(range(-1, 30))


def test_masked_secrets_do_not_hurt_numbers(store: RecordingStore) -> None:
    from obs_core.text import masking

    masking.register_secret_value("hunter2hunter2")
    try:

        @task
        def fit() -> None:
            log_metric("loss hunter2hunter2", 0.25, step=7)
            log_params(key="hunter2hunter2")

        fit()
    finally:
        masking.forget_secret_values()
    read = load_execution("last", store)
    assert read.metrics().names == ["loss ***"]
    assert list(read.metrics("loss ***").value) == [0.25]
    assert read.params() == {"key": "***"}


def test_times_more_than_seconds_apart_are_kept_to_the_nanosecond(store: RecordingStore) -> None:
    with FixedClock() as clock:

        @task
        def fit() -> None:
            for gap in (1e-9, 1.5, 3.000000001, 5.0):
                log_metric("loss", gap)
                log_metric("seldom", gap)
                clock.advance(gap)
            log_metric("seldom", 0)

        fit()
    read = load_execution("last")
    start = read.task("fit").started
    early = [start, start + 1, start + 1_500_000_001, start + 4_500_000_002]
    assert list(read.metrics("seldom").time) == [*early, start + 9_500_000_002]
    assert list(read.metrics("loss").time) == early


def _many_points(folder: Path | str) -> str:
    """Log four closed segments of two metrics, with a peak and a gap each, and return the id of their execution."""

    @task
    def fit() -> None:
        for step in range(40_000):
            log_metric("loss", 1e6 if step == 12_345 else math.nan if step == 23_456 else math.sin(step))
            log_metric("accuracy", step / 7)
            if step % 500 == 0:
                current_context().state.journal.flush()

    with execution("many", store=folder) as run:
        fit()
    return run.id


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obs_core.store.folder.FolderStore.segment_limit", 300_000)
    monkeypatch.setattr("obs_core.store.remote.RemoteStore.segment_limit", 300_000)


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("shared", [False, True], ids=["folder", "shared store"])
def test_a_long_curve_is_drawn_without_inflating_it_and_every_point_is_there_when_asked_for(
    folder: Path, shared: bool
) -> None:
    store = f"memory://{folder.parent.name}" if shared else folder
    read = load_execution(_many_points(store), store)
    (task_view,) = (one for one in read.tasks if one.name == "fit")
    metric = read._assembly.metrics.metrics[task_view.id]["loss"]
    outlined = [part for part in metric.parts if part.outline is not None]
    assert outlined
    assert sum(len(part.points.values) // 8 for part in outlined) < 2_000
    curve = next(one for one in read.curves_of(task_view) if one.name == "loss")
    assert (curve.count, curve.odd, curve.high) == (40_000, 1, 1e6)
    assert curve.last == math.sin(39_999)
    assert curve.columns.steps[curve.columns.values.index(1e6)] == 12_345
    assert curve.columns.times == type(curve.columns.times)("q", sorted(curve.columns.times))
    whole = read.metrics("loss")
    assert list(whole.step) == list(range(40_000))
    assert [number for number, value in enumerate(whole.value) if math.isnan(value)] == [23_456]
    assert whole.value[34_567] == math.sin(34_567)
    assert list(read.metrics("accuracy").value) == [step / 7 for step in range(40_000)]
    assert read._assembly.view.damaged_records == 0


def test_a_curve_of_which_outlines_know_too_few_points_is_drawn_from_all_of_them(folder: Path) -> None:
    @task
    def fit() -> None:
        for step in range(20_000):
            log_metric("loss", 5 if step == 7_777 else math.sin(step))

    with execution("long", store=folder):
        fit()
    read = load_execution("last", folder)
    (task_view,) = read.tasks
    (metric,) = read._assembly.metrics.metrics[task_view.id].values()
    assert any(part.outline is not None for part in metric.parts)
    (curve,) = read.curves_of(task_view)
    (drawn,) = curves_json([curve])["curves"]
    assert drawn["count"] == 20_000
    assert 1_900 <= len(drawn["steps"]) <= 2_000
    steps = [step for step in drawn["steps"] if abs(step - 7_777) < 50]
    assert steps[0] < 7_760
    assert steps[-1] > 7_790
    assert 7_777 in steps


@pytest.mark.usefixtures("small_segments")
def test_damage_below_an_outline_costs_that_part_alone_and_is_counted(folder: Path) -> None:
    execution_id = _many_points(folder)
    path = sorted((folder / "executions" / execution_id).glob("main-*.jsonl.gz"))[1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    read = load_execution(execution_id, folder)
    assert read._assembly.view.damaged_records > 0
    values = list(read.metrics("accuracy").value)
    assert 30_000 < len(values) < 40_000
    assert values[-1] == 39_999 / 7


@pytest.mark.usefixtures("small_segments")
def test_what_is_gone_below_an_outline_leaves_the_curve(folder: Path) -> None:
    read = load_execution(_many_points(folder), folder)
    assert read._assembly.metrics.tasks()  # it is read now
    for path in (folder / "executions" / read.id).glob("main-*.jsonl.gz"):
        path.unlink()
    steps = list(read.metrics("loss").step)
    assert 12_345 in steps
    assert steps == sorted(steps)


def test_damaged_columns_are_left_out(store: RecordingStore) -> None:
    from obs_core.assembly.assembly import Assembly
    from obs_core.journal.records import Points

    assembly = Assembly(store, "damaged")
    eight = b"\0" * 8
    assembly.add("main", [Points(2, "a", 1, 0, b"", eight, eight * 3), Points(2, "a", 1, 0, b"x", eight, eight)])
    assert assembly.metrics.metrics == {}


def test_logging_loads_nothing_heavy() -> None:
    source = (
        "from obs_core import log_metric, task\n@task(enable_deck=False)\ndef f():\n    log_metric('a', 1)\nf()\n"
        "import sys\nprint([name for name in ('numpy', 'pandas', 'asyncio', 'jinja2') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_metrics_and_parameters_in_a_dict_whose_class_cannot_be_hashed_are_logged(store: RecordingStore) -> None:
    class Unhashable(type):
        def __eq__(cls, other: object) -> bool:
            return cls is other

    table = Unhashable("Table", (dict,), {})
    with execution("night", tags=table(year=2013)):
        log_metrics(table(loss=0.5))
        log_params(table(lr=1))
    night = store.last()
    assert night.metrics().names == ["loss"]
    assert night.params() == {"lr": 1}


def test_a_task_that_was_not_called_is_what_is_unknown(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        log_metric("loss", 1.0)

    @task
    def quiet() -> None: ...

    with execution("tasks") as run:
        fit()
        quiet()
    read = load_execution(run.id, store)
    for name in ("loss", None):
        with pytest.raises(KeyError, match="no task 'nope' in execution"):
            read.metrics(name, task="nope")
    with pytest.raises(KeyError, match="no metric 'loss'"):
        read.metrics("loss", task="quiet")
    assert len(read.metrics(task="quiet")) == 0

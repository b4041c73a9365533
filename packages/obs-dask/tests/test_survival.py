"""Workers that die, come late or cannot write; tasks that are tried again: results stay, and the trace tells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask_steps import (
    double,
    fail_first,
    forget_obs_dask,
    hold,
    local_cluster,
    put_off_first,
    refuse_writing,
    span_then_die,
    worker_plugins,
)
from distributed import Client, LocalCluster

from obs_core import execution, load_execution, span
from obs_dask import observe

pytestmark = pytest.mark.slow


@pytest.fixture
def fragile() -> Iterator[LocalCluster]:
    """A cluster whose workers may be killed."""
    with local_cluster(1, threads_per_worker=1) as made:
        yield made


def test_a_task_that_dask_tries_again_shows_both_attempts(tmp_path: Path, client: Client) -> None:
    with observe(client), execution("night"):
        assert client.submit(fail_first, str(tmp_path / "tried"), retries=2).result() == "done"
    first, second = [one for one in load_execution().span.walk() if one.name == "fail_first"]
    assert (first.error, first.attributes["message"]) == ("ConnectionError", "ConnectionError: try again")
    assert "attempt" not in first.attributes
    assert (second.status, second.attributes["attempt"]) == ("succeeded", 2)
    assert first.attributes["key"] == second.attributes["key"]


def test_a_task_that_asks_to_run_later_has_not_failed(tmp_path: Path, client: Client) -> None:
    with observe(client), execution("night"):
        assert client.submit(put_off_first, str(tmp_path / "put off")).result() == "done"
    first, second = [one for one in load_execution().span.walk() if one.name == "put_off_first"]
    assert (first.status, first.error, second.status) == ("succeeded", None, "succeeded")
    assert second.attributes["attempt"] == 2


def test_a_killed_worker_leaves_its_open_task_and_the_next_worker_the_second_attempt(
    tmp_path: Path, fragile: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(fragile) as client, observe(client), execution("night"):
        before = client.submit(double, 21)
        before.result()
        mark = tmp_path / "died"
        again = client.submit(span_then_die, str(mark), 4.0, pure=False)
        assert again.result(timeout=60) == "survived"
    recorded = load_execution()
    assert recorded.status == "succeeded"
    first, second = [one for one in recorded.span.walk() if one.name == "span_then_die"]
    assert (first.status, second.status) == ("lost", "succeeded")
    assert second.attributes["attempt"] == 2
    assert [one.name for one in first.children] == ["before the end"]
    # Its last second at most is missing; on a busy machine some more.
    assert 1.0 < first.duration < float(mark.read_text()) + 0.1
    assert first.attributes["worker"] != second.attributes["worker"]
    gone = {worker.name: worker.status for worker in recorded.table.workers}
    assert gone[first.attributes["worker"]] == "gone"
    assert gone[second.attributes["worker"]] == "left"
    assert next(one.status for one in recorded.span.walk() if one.name == "double") == "succeeded"
    recorded.span.explain()
    assert "gone since +" in capsys.readouterr().out


def test_a_worker_that_joins_late_is_observed(fragile: LocalCluster) -> None:
    with Client(fragile) as client, observe(client), execution("night"):
        first = client.submit(hold, 0).result()
        fragile.scale(2)
        client.wait_for_workers(2, timeout=60)
        (late,) = set(client.scheduler_info()["workers"]) - {first}
        assert client.submit(hold, 1, workers=[late], pure=False).result() == late
    assert {one.attributes["worker"] for one in load_execution().span.children} == {first, late}


def test_a_store_that_workers_cannot_write_to_leaves_the_results_alone(tmp_path: Path, fragile: LocalCluster) -> None:
    store = tmp_path / "shared"
    with Client(fragile) as client, observe(client), execution("night", store=store):
        assert client.submit(double, 1).result() == 2
        client.run(refuse_writing)
        assert client.gather(client.map(double, range(100, 110))) == [2 * x for x in range(100, 110)]
    assert load_execution(store=store).status == "succeeded"


def test_a_cluster_without_obs_dask_runs_unobserved(fragile: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBS_STRICT", raising=False)
    with Client(fragile) as client:
        client.run(forget_obs_dask)
        with pytest.warns(UserWarning, match=r"obs cannot observe this Dask cluster .* obs-dask must be installed"):
            observing = observe(client)
        assert "obs" not in client.run_on_scheduler(worker_plugins)  # a worker to come could not load it, and would end
        with observing, execution("night"):
            assert client.submit(double, 3).result() == 6
    assert load_execution().status == "succeeded"


def test_a_scheduler_that_goes_away_leaves_the_trace_of_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBS_STRICT", raising=False)
    cluster = local_cluster(1)
    with execution("night"), span("cluster"), Client(cluster) as client:
        observe(client)
        assert client.submit(double, 8).result() == 16
        cluster.close()
    recorded = load_execution()
    assert recorded.status == "succeeded"
    assert [one.name for one in recorded.span.children[0].children] == ["double"]


SCRIPT = """
from distributed import Client, LocalCluster
from obs_core import execution, span, task
from obs_dask import observe

def half(x):
    with span("divide"):
        return x / 2

@task
def halves(client):
    return client.gather(client.map(half, [2, 4]))

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        with Client(cluster) as client, observe(client), execution("script"):
            print(halves(client))
"""


def test_functions_of_a_script_are_observed(tmp_path: Path, store: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    shown = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert (shown.stdout.strip(), shown.returncode) == ("[1.0, 2.0]", 0), shown.stderr
    (halves,) = load_execution(store=store).span.children
    assert [(one.name, [child.name for child in one.children]) for one in halves.children] == [("half", ["divide"])] * 2


def test_the_worker_processes_of_a_killed_pipeline_leave_what_they_recorded(tmp_path: Path, store: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("return x / 2", "import time; time.sleep(60)"))
    running = subprocess.Popen([sys.executable, script], stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        open_spans = _until_spans(store, "divide")
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert open_spans
    recorded = load_execution(store=store)
    assert recorded.status == "lost"
    assert "half" in [one.name for one in recorded.span.walk()]


def _until_spans(store: Path, name: str) -> bool:
    """Wait until a span of this name is recorded."""
    for _ in range(600):
        if (store / "executions").exists():
            recorded = load_execution(store=store)
            if any(one.name == name for one in recorded.span.walk()):
                return True
        time.sleep(0.1)
    return False

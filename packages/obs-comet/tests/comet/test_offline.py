"""Experiments of the real client, offline, read back from what it wrote."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comet_ml
import pytest

from obs_comet import comet_ml_init, comet_ml_login
from obs_core import ObsWarning, Secret, current_context, execution, load_execution, log_metric, log_params, task
from obs_core.testing import ImportContract, TrackerContract

from .archives import experiments_in

ACCOUNT: dict[str, Any] = {
    "project_name": "delays",
    "workspace": "flights",
    "secret": Secret(group="comet", key="API_KEY"),
    "timeout": 600,  # a busy machine may take more than a minute to start an experiment
}


def running() -> Any:
    """The experiment of the running task."""
    return comet_ml.get_running_experiment()


class TestPackage(ImportContract):
    package = "obs_comet"
    lazy = ("comet_ml", "requests")


class TestTracker(TrackerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, work: Path) -> None:
        self.work = work

    def tracker(self, **arguments: Any) -> Any:
        return comet_ml_init(**{**ACCOUNT, **arguments})

    def ended(self) -> list[tuple[str, bool]]:
        return [(one.key, one.crashed) for one in experiments_in(self.work)]


def test_a_task_s_experiment_knows_where_it_came_from(work: Path) -> None:
    @task
    @comet_ml_init(**ACCOUNT, tags=["night"])
    def train() -> None:
        experiment = running()
        experiment.log_metric("loss", 0.5)
        experiment.log_parameter("depth", 3)

    with execution("nightly") as run:
        train()
        url = current_context().execution_url
    (written,) = experiments_in(work)
    assert (written.project, written.workspace) == ("delays", "flights")
    assert written.metrics == {"loss": [0.5]}
    assert written.parameters["depth"] == 3
    assert written.others["Execution URL"] == url
    assert written.others["obs.execution_id"] == run.id
    assert (written.others["obs.task"], written.others["obs.attempt"]) == ("train", 1)
    assert written.others["obs.status"] == "succeeded"
    assert written.key.isalnum()
    assert 32 <= len(written.key) <= 50
    (link,) = load_execution(run.id).task("train").links
    assert link.name == "Comet experiment"
    assert f"comet upload {work}/{written.key}*.zip" in link.url


@pytest.mark.parametrize("made_by", ["start", "Experiment"])
def test_the_experiment_that_the_task_makes_is_the_prepared_one(work: Path, made_by: str) -> None:
    @task
    @comet_ml_login(**ACCOUNT)
    def train(fails: bool) -> None:
        experiment = getattr(comet_ml, made_by)()
        experiment.log_metric("accuracy", 0.95)
        if fails:
            raise ValueError("no better")

    before = dict(os.environ)
    with execution("nightly") as run:
        train(False)
        with pytest.raises(ValueError, match="no better"):
            train(True)
    assert dict(os.environ) == before
    written = experiments_in(work)
    assert [(one.project, one.workspace, one.crashed) for one in written] == [
        ("delays", "flights", False),
        ("delays", "flights", True),
    ]
    links = [tracked.links[0].url for tracked in load_execution(run.id).tasks]
    assert all(one.key in link for one, link in zip(written, links, strict=True))
    assert all(run.id in one.others["Execution URL"] for one in written)


def test_a_task_that_makes_no_experiment_has_nothing_to_end(work: Path) -> None:
    @task
    @comet_ml_login(**ACCOUNT)
    def train() -> int:
        return 5

    assert train() == 5
    assert experiments_in(work) == []


def test_tasks_in_threads_take_turns(work: Path) -> None:
    both = threading.Barrier(2)

    @task
    @comet_ml_init(**ACCOUNT)
    def train(number: int) -> None:
        for _ in range(3):
            running().log_metric("number", number)

    def run(number: int) -> None:
        both.wait(60)
        train(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(one.metrics["number"] for one in experiments_in(work)) == [[1, 1, 1], [2, 2, 2]]


def test_on_busy_skip_runs_untracked_beside_a_live_experiment(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    begun, go_on = threading.Event(), threading.Event()

    @task
    @comet_ml_init(**ACCOUNT)
    def long() -> None:
        begun.set()
        assert go_on.wait(120)

    @task
    @comet_ml_init(**ACCOUNT, on_busy="skip")
    def short() -> int:
        return 7

    thread = threading.Thread(target=long)
    thread.start()
    assert begun.wait(120)
    with pytest.warns(ObsWarning, match=r"task 'short' runs untracked.*task 'long' has it"):
        assert short() == 7
    go_on.set()
    thread.join(120)
    assert [(one.others["obs.task"], one.crashed) for one in experiments_in(work)] == [("long", False)]


def test_waiting_that_would_never_end_is_not_begun(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    @task
    @comet_ml_init(**ACCOUNT)
    def inner() -> int:
        return 7

    @task
    @comet_ml_init(**ACCOUNT)
    def outer() -> int:
        running().log_metric("before", 1)
        value = inner()
        running().log_metric("after", 1)
        return value

    with pytest.warns(ObsWarning, match="task 'inner' runs untracked.*waiting would never end"):
        assert outer() == 7
    (written,) = experiments_in(work)
    assert set(written.metrics) == {"before", "after"}


def test_tasks_of_one_event_loop_do_not_block_it(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    @task
    @comet_ml_init(**ACCOUNT)
    async def train(begun: asyncio.Event, go_on: asyncio.Event) -> int:
        begun.set()
        await go_on.wait()
        return 7

    async def both() -> list[int]:
        first, second, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(train(first, go_on)), asyncio.create_task(train(second, go_on))]
        await first.wait()
        await second.wait()
        go_on.set()
        return await asyncio.gather(*tasks)

    with pytest.warns(ObsWarning, match="task 'train' runs untracked"):
        assert asyncio.run(both()) == [7, 7]
    assert [one.crashed for one in experiments_in(work)] == [False]


def test_an_experiment_of_the_user_s_is_not_ended(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    own = comet_ml.start(workspace="flights", project_name="by-hand")

    @task
    @comet_ml_init(**ACCOUNT)
    def train() -> int:
        return 7

    with pytest.warns(ObsWarning, match="another experiment is live"):
        assert train() == 7
    assert own.alive
    assert not own.ended
    own.end()
    assert [one.project for one in experiments_in(work)] == ["by-hand"]


def test_forked_and_spawned_processes_have_their_own(work: Path) -> None:
    source = """
import multiprocessing, sys
import comet_ml
from obs_comet import comet_ml_init
from obs_core import task

@task
@comet_ml_init(project_name="delays", workspace="flights", secret=lambda: "")
def train(number):
    comet_ml.get_running_experiment().log_metric("number", number)

@task
@comet_ml_init(project_name="delays", workspace="flights", secret=lambda: "")
def parent(method):
    child = multiprocessing.get_context(method).Process(target=train, args=(1,))
    child.start()
    child.join()
    assert child.exitcode == 0
    comet_ml.get_running_experiment().log_metric("number", 0)

if __name__ == "__main__":
    parent(sys.argv[1])
"""
    script = work / "script.py"
    script.write_text(source)
    for method in ("fork", "spawn"):
        subprocess.run([sys.executable, "-W", "ignore", str(script), method], check=True, capture_output=True)
    written = experiments_in(work)
    assert sorted(one.metrics["number"][0] for one in written) == [0, 0, 1, 1]
    assert not any(one.crashed for one in written)


def test_a_library_that_came_before_comet_ml_is_named(tmp_path: Path, work: Path) -> None:
    (work / "torch.py").write_text("")
    source = """
import torch
from obs_comet import comet_ml_init
from obs_core import load_execution, task

@task
@comet_ml_init(project_name="delays", workspace="flights", secret=lambda: "")
def train():
    pass

train()
print(load_execution("last").task("train").notes)
"""
    command, environment = [sys.executable, "-c", source], {**os.environ, "PYTHONPATH": "."}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert "does not log torch automatically: import comet_ml first" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("asked_for", [False, True])
def test_errors_are_sent_to_a_third_party_only_if_that_is_asked_for(
    asked_for: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMET_ERROR_TRACKING_ENABLE")
    if asked_for:
        monkeypatch.setenv("COMET_ERROR_TRACKING_ENABLE", "true")
    source = """
import logging
import comet_ml.error_tracking
comet_ml.error_tracking.setup_sentry_error_tracker()  # as half of its imports do, at random
from obs_comet import comet_ml_init
from obs_core import task

def senders():
    return [one for one in logging.getLogger("comet_ml").handlers if type(one).__module__.startswith("sentry")]

@task
@comet_ml_init(project_name="delays", workspace="flights", secret=lambda: "")
def train():
    print("senders", len(senders()))

print("before", len(senders()))
train()
"""
    done = subprocess.run([sys.executable, "-c", source], check=True, capture_output=True, text=True)
    senders = dict(line.split() for line in done.stdout.splitlines() if line.startswith(("before", "senders")))
    assert int(senders["before"]) > 0
    assert senders["senders"] == (senders["before"] if asked_for else "0")


@pytest.mark.parametrize("missing", ["project_name", "workspace", "secret"])
def test_what_is_missing_is_said_when_the_function_is_decorated(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_START_ONLINE", "1")
    for decorator in (comet_ml_init, comet_ml_login):
        with pytest.raises(ValueError, match=f"{missing} must be set"):
            decorator(**{**ACCOUNT, missing: None})


def test_a_key_that_comet_would_refuse_is_refused_when_decorated() -> None:
    with pytest.raises(ValueError, match="32 to 50 letters and digits, not 'mine'"):
        comet_ml_init(**ACCOUNT, experiment_key="mine")
    with pytest.raises(ValueError, match="on_busy is 'wait' or 'skip'"):
        comet_ml_init(**{**ACCOUNT, "on_busy": "never"})


@pytest.mark.parametrize("decorator", [comet_ml_init, comet_ml_login])
def test_metrics_go_both_ways_each_once(
    work: Path, decorator: Callable[..., Callable[[Callable[[], None]], Callable[[], None]]]
) -> None:
    @task
    @decorator(**ACCOUNT)
    def train() -> None:
        experiment = comet_ml.start() if decorator is comet_ml_login else running()
        experiment.log_metric("loss", 0.5, step=3)
        experiment.log_metrics({"accuracy": 0.75}, prefix="val", step=4)
        experiment.log_parameter("depth", 3)
        log_metric("ours", 1.5, step=9)
        log_metric("kept to ourselves", 2.5, mirror=False)
        log_params(lr=0.001)

    with execution("nightly") as run:
        train()
    (written,) = experiments_in(work)
    assert written.metrics == {"loss": [0.5], "val_accuracy": [0.75], "ours": [1.5]}
    assert (written.parameters["depth"], written.parameters["lr"]) == (3, 0.001)
    recorded = load_execution(run.id)
    values = {one.name: (list(one.step), list(one.value)) for one in recorded.metrics()}
    assert values == {
        "loss": ([3], [0.5]),
        "val_accuracy": ([4], [0.75]),
        "ours": ([9], [1.5]),
        "kept to ourselves": ([0], [2.5]),
    }
    assert recorded.params() == {"depth": 3, "lr": 0.001}


def test_metrics_stay_where_they_are_logged_if_that_is_wanted(work: Path) -> None:
    @task
    @comet_ml_init(**ACCOUNT, mirror=False)
    def train() -> None:
        running().log_metric("loss", 0.5)
        log_metric("ours", 1.5)

    with execution("nightly") as run:
        train()
    (written,) = experiments_in(work)
    assert written.metrics == {"loss": [0.5]}
    assert load_execution(run.id).metrics().names == ["ours"]

"""Runs of the real client, offline, read back from what it wrote."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from obs_core import (
    Secret,
    current_context,
    execution,
    load_execution,
    log_metric,
    log_metrics,
    log_params,
    span,
    task,
)
from obs_core.testing import ImportContract, TrackerContract
from obs_wandb import wandb_init
from obs_wandb.tracking import valid_name

from .transaction_log import runs_in

ACCOUNT: dict[str, Any] = {
    "project": "delays",
    "entity": "flights",
    "secret": Secret(group="wandb", key="API_KEY"),
    "timeout": 600,  # a busy machine may take more than a minute to start a run
}


class TestPackage(ImportContract):
    package = "obs_wandb"
    lazy = ("wandb", "pydantic", "requests")


class TestTracker(TrackerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, work: Path) -> None:
        self.work = work

    def tracker(self, **arguments: Any) -> Any:
        return wandb_init(**{**ACCOUNT, **arguments})

    def ended(self) -> list[tuple[str, bool]]:
        return [(run.id, run.exit_code == 1) for run in runs_in(self.work)]


def test_a_task_s_run_knows_where_it_came_from(work: Path) -> None:
    @task
    @wandb_init(**ACCOUNT, config={"depth": 3}, notes="by hand", tags=["night"])
    def train() -> None:
        wandb.log({"loss": 0.5})
        wandb.log({"loss": 0.25})
        wandb.config.update({"rows": 7})

    with execution("nightly") as run:
        train()
        url = current_context().execution_url
    (written,) = runs_in(work)
    recorded = load_execution(run.id)
    assert written.logged("loss") == [0.5, 0.25]
    assert (written.project, written.entity, written.name) == ("delays", "flights", "train")
    assert written.notes == f"[Execution URL]({url})\nby hand"
    assert written.config["depth"] == 3
    assert written.config["obs"] == {
        "execution_id": run.id,
        "execution_url": url,
        "task": "train",
        "attempt": 1,
        "git_commit": recorded.view.git_commit,
    }
    assert written.exit_code == 0
    (link,) = recorded.task("train").links
    assert link.name == "W&B run"
    assert link.url.startswith("offline; to send it, type: wandb sync ")
    assert Path(link.url.rpartition(" ")[2]).is_dir()


@pytest.mark.parametrize(
    "error", [ValueError("too deep"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()]
)
def test_a_task_that_does_not_end_well_has_exit_code_1_and_its_own_exception(work: Path, error: BaseException) -> None:
    @task
    @wandb_init(**ACCOUNT)
    def train() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        train()
    assert caught.value is error
    assert [run.exit_code for run in runs_in(work)] == [1]


def test_a_generator_that_its_consumer_leaves_has_exit_code_0(work: Path) -> None:
    @task
    @wandb_init(**ACCOUNT)
    def epochs() -> Iterator[int]:
        for epoch in range(10):
            wandb.log({"epoch": epoch})
            yield epoch

    training = epochs()
    assert [next(training), next(training)] == [0, 1]
    training.close()  # type: ignore[attr-defined]
    (run,) = runs_in(work)
    assert (run.logged("epoch"), run.exit_code) == ([0, 1], 0)


def test_tasks_side_by_side_in_threads_never_mix_their_metrics(work: Path) -> None:
    together = threading.Barrier(3)

    @task
    @wandb_init(**ACCOUNT)
    def train(number: int) -> None:
        together.wait(120)
        for _ in range(3):
            wandb.log({"number": number})
        together.wait(120)

    with execution("nightly"):
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(train, number)) for number in range(3)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert sorted(run.logged("number") for run in runs_in(work)) == [[0] * 3, [1] * 3, [2] * 3]


def test_coroutines_side_by_side_never_mix_their_metrics(work: Path) -> None:
    @task
    @wandb_init(**ACCOUNT)
    async def train(number: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            wandb.log({"number": number})
            assert wandb.run is not None

    async def main() -> None:
        await asyncio.gather(*(train(number) for number in range(3)))

    with execution("nightly"):
        asyncio.run(main())
    assert sorted(run.logged("number") for run in runs_in(work)) == [[0] * 3, [1] * 3, [2] * 3]


def test_only_the_decorator_s_own_run_is_finished(work: Path) -> None:
    mine = wandb.init(project="mine", dir=str(work))

    @task
    @wandb_init(**ACCOUNT)
    def train() -> None:
        wandb.log({"loss": 1})

    train()
    assert wandb.run is mine
    mine.log({"still": "open"})
    mine.finish()
    deadline = time.monotonic() + 60
    by_project = {run.project: run for run in runs_in(work)}
    while len(by_project) < 2 and time.monotonic() < deadline:  # the client's own process writes them
        time.sleep(0.1)
        by_project = {run.project: run for run in runs_in(work)}
    assert by_project["delays"].logged("loss") == [1]
    assert by_project["mine"].logged("still") == ["open"]


def test_two_calls_are_two_runs_and_a_retry_goes_on_with_its_own(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(number: int, fails: bool = False) -> None:
        wandb.log({"number": number})
        if fails:
            raise ValueError("again")

    def attempt(number: int) -> Any:
        return task(attempt=number)(wandb_init(**ACCOUNT)(train))

    with execution("nightly"):
        attempt(1)(1)
        with pytest.raises(ValueError, match="again"):
            attempt(1)(2, fails=True)
        attempt(2)(3)
    ids: dict[str, list[int]] = {}
    for run in runs_in(work):
        ids.setdefault(run.id, []).extend(run.logged("number"))
    assert sorted(ids.values()) == [[1], [2, 3]]


def test_a_retry_may_have_a_run_of_its_own_or_one_in_the_first_one_s_group(work: Path) -> None:
    for how in ("new", "group"):

        def attempt(number: int, how: Any = how) -> Any:
            @wandb_init(**ACCOUNT, on_retry=how)
            def train(fails: bool) -> None:
                if fails:
                    raise ValueError("again")

            return task(attempt=number, name=how)(train)

        with execution("nightly"):
            with pytest.raises(ValueError, match="again"):
                attempt(1)(True)
            attempt(2)(False)
    runs = runs_in(work)
    assert len({run.id for run in runs}) == 4
    groups = [run.group for run in runs if run.group]
    assert len(groups) == 2
    assert groups[0] == groups[1]
    assert groups[0] in {run.id for run in runs}


def test_it_works_on_a_plain_function_and_as_a_with_block(work: Path) -> None:
    @wandb_init(**ACCOUNT)
    def plain() -> None:
        wandb.log({"x": 1})

    with execution("nightly"):
        plain()
        with wandb_init(**ACCOUNT, name="block") as run:
            run.log({"x": 2})
    assert sorted(run.logged("x") for run in runs_in(work)) == [[1], [2]]


def test_spans_and_the_report_can_be_sent_along(work: Path) -> None:
    @task
    @wandb_init(**ACCOUNT, log_spans=True, log_decks=True)
    def train() -> None:
        with span("read"):
            current_context().default_deck.append("<p>a deck of the task</p>")

    train()
    (run,) = runs_in(work)
    assert run.logged("obs/spans.nrows") == [1]
    assert run.logged("obs/report._type") == ["html-file"]
    (page,) = work.glob("wandb/offline-run-*/files/media/html/obs/*.html")
    assert "train" in page.read_text()


def test_a_disabled_run_costs_nothing_and_needs_no_secret(work: Path) -> None:
    @task
    @wandb_init(**ACCOUNT, mode="disabled")
    def train() -> int:
        wandb.log({"x": 1})
        return 5

    assert train() == 5
    assert runs_in(work) == []


@pytest.mark.parametrize("missing", ["project", "entity", "secret"])
def test_what_is_missing_is_said_when_the_function_is_decorated(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(ValueError, match=f"{missing} must be set"):
        wandb_init(**{**ACCOUNT, missing: None})


def test_arguments_may_be_given_by_position() -> None:
    made = wandb_init("delays", "flights", None, "run-7", "https://wandb.example.com", mode="offline")
    assert (made._project, made._entity, made._id, made._host) == (
        "delays",
        "flights",
        "run-7",
        "https://wandb.example.com",
    )


def test_names_are_valid_whatever_the_task_is_called() -> None:
    assert valid_name("train/β:model?") == "train-β-model"
    assert valid_name("<lambda>") == "lambda"
    assert valid_name("///") == "task"
    assert len(valid_name("x" * 500)) == 128


def test_metrics_go_both_ways_each_once(work: Path) -> None:
    @task
    def inner() -> None:
        log_metric("inner", 3.0)

    @task
    @wandb_init(**ACCOUNT, config={"depth": 3})
    def train() -> None:
        wandb.log({"loss": 0.5, "nested": {"accuracy": 0.75}, "table": wandb.Table(columns=["a"], data=[[1]])})
        wandb.log({"loss": 0.25}, step=7)
        log_metric("ours", 1.5, step=9)
        log_metric("kept to ourselves", 2.5, mirror=False)
        log_metrics({"together": 1, "again": 2}, step=10)
        log_params(lr=0.001)
        inner()

    with execution("nightly") as run:
        train()
    (written,) = runs_in(work)
    assert written.logged("loss") == [0.5, 0.25]
    assert written.logged("ours") == [1.5]
    assert written.logged("kept to ourselves") == []
    assert (written.logged("together"), written.logged("again")) == ([1], [2])
    assert written.logged("inner") == [3.0]
    assert (written.config["depth"], written.config["lr"]) == (3, 0.001)
    recorded = load_execution(run.id)
    loss = recorded.metrics("loss", task="train")
    assert (list(loss.step), list(loss.value)) == ([0, 7], [0.5, 0.25])
    values = {name: list(recorded.metrics(name).value) for name in recorded.metrics().names}
    assert values == {
        "loss": [0.5, 0.25],
        "nested.accuracy": [0.75],
        "ours": [1.5],
        "kept to ourselves": [2.5],
        "together": [1.0],
        "again": [2.0],
        "inner": [3.0],
    }
    assert recorded.params() == {"depth": 3, "lr": 0.001}


def test_metrics_stay_where_they_are_logged_if_that_is_wanted(work: Path) -> None:
    @task
    @wandb_init(**ACCOUNT, mirror=False)
    def train() -> None:
        wandb.log({"loss": 0.5})
        log_metric("ours", 1.5)

    with execution("nightly") as run:
        train()
    (written,) = runs_in(work)
    assert (written.logged("loss"), written.logged("ours")) == ([0.5], [])
    assert load_execution(run.id).metrics().names == ["ours"]


def test_an_unmirrored_run_of_the_user_s_own_is_left_alone(work: Path) -> None:
    @task
    @wandb_init(**ACCOUNT)
    def train() -> None:
        wandb.log({"loss": 0.5})

    with execution("nightly") as run:
        train()
        with wandb.init(project="own", mode="offline", dir=work) as own:
            own.log({"other": 1.0})
    assert load_execution(run.id).metrics().names == ["loss"]

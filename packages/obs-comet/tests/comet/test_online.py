"""The real client against a server on loopback that answers, refuses, hangs or fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from obs_comet import comet_ml_init
from obs_core import load_execution, task
from obs_core.testing import Behaviour

from .server import Comet

KEY = "0123456789abcdef0123456789abcdef"

SCRIPT = """
import os, sys, warnings
warnings.simplefilter("always")
from obs_comet import {decorator}
from obs_core import Secret, load_execution, task

@task
@{decorator}(project_name="delays", workspace="flights", secret=Secret(group="comet", key="API_KEY"),
             host=sys.argv[1], timeout=float(sys.argv[2]))
def train():
    import comet_ml
    experiment = {experiment}
    if experiment is not None:
        experiment.log_metric("loss", 0.5)
    if {fails}:
        raise ValueError(f"with {{os.environ['OBS_SECRET_COMET_API_KEY']}} in its text")
    return 7

print("result", train())
"""


def run(
    url: str, *, timeout: float = 600, fails: bool = False, decorator: str = "comet_ml_init", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a tracked task in a process of its own: what hangs in the client does not reach the next test."""
    experiment = "comet_ml.start()" if decorator == "comet_ml_login" else "comet_ml.get_running_experiment()"
    source = SCRIPT.format(fails=fails, decorator=decorator, experiment=experiment)
    variables = {name: value for name, value in os.environ.items() if name != "COMET_START_ONLINE"}
    variables |= {"OBS_STRICT": "0", "OBS_SECRET_COMET_API_KEY": KEY, **environment}
    command = [sys.executable, "-c", source, url, str(timeout)]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("decorator", ["comet_ml_init", "comet_ml_login"])
def test_the_experiment_is_sent_with_its_origin_and_linked_to(decorator: str, work: Path) -> None:
    with Comet.serving("answers") as server:
        done = run(server.url, decorator=decorator)
        assert "result 7" in done.stdout, done.stderr
    (begun,) = {body["experimentKey"] for body in server.sent_to("logger/add/run")}
    (first, *_) = server.sent_to("logger/add/run")
    assert (first["projectName"], first["teamName"], first["apiKey"]) == ("delays", "flights", KEY)
    others = {body["key"]: body["value"] for body in server.sent_to("write/experiment/log-other")}
    recorded = load_execution("last")
    assert recorded.id in others["Execution URL"]
    assert (others["obs.execution_id"], others["obs.status"]) == (recorded.id, "succeeded")
    (link,) = recorded.task("train").links
    assert link.name == "Comet experiment"
    assert link.url.startswith(f"{server.url}/flights/delays/")
    assert begun.isalnum()
    assert not list((work.parent / "home").glob(".comet*")), "the client wrote into the user's home"


@pytest.mark.slow
def test_a_task_that_fails_is_sent_as_crashed() -> None:
    with Comet.serving("answers") as server:
        done = run(server.url, fails=True)
    assert "ValueError" in done.stderr
    states = server.sent_to("write/experiment/update-status")
    assert [state["hasCrashed"] for state in states] == [True]
    assert "Task 'train' failed" in states[0]["error"]


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["refuses", "hangs", "fails"])
def test_a_server_that_does_not_serve_delays_the_task_by_the_timeout_at_most(behaviour: Behaviour) -> None:
    with Comet.serving(behaviour) as server:
        done = run(server.url, timeout=4)
        assert not server.released.is_set(), "the task ended while the server still let it wait"
    assert "result 7" in done.stdout
    assert "runs untracked: the Comet experiment could not be started" in done.stderr
    (recorded,) = load_execution("last").tasks
    assert recorded.status == "succeeded"
    assert any("runs untracked" in note for note in recorded.notes)


def test_without_a_secret_the_task_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    account: dict[str, Any] = {"project_name": "delays", "workspace": "flights"}

    @task
    @comet_ml_init(**account, secret=_missing, online=True)
    def train() -> None:
        raise AssertionError("it began")

    with pytest.raises(LookupError, match="no key here"):
        train()
    assert load_execution("last").task("train").status == "failed"


def _missing() -> str:
    raise LookupError("no key here")


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["answers", "refuses"])
def test_no_key_is_in_a_report_a_journal_a_log_or_a_traceback(behaviour: Behaviour, work: Path) -> None:
    with Comet.serving(behaviour) as server:
        done = run(server.url, fails=True)
    assert any(KEY in request.body for request in server.requests), "the client did not use the key"
    written = [path.read_bytes() for path in work.parent.rglob("*") if path.is_file()]
    assert written
    assert not any(KEY.encode() in content for content in written)
    assert KEY not in load_execution("last").report()
    assert "ValueError" in done.stderr
    client_said = done.stdout + done.stderr.replace(f"ValueError: with {KEY} in its text", "")
    assert KEY not in client_said

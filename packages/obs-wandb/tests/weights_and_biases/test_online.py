"""The real client against a server on loopback that answers, refuses, hangs or fails."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import wandb

from obs_core import ObsWarning, Secret, load_execution, task
from obs_core.testing import Behaviour
from obs_wandb import wandb_init

from .server import Wandb

KEY = "0123456789abcdef0123456789abcdef01234567"
ACCOUNT: dict[str, Any] = {"project": "delays", "entity": "flights", "secret": Secret(group="wandb", key="API_KEY")}


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Online, and not strict: what fails leaves a warning, as for users."""
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("OBS_SECRET_WANDB_API_KEY", KEY)
    monkeypatch.setenv("OBS_STRICT", "0")


def train_at(url: str, fails: bool = False, timeout: float = 600, **arguments: Any) -> Any:
    # A busy machine may take more than a minute to start a run.
    @task
    @wandb_init(**ACCOUNT, api_host=url, timeout=timeout, **arguments)
    def train() -> int:
        if wandb.run is not None:
            wandb.log({"loss": 0.5})
        if fails:
            raise ValueError(f"with {KEY} in its text")
        return 7

    return train


@pytest.mark.slow
def test_the_run_is_sent_with_its_origin_and_linked_to(work: Path) -> None:
    with Wandb.serving("answers") as server:
        assert train_at(server.url, notes="by hand")() == 7
        recorded = load_execution("last")
        (begun, *_) = server.operations("UpsertBucket")
        assert begun["project"] == "delays"
        assert begun["entity"] == "flights"
        assert "[Execution URL]" in begun["notes"]
        assert f'"execution_id":"{recorded.id}"' in str(begun["config"]).replace(" ", "").replace("'", '"')
        (link,) = recorded.task("train").links
        assert link.url.endswith(f"/flights/delays/runs/{begun['name']}")
        expected = base64.b64encode(f"api:{KEY}".encode()).decode()
        assert any(expected in authorization for _, authorization, _ in server.requests)
    assert not Path.home().joinpath(".netrc").exists()
    assert not (work.parent / "home" / "netrc").exists()


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["refuses", "hangs", "fails"])
def test_a_server_that_does_not_serve_delays_the_task_by_the_timeout_at_most(behaviour: Behaviour) -> None:
    with Wandb.serving(behaviour) as server:
        with pytest.warns(ObsWarning, match="runs untracked: the W&B run could not be started"):
            assert train_at(server.url, timeout=4)() == 7
        assert not server.released.is_set(), "the task ended while the server still let it wait"
    (recorded,) = load_execution("last").tasks
    assert recorded.status == "succeeded"
    assert any("runs untracked" in note for note in recorded.notes)


def test_without_a_server_the_task_s_exception_is_its_own() -> None:
    with pytest.warns(ObsWarning, match="runs untracked"), pytest.raises(ValueError, match="in its text"):
        train_at("http://127.0.0.1:9", fails=True, timeout=3)()


def test_without_a_secret_the_task_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBS_SECRET_WANDB_API_KEY")
    with pytest.raises(LookupError, match="OBS_SECRET_WANDB_API_KEY"):
        train_at("http://127.0.0.1:9")()
    assert load_execution("last").task("train").status == "failed"


def test_without_a_secret_that_is_not_required_the_task_runs_untracked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBS_SECRET_WANDB_API_KEY")
    with pytest.warns(ObsWarning, match="runs untracked: there is no key for W&B") as warned:
        assert train_at("http://127.0.0.1:9", required=False)() == 7
    assert len([one for one in warned if issubclass(one.category, ObsWarning)]) == 1


def test_a_key_that_wandb_has_by_itself_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBS_SECRET_WANDB_API_KEY")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert wandb_init(**ACCOUNT).has_credentials()


def test_no_key_is_in_a_report_a_journal_a_log_or_a_traceback(
    work: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    refused = Wandb.serving("refuses")
    with refused as server, pytest.warns(ObsWarning) as warned, pytest.raises(ValueError, match="text"):
        train_at(server.url, fails=True, timeout=10)()
    recorded = load_execution("last")
    written = [path.read_bytes() for path in work.parent.joinpath("store").rglob("*") if path.is_file()]
    written += [path.read_bytes() for path in work.rglob("*") if path.is_file()]
    assert written
    assert not any(KEY.encode() in content for content in written)
    assert KEY not in recorded.report()
    printed = capfd.readouterr()
    assert KEY not in printed.out + printed.err + caplog.text
    assert not any(KEY in str(one.message) for one in warned)

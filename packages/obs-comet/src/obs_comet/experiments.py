"""Experiments of comet_ml: started, prepared for the task to start, and ended with their true end state."""

from __future__ import annotations

import contextlib
import inspect
import os
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from obs_comet.client import QUIET, load, mask_logs
from obs_core.trackers import Origin, TrackerError, exported

if TYPE_CHECKING:
    from comet_ml import CometExperiment

__all__ = ["Account", "archive_of", "end", "live", "prepared", "start", "tell_origin"]

_starting = threading.Lock()


class Account(NamedTuple):
    """Where an experiment belongs.

    Attributes:
        project: The project's name.
        workspace: The workspace.
        key: The experiment's key.
        api_key: The API key; None offline, or where the client has its own.
        clientlib: The address that the client talks to; empty for its own.
        online: Whether it talks to Comet.
    """

    project: str
    workspace: str
    key: str
    api_key: str | None
    clientlib: str
    online: bool

    def variables(self) -> dict[str, str | None]:
        """Return the environment variables by which the client knows all this."""
        return {
            "COMET_API_KEY": self.api_key or None,
            "COMET_EXPERIMENT_KEY": self.key,
            "COMET_PROJECT_NAME": self.project,
            "COMET_START_ONLINE": str(int(self.online)),
            "COMET_URL_OVERRIDE": self.clientlib or None,
            "COMET_WORKSPACE": self.workspace,
        }


def start(account: Account, arguments: Mapping[str, Any]) -> CometExperiment:
    """Start an experiment.

    Args:
        account: Where it belongs.
        arguments: For `comet_ml.start` and `comet_ml.ExperimentConfig`.

    Raises:
        TrackerError: Another one is live, or the client could not reach Comet.
    """
    comet_ml = load()
    of_config = inspect.signature(comet_ml.ExperimentConfig).parameters
    config = {name: value for name, value in arguments.items() if name in of_config}
    others = {name: value for name, value in arguments.items() if name not in of_config}
    others.setdefault("experiment_config", comet_ml.ExperimentConfig(**{**dict.fromkeys(QUIET, False), **config}))
    others.setdefault("mode", "get_or_create")
    with _starting, exported(account.variables()):
        if live() is not None:
            raise TrackerError("another experiment is live in this process, and Comet would end it for a second one")
        experiment: CometExperiment = comet_ml.start(**{**others, "online": account.online})
        mask_logs()  # of modules that were loaded meanwhile
    if not experiment.alive and not experiment.disabled:
        experiment.end()
        raise TrackerError("the client could not reach Comet")
    return experiment


@contextlib.contextmanager
def prepared(account: Account, settings: Mapping[str, str]) -> Iterator[None]:
    """Let the experiment that ``comet_ml.start()`` or ``comet_ml.Experiment()`` makes here be that of an account.

    Args:
        account: Where it belongs.
        settings: More environment variables for the client.
    """
    comet_ml = load()
    quiet = {name: os.environ.get(name, "0") for name in (f"COMET_AUTO_{option.upper()}" for option in QUIET)}
    online = comet_ml.Experiment
    if not account.online:
        comet_ml.Experiment = _offline_class(comet_ml.OfflineExperiment)
    try:
        with exported({**quiet, **settings, **account.variables()}):
            yield
    finally:
        comet_ml.Experiment = online


def _offline_class(base: type) -> type:
    class Experiment(base):  # type: ignore[misc]
        """What ``comet_ml.Experiment()`` makes offline."""

        def __init__(self, *_api_key: str | None, **arguments: Any) -> None:
            arguments.pop("api_key", None)
            super().__init__(**arguments)

    return Experiment


def live() -> CometExperiment | None:
    """Return the experiment that is live in this process."""
    found: CometExperiment | None = load().get_global_experiment()
    return found if found is not None and not found.ended and found.alive else None


def tell_origin(experiment: CometExperiment, origin: Origin) -> None:
    """Write into an experiment which execution it comes from."""
    facts = {f"obs.{name}": value for name, value in origin.facts().items()}
    experiment.log_others({"Execution URL": origin.execution_url, **facts})


def end(experiment: CometExperiment, task: str, *, failed: bool) -> None:
    """End an experiment with the end state of its task, unless the task has already ended it."""
    if experiment.ended:
        return
    experiment.log_other("obs.status", "failed" if failed else "succeeded")
    if failed:
        # The client does the same when the process ends by an exception; it has no public way.
        experiment._report_experiment_error(f"Task {task!r} failed: see the Execution URL.", has_crashed=True)
    experiment.end()


def archive_of(directory: str | None, key: str) -> str:
    """Return how an offline experiment is sent."""
    return f"offline; to send it, type: comet upload {os.path.join(directory or '.cometml-runs', key)}*.zip"

"""The decorators."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from obs_comet.client import NO
from obs_comet.exclusive import claim, release
from obs_core import Origin, Secret, TaskCall, Tracker
from obs_core.trackers import Mirror, OnRetry

if TYPE_CHECKING:
    from comet_ml import CometExperiment

    from obs_comet.experiments import Account

__all__ = ["comet_ml_init", "comet_ml_login"]

_COMET = "https://www.comet.com"


class _Comet(Tracker):
    """What both decorators share: the account, the experiment's key, and one experiment at a time in a process."""

    service = "Comet"
    link_name = "Comet experiment"

    def __init__(
        self,
        project_name: str | None = None,
        workspace: str | None = None,
        secret: Secret | Callable[[], str] | None = None,
        experiment_key: str | None = None,
        host: str = _COMET,
        *,
        required: bool = True,
        on_retry: OnRetry = "resume",
        on_busy: Literal["wait", "skip"] = "wait",
        timeout: float = 60.0,
        mirror: bool = True,
        **login_kwargs: Any,
    ) -> None:
        for name, value in (("project_name", project_name), ("workspace", workspace)):
            if not value:
                raise ValueError(f"{name} must be set")
        if experiment_key is not None and not (experiment_key.isalnum() and 32 <= len(experiment_key) <= 50):
            raise ValueError(f"experiment_key must have 32 to 50 letters and digits, not {experiment_key!r}")
        if on_busy not in ("wait", "skip"):
            raise ValueError(f"on_busy is 'wait' or 'skip', not {on_busy!r}")
        self._project, self._workspace = str(project_name), str(workspace)
        self._experiment_key, self._host, self._waits = experiment_key, host.rstrip("/"), on_busy == "wait"
        self._mirrors = mirror
        self._kwargs = login_kwargs
        super().__init__(secret, required=required, on_retry=on_retry, timeout=timeout)

    def is_online(self) -> bool:
        """Tell whether the experiment will talk to Comet."""
        if self._kwargs.get("disabled"):
            return False
        online = self._kwargs.get("online")
        return online if online is not None else os.environ.get("COMET_START_ONLINE", "1").lower() not in NO

    def has_credentials(self) -> bool:
        """Tell whether comet_ml has its own key: from its environment variable or its configuration."""
        from obs_comet.client import load

        return bool(os.environ.get("COMET_API_KEY") or load().get_config("comet.api_key"))

    def around(self, call: TaskCall) -> Iterator[Any]:
        """Run the task in its experiment, once no other is live in this process."""
        context = call.context
        try:
            if reason := claim(context, wait=self._waits):
                self._untracked(call, reason)
                yield None
            else:
                yield from super().around(call)
        finally:
            release(context)

    def mirror(self, call: TaskCall, experiment: Any) -> Mirror | None:
        """Let metrics go both ways."""
        if not self._mirrors:
            return None
        from obs_comet.mirroring import ExperimentMirror

        return ExperimentMirror(call, lambda: self._live(experiment))

    def _live(self, experiment: Any) -> Any:
        """Return the client's experiment, None while there is none."""
        return experiment

    def _account(self, call: TaskCall, origin: Origin, key: str | None) -> Account:
        from obs_comet.client import came_too_late
        from obs_comet.experiments import Account

        if late := came_too_late():
            call.note(f"comet_ml does not log {', '.join(late)} automatically: import comet_ml first")
        made = hashlib.sha256("\0".join((origin.key, self._workspace, self._project)).encode()).hexdigest()[:32]
        clientlib = "" if self._host == _COMET else f"{self._host}/clientlib/"
        experiment_key = self._experiment_key or made
        return Account(self._project, self._workspace, experiment_key, key, clientlib, self.is_online())

    def _page(self, key: str) -> str:
        return f"{self._host}/{self._workspace}/{self._project}/{key}"


class comet_ml_init(_Comet):
    """Run a task inside a Comet experiment that links back to the execution.

    It is started before the task begins and ended with the task's true end state; inside the task,
    ``comet_ml.get_running_experiment()`` returns it. Its key comes from execution and task, so that a retry goes on
    with it. comet_ml allows one live experiment in a process, so tasks that overlap take turns.

    Args:
        project_name: The Comet project.
        workspace: The Comet workspace.
        secret: Where the API key is, or what gives it. It is used only when the experiment goes online.
        experiment_key: The experiment's key (32 to 50 letters and digits), instead of the one that is made.
        host: Where Comet is.
        required: Whether a task without any key is refused; otherwise it runs untracked with a warning.
        on_retry: ``"resume"``, ``"new"``, or ``"group"`` (an experiment of its own, tagged with the first one's key).
        on_busy: While another task's experiment is live: ``"wait"`` for its end, or ``"skip"``: run untracked.
        timeout: Seconds that starting, and again ending, may take.
        mirror: Whether metrics and parameters go both ways, each once: what the experiment is told is recorded in the
            task too, and `obs_core.log_metric` and `obs_core.log_params` reach the experiment.
        **login_kwargs: For `comet_ml.start` and `comet_ml.ExperimentConfig`: ``online``, ``tags``, ``log_code`` and so
            on. What looks at the machine, the code or git is off unless it is asked for.

    Raises:
        ValueError: The project, workspace or secret is missing, or a value is not valid.

    Examples:
        >>> import comet_ml
        >>> @task
        ... @comet_ml_init(project_name="delays", workspace="flights", secret=Secret(group="comet", key="API_KEY"))
        ... def train() -> None:
        ...     comet_ml.get_running_experiment().log_metric("loss", 0.1)
    """

    def begin(self, call: TaskCall, origin: Origin, key: str | None) -> CometExperiment:
        """Start the experiment."""
        from obs_comet.experiments import start, tell_origin

        experiment = start(self._account(call, origin, key), {"name": call.name, **self._kwargs})
        tell_origin(experiment, origin)
        if origin.group:
            experiment.add_tag(origin.group)
        return experiment

    def address(self, experiment: CometExperiment) -> str:
        """Return the experiment's page; offline, what to type to send it."""
        from obs_comet.experiments import archive_of

        if self.is_online():
            return experiment.url or self._page(experiment.get_key())
        return archive_of(getattr(experiment, "offline_directory", None), experiment.get_key())

    def finish(self, call: TaskCall, experiment: CometExperiment, *, failed: bool) -> None:
        """End the experiment with the task's end state."""
        from obs_comet.experiments import end

        end(experiment, call.name, failed=failed)


class _Prepared(NamedTuple):
    """An experiment that the task itself will make."""

    account: Any
    origin: Origin


class comet_ml_login(_Comet):
    """Prepare the Comet experiment that a task creates, as in Flyte.

    ``comet_ml.start()`` and ``comet_ml.Experiment()`` in the task make that experiment: key, project, workspace and API
    key are set while the task runs, and nothing is written into the user's home. It is linked in both directions and
    ended with the task's true end state, unless the task ends it.

    Args:
        project_name: The Comet project.
        workspace: The Comet workspace.
        secret: Where the API key is, or what gives it. It is used only when the experiment goes online.
        experiment_key: The experiment's key (32 to 50 letters and digits), instead of the one that is made.
        host: Where Comet is.
        required: Whether a task without any key is refused; otherwise it runs untracked with a warning.
        on_retry: ``"resume"``, ``"new"``, or ``"group"``.
        on_busy: While another task's experiment is live: ``"wait"`` for its end, or ``"skip"``: run untracked.
        timeout: Seconds that preparing, and again ending, may take.
        mirror: Whether metrics and parameters go both ways, each once: what the experiment is told is recorded in the
            task too, and `obs_core.log_metric` and `obs_core.log_params` reach the experiment.
        **login_kwargs: ``online=False`` works offline; the others are settings of comet_ml, as `comet_ml.login` has
            them: ``offline_directory`` is set as ``COMET_OFFLINE_DIRECTORY`` while the task runs.

    Raises:
        ValueError: The project, workspace or secret is missing, or a value is not valid.

    Examples:
        >>> import comet_ml
        >>> @task
        ... @comet_ml_login(project_name="delays", workspace="flights", secret=Secret(group="comet", key="API_KEY"))
        ... def train() -> None:
        ...     comet_ml.start().log_metric("loss", 0.1)
    """

    def begin(self, call: TaskCall, origin: Origin, key: str | None) -> _Prepared:
        """Find out which experiment the task will make."""
        return _Prepared(self._account(call, origin, key), origin)

    def active(self, experiment: _Prepared) -> AbstractContextManager[None]:
        """Let what the task starts be its experiment."""
        from obs_comet.experiments import prepared

        settings = {f"COMET_{name.upper()}": str(value) for name, value in self._kwargs.items() if name != "online"}
        return prepared(experiment.account, settings)

    def address(self, experiment: _Prepared) -> str:
        """Return the experiment's page; offline, what to type to send it."""
        from obs_comet.experiments import archive_of

        account = experiment.account
        if account.online:
            return self._page(account.key)
        directory = self._kwargs.get("offline_directory") or os.environ.get("COMET_OFFLINE_DIRECTORY")
        return archive_of(directory, account.key)

    def _live(self, experiment: _Prepared) -> Any:
        from obs_comet.experiments import live

        made = live()
        return made if made is not None and made.get_key() == experiment.account.key else None

    def finish(self, call: TaskCall, experiment: _Prepared, *, failed: bool) -> None:
        """End the experiment, if the task made it and has not ended it."""
        from obs_comet.experiments import end, live, tell_origin

        made = live()
        if made is None or made.get_key() != experiment.account.key:
            return
        tell_origin(made, experiment.origin)
        end(made, call.name, failed=failed)


_comet_ml_login_class = comet_ml_login
"""The name by which flytekit's plugin has it."""

"""The decorator."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from obs_core import Origin, Secret, TaskCall, Tracker
from obs_core.interruptions import let_pass
from obs_core.trackers import Mirror, OnRetry

if TYPE_CHECKING:
    from wandb import Run

__all__ = ["wandb_init"]

_OFFLINE = frozenset({"offline", "dryrun", "disabled"})
_LONGEST_NAME = 128


class wandb_init(Tracker):
    """Run a task inside a W&B run that links back to the execution.

    Inside the task ``wandb.log(...)`` and ``wandb.run`` mean this run, also when several tasks run side by side in
    threads or asyncio. Its id comes from execution and task, so that a retry goes on with it. It is finished with exit
    code 0 when the task succeeds and 1 when it does not; only this run is.

    Args:
        project: The W&B project.
        entity: The W&B user or team.
        secret: Where the API key is, or what gives it. It is used only when the run goes online.
        id: The run's id, instead of the one made of execution and task.
        host: The web page's address, ``"https://wandb.ai"``; None takes the run's own.
        api_host: The API's address; None takes what the installed client or its settings say.
        required: Whether a task without any key is refused; otherwise it runs untracked with a warning.
        on_retry: ``"resume"``, ``"new"``, or ``"group"`` (a run of its own, in the group of the first attempt's).
        timeout: Seconds that starting, and again ending, may take.
        log_spans: Send the times of the task's operations as a table.
        log_decks: Send the task's report as HTML.
        mirror: Whether metrics go both ways, each once: what the run is told is recorded in the task too, and
            `obs_core.log_metric` and `obs_core.log_params` reach the run.
        **init_kwargs: For `wandb.init`: ``config``, ``tags``, ``mode``, ``notes`` and so on.

    Raises:
        ValueError: The project, entity or secret is missing.

    Examples:
        >>> import wandb
        >>> @task
        ... @wandb_init(project="delays", entity="flights", secret=Secret(group="wandb", key="WANDB_API_KEY"))
        ... def train() -> None:
        ...     wandb.log({"loss": 0.1})
    """

    service = "W&B"
    link_name = "W&B run"

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        secret: Secret | Callable[[], str] | None = None,
        id: str | None = None,
        host: str | None = None,
        api_host: str | None = None,
        *,
        required: bool = True,
        on_retry: OnRetry = "resume",
        timeout: float = 60.0,
        log_spans: bool = False,
        log_decks: bool = False,
        mirror: bool = True,
        **init_kwargs: Any,
    ) -> None:
        for name, value in (("project", project), ("entity", entity)):
            if not value:
                raise ValueError(f"{name} must be set")
        self._project, self._entity = project, entity
        self._id, self._host, self._api_host = id, host, api_host
        self._log_spans, self._log_decks = log_spans, log_decks
        self._mirrors = mirror
        self._init_kwargs = init_kwargs
        super().__init__(secret, required=required, on_retry=on_retry, timeout=timeout)

    def is_online(self) -> bool:
        """Return whether the run will talk to W&B."""
        mode = self._init_kwargs.get("mode") or os.environ.get("WANDB_MODE") or "online"
        return mode not in _OFFLINE

    def has_credentials(self) -> bool:
        """Return whether wandb has its own key: from its environment variable or a login."""
        return bool(os.environ.get("WANDB_API_KEY")) or _has_login()

    def begin(self, call: TaskCall, origin: Origin, key: str | None) -> Run:
        """Start the run."""
        from obs_wandb.runs import start

        return start(self._arguments(call, origin), key, self._api_host, self._timeout)

    def active(self, experiment: Run) -> Any:
        """Let wandb's module-level functions mean this run while the task runs."""
        from obs_wandb.runs import current

        return current(experiment)

    def mirror(self, call: TaskCall, experiment: Run) -> Mirror | None:
        """Let metrics go both ways."""
        if not self._mirrors:
            return None
        from obs_wandb.mirroring import RunMirror, record_config

        record_config(call, self._init_kwargs.get("config"))
        return RunMirror(call, experiment)

    def address(self, experiment: Run) -> str:
        """Return the run's page; offline, what to type to send it."""
        if not experiment.url:
            return f"offline; to send it, type: wandb sync {experiment.settings.sync_dir}"
        if self._host:
            return f"{self._host.rstrip('/')}/{self._entity}/{self._project}/runs/{experiment.id}"
        return experiment.url

    def finish(self, call: TaskCall, experiment: Run, *, failed: bool) -> None:
        """End the run with exit code 0 or 1."""
        from obs_wandb import extras

        try:
            if self._log_spans:
                extras.log_spans(call, experiment)
            if self._log_decks:
                extras.log_decks(call, experiment)
        finally:
            experiment.finish(exit_code=int(failed))

    def _arguments(self, call: TaskCall, origin: Origin) -> dict[str, Any]:
        """Return what `wandb.init` is called with: the user's arguments, and where the run comes from."""
        given = dict(self._init_kwargs)
        config = given.pop("config", None) or {}
        notes = given.pop("notes", None)
        address = f"[Execution URL]({origin.execution_url})"
        if origin.group:
            given.setdefault("group", origin.group)
        given.setdefault("name", valid_name(call.name))
        return {
            **given,
            "project": self._project,
            "entity": self._entity,
            "id": self._id or origin.key,
            "resume": "allow",
            "reinit": "create_new",
            "config": {**config, "obs": origin.facts()},
            "notes": f"{address}\n{notes}" if notes else address,
        }


def valid_name(text: str) -> str:
    """Return a name that W&B takes, whatever the task is called."""
    return re.sub(r"[^\w .,()+=@-]+", "-", text).strip("- ")[:_LONGEST_NAME] or "task"


def _has_login() -> bool:
    """Tell whether somebody has logged in on this machine; nothing is asked and nothing is sent."""
    import wandb

    try:
        return bool(wandb.api.api_key)
    except Exception as error:
        let_pass(error)
        return False

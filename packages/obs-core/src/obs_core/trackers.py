"""Experiment trackers: run a task inside an experiment of W&B, Comet, or another service.

What they share is here: whose secret, which experiment (a retry goes on with its own), links in both directions, the
true end state, and bounded waits. A tracker adds how its client is started and ended.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from msgspec import Struct

from obs_core.failsafe import ObsError, guarded, strict, warn
from obs_core.interruptions import let_pass
from obs_core.recording.exit_status import ended_well
from obs_core.recording.metrics import mirroring, record_metrics, record_params
from obs_core.recording.run import Mirror
from obs_core.secrets import Secret, SecretNotFoundError, as_secret, mask
from obs_core.store.content import digest_of
from obs_core.tasks.decorators import TaskCall, TaskDecorator
from obs_core.text.bounded_repr import describe_error

if TYPE_CHECKING:
    from obs_core.model import TaskView

__all__ = [
    "Mirror",
    "OnRetry",
    "Origin",
    "Tracker",
    "TrackerError",
    "exported",
    "handing_on",
    "is_handed_on",
    "record_metrics",
    "record_params",
    "within",
]

T = TypeVar("T")

OnRetry = Literal["resume", "new", "group"]
"""What a second attempt of a task does: go on with the first one's experiment, make its own, or its own in a group."""


class TrackerError(ObsError):
    """An experiment could not be started."""


class Origin(Struct, frozen=True):
    """Where an experiment comes from: the call of a task, and the key that the call and its retries share.

    Attributes:
        key: 32 hexadecimal digits: the same for the same execution and task, and for each retry that resumes.
        group: The key of the first attempt, when attempts are grouped; empty otherwise.
        resumes: Whether an earlier attempt began the experiment.
        task: The task's name.
        attempt: Which attempt this is.
        execution_id: The execution.
        execution_url: Its address.
        git_commit: The commit that is checked out; empty outside of a repository.
    """

    key: str
    group: str
    resumes: bool
    task: str
    attempt: int
    execution_id: str
    execution_url: str
    git_commit: str

    def facts(self) -> dict[str, Any]:
        """Return what an experiment should know about where it came from."""
        return {
            "execution_id": self.execution_id,
            "execution_url": self.execution_url,
            "task": self.task,
            "attempt": self.attempt,
            "git_commit": self.git_commit,
        }


class Tracker(TaskDecorator):
    """Base of decorators that run a task inside an experiment of a tracking service.

    A subclass says what the service is called and writes `is_online`, `begin`, `address` and `finish`. Whatever its
    client does, the task's result and exception stay what they are; it waits for the client no longer than `timeout`.

    Args:
        secret: Where the API key is, or what gives it; a secret of Flyte is taken too. None for an experiment that
            talks to no service, which `is_online` tells: a subclass sets what that looks at before.
        required: Whether a task without any key is refused; otherwise it runs untracked, with a warning.
        on_retry: What a second attempt does.
        timeout: Seconds that starting, and again ending, may take.

    Raises:
        ValueError: The secret is missing, or a value is not one of those named.
        TypeError: The secret is neither a `Secret` nor callable.

    Attributes:
        service: The service's name, as messages have it: ``"W&B"``.
        link_name: What the link of the task is called: ``"W&B run"``.
    """

    service: str
    link_name: str

    def __init__(
        self,
        secret: Secret | Callable[[], str] | None,
        *,
        required: bool = True,
        on_retry: OnRetry = "resume",
        timeout: float = 60.0,
    ) -> None:
        secret = as_secret(secret)
        _check(secret, on_retry, timeout)
        if secret is None and self.is_online():
            raise ValueError("secret must be set")
        self._secret = secret
        self._required = required
        self._on_retry = on_retry
        self._timeout = timeout

    def is_online(self) -> bool:
        """Return whether the experiment will talk to its service; only then is a key needed."""
        raise NotImplementedError(f"{type(self).__name__} must define is_online()")

    def has_credentials(self) -> bool:
        """Return whether the client has its own key, for when the secret is not found."""
        return False

    def begin(self, call: TaskCall, origin: Origin, key: str | None) -> Any:
        """Start the experiment.

        Args:
            call: The task.
            origin: Which call the experiment is for, and under which key.
            key: The API key; None offline, or when the client has its own.

        Returns:
            The experiment.
        """
        raise NotImplementedError(f"{type(self).__name__} must define begin(call, origin, key)")

    def address(self, experiment: Any) -> str:
        """Return where the experiment is.

        Args:
            experiment: What `begin` returned.

        Returns:
            Its URL; offline, the command that uploads it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define address(experiment)")

    def finish(self, call: TaskCall, experiment: Any, *, failed: bool) -> None:
        """End the experiment with its true end state.

        Args:
            call: The task's call.
            experiment: What `begin` returned.
            failed: Whether the task raised.
        """
        raise NotImplementedError(f"{type(self).__name__} must define finish(call, experiment, failed)")

    def active(self, experiment: Any) -> Any:
        """Return a context manager in which the task runs; by default one that does nothing.

        Args:
            experiment: What `begin` returned.
        """
        return contextlib.nullcontext(experiment)

    def mirror(self, call: TaskCall, experiment: Any) -> Mirror | None:  # noqa: ARG002
        """Return a mirror that passes what the task logs with `log_metric` on to the experiment; none by default.

        It is also the place to let what the experiment's client is told be recorded in the task (`record_metrics`).

        Args:
            call: The task's call.
            experiment: What `begin` returned.
        """
        return None

    def around(self, call: TaskCall) -> Iterator[Any]:
        """Start the experiment, run the task, end the experiment with its true end state.

        A timeout of the task's own may strike at any line: what was begun by then is ended.
        """
        begun: list[Any] = []
        failed = True
        try:
            try:
                self._begin(call, begun)
                with self._running(call, begun):
                    yield begun[0] if begun else None
                failed = False
            except (SystemExit, GeneratorExit) as error:
                failed = not ended_well(error)
                raise
            finally:
                self._finish(call, begun, failed=failed)
        finally:  # the timeout may have struck in there
            self._finish(call, begun, failed=failed)

    @contextlib.contextmanager
    def _running(self, call: TaskCall, begun: list[Any]) -> Iterator[None]:
        """Be in the experiment, if there is one."""
        with contextlib.ExitStack() as stack:
            for experiment in begun:
                stack.enter_context(self.active(experiment))
                stack.enter_context(self._mirroring(call, experiment))
            yield

    def _mirroring(self, call: TaskCall, experiment: Any) -> contextlib.AbstractContextManager[None]:
        made: Mirror | None = None
        with guarded(f"mirroring metrics to the {self.link_name}", call.note):
            made = self.mirror(call, experiment)
        return contextlib.nullcontext() if made is None else mirroring(call.context.state, made)

    def _begin(self, call: TaskCall, begun: list[Any]) -> None:
        """Start the experiment and link to it.

        Args:
            call: The task's call.
            begun: Gets the experiment as soon as there is one; none if the task runs untracked.
        """
        wanted, key = self._key(call)
        if not wanted:
            return
        origin = origin_of(call, self.service, self._on_retry)
        try:
            within(
                self._timeout,
                lambda: self.begin(call, origin, key),
                f"starting the {self.link_name}",
                in_time=begun.append,
                too_late=lambda late: self.finish(call, late, failed=True),
            )
        except Exception as error:
            let_pass(error)
            self._untracked(call, f"the {self.link_name} could not be started: {describe_error(error)}")
            return
        with guarded(f"linking to the {self.link_name}", call.note):
            call.link(self.link_name, self.address(begun[0]))

    def _key(self, call: TaskCall) -> tuple[bool, str | None]:
        """Tell whether to track, and with which key."""
        if not self.is_online():
            return True, None
        try:
            if self._secret is None:
                raise ValueError("secret must be set")
            key = self._secret.resolve() if isinstance(self._secret, Secret) else str(self._secret())
        except Exception as error:
            let_pass(error)
            if self.has_credentials():
                return True, None
            if self._required:
                call.reject(error)
            reason = "no secret" if isinstance(error, SecretNotFoundError) else describe_error(error)
            self._untracked(call, f"there is no key for {self.service} ({reason}), and required=False")
            return False, None
        mask_from_now_on(key)
        return True, key

    def _finish(self, call: TaskCall, begun: list[Any], *, failed: bool) -> None:
        """End the experiment, if there is one that nobody ended."""

        def finish() -> None:
            try:
                experiment = begun.pop()
            except IndexError:  # another thread of a moment ago ends it
                return
            self.finish(call, experiment, failed=failed)

        if not begun:
            return
        try:
            within(self._timeout, finish, f"ending the {self.link_name}")
        except Exception as error:
            let_pass(error)
            message = mask(f"the {self.link_name} did not end properly: {describe_error(error)}")
            call.note(message)
            if strict() and not isinstance(error, TimeoutError):
                raise
            warn(message)

    def _untracked(self, call: TaskCall, reason: str) -> None:
        message = mask(f"task {call.name!r} runs untracked: {reason}")
        call.note(message)
        warn(message)


def origin_of(call: TaskCall, service: str, on_retry: OnRetry) -> Origin:
    """Find out which experiment a call belongs to, and keep that for its retries.

    Each first attempt has a key of its own, made of execution and task; a later attempt of the same task in the same
    execution takes the key of the earliest one that was not taken up yet.

    Args:
        call: The call.
        service: The service's name.
        on_retry: What a second attempt does.
    """
    from obs_core import provenance

    context = call.context
    own = digest_of("\0".join((context.execution_id, context.state.global_ref(), service)).encode())
    first = _first_attempt(call, service) if context.attempt > 1 else None
    resumes = first is not None and on_retry == "resume"
    origin = Origin(
        key=first if first is not None and resumes else own,
        group=(first or own) if on_retry == "group" else "",
        resumes=resumes,
        task=context.task_name,
        attempt=context.attempt,
        execution_id=context.execution_id,
        execution_url=context.execution_url,
        git_commit=provenance.git_commit(os.getcwd()),
    )
    context.keep(f"{service} experiment", {"key": origin.key, "first": first or own})
    return origin


def _first_attempt(call: TaskCall, service: str) -> str | None:
    """Return the key of the earliest attempt before this one that no later attempt goes on with."""
    from obs_core.reading.execution import Execution

    context = call.context
    context.state.journal.flush(wait=True)
    execution = Execution(context.state.run.store, context.execution_id)
    kept = [
        (task, execution.artifact_of(task, f"{service} experiment"))
        for task in execution.tasks
        if task.name == context.task_name and task.id != context.state.global_ref()
    ]
    taken = {value["first"] for task, value in kept if value and task.attempt >= context.attempt}
    begun = [value["first"] for task, value in kept if value and _may_be_retried(task, context.attempt)]
    return next((first for first in begun if first not in taken), None)


def _may_be_retried(task: TaskView, attempt: int) -> bool:
    return task.attempt < attempt and task.status != "succeeded"


@contextlib.contextmanager
def handing_on() -> Iterator[None]:
    """Mark calls of a client as obs's own, so that hooks of the client record none of them."""
    before = _handing_on.get()
    try:
        _handing_on.set(True)
        yield
    finally:
        _handing_on.set(before)


def is_handed_on() -> bool:
    """Return whether a call of a client comes from `handing_on`."""
    return _handing_on.get()


_handing_on: contextvars.ContextVar[bool] = contextvars.ContextVar("obs_core.handing_on", default=False)


def mask_from_now_on(key: str) -> None:
    """Mask a key in all that obs writes from now on, wherever it came from."""
    from obs_core.text.masking import register_secret_value

    register_secret_value(key)


@contextlib.contextmanager
def exported(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables for a while, since a client's login may write the key into the user's home.

    Args:
        variables: Their values; one that is None stays as it is.
    """
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: value for name, value in variables.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def within(
    seconds: float,
    work: Callable[[], T],
    doing: str,
    *,
    in_time: Callable[[T], None] | None = None,
    too_late: Callable[[T], None] | None = None,
) -> T:
    """Do work in a thread that can be left behind: some clients hang for minutes.

    Exactly one of `in_time` and `too_late` is called with a result, in that thread, wherever a timeout of the caller's
    own ends the waiting: what the work made is never without an owner.

    Args:
        seconds: How long to wait.
        work: What to do.
        doing: What that is, as it reads before "took longer than".
        in_time: What to do with a result that is waited for, before it is returned.
        too_late: What to do with a result that nobody waited for.

    Raises:
        TimeoutError: It took longer.
        Exception: Whatever the work raised.
    """
    outcome: list[tuple[T | None, BaseException | None]] = []
    waited_for, done = [True], threading.Event()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            outcome.append((None, error))
        else:
            in_the_end = in_time if _taken(waited_for) else too_late
            if in_the_end is not None:
                with contextlib.suppress(Exception):  # nobody is left to be told
                    in_the_end(result)
            outcome.append((result, None))
        done.set()

    context = contextvars.copy_context()
    # Not one of obs's own (`obs_core.background`): the client may start threads and a process of its own, which get the
    # mask of signals that they would have without obs.
    thread = threading.Thread(target=context.run, args=(run,), name="obs-tracker", daemon=True)
    answered = False
    try:
        thread.start()
        answered = done.wait(seconds)
    finally:
        # In vain; or a timeout of the task's own ends the waiting. A result that comes just now is the caller's still.
        if not answered and not _taken(waited_for):
            answered = done.wait()
    if not answered:
        raise TimeoutError(f"{doing} took longer than {seconds:g} s")
    result, error = outcome[0]
    if error is not None:
        outcome.clear()
        try:
            raise error
        finally:
            del error  # as in `let_pass`
    return result  # type: ignore[return-value]


def _taken(token: list[bool]) -> bool:
    """Take what only one of two threads can take; tell whether it was this one."""
    try:
        return token.pop()
    except IndexError:
        return False


def _check(secret: Any, on_retry: str, timeout: float) -> None:
    if secret is not None and not isinstance(secret, Secret) and not callable(secret):
        raise TypeError(f"secret is a Secret or a callable that gives the key, not {type(secret).__name__}")
    if on_retry not in ("resume", "new", "group"):
        raise ValueError(f"on_retry is 'resume', 'new' or 'group', not {on_retry!r}")
    if timeout <= 0:
        raise ValueError(f"timeout is a positive number of seconds, not {timeout!r}")

"""Timeouts of RQ, Celery and pytest, by their own clients: they are the task's, also while obs draws a value."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import load_execution
from obs_core.reading import Execution

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="their timeouts are signals"),
]

JOBS = """
import time

from obs_core import task

class Slow:
    def __init__(self, pauses):
        self.pauses = pauses

    def __repr__(self):
        for _ in range(self.pauses):
            time.sleep(0.05)
        return "slow"

@task
def fit(value):
    return "fitted"

@task
def wait():
    time.sleep(60)
"""

FOR_EVER = 1200
"""Pauses of a repr that goes on for a minute."""


@pytest.fixture
def run(tmp_path: Path, folder: Path) -> Callable[..., str]:
    """Run a script beside the module `jobs`; returns what it printed."""
    (tmp_path / "jobs.py").write_text(JOBS)

    def run_script(source: str, *, limit: str) -> str:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        environment = {**os.environ, "OBS_RENDER_TIMEOUT": limit, "OBS_STRICT": "0", "PYTHONPATH": _path_with(tmp_path)}
        ended = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=240
        )
        assert ended.returncode == 0, ended.stderr[-4_000:]
        return ended.stdout

    return run_script


def _path_with(folder: Path) -> str:
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))


def assert_recorded_as_failed(recorded: Execution, name: str, error: str) -> None:
    assert recorded.task(name).status == "failed"
    assert (recorded.task(name).error or "").startswith(error)


# ---- RQ: an exception that the handler of SIGALRM raises


RQ = """
    from fakeredis import FakeStrictRedis
    from rq import Queue, SimpleWorker

    import jobs

    connection = FakeStrictRedis()
    queue = Queue(connection=connection)
    job = queue.enqueue(jobs.{name}, {arguments}job_timeout={timeout}, description="{name}")
    SimpleWorker([queue], connection=connection).work(burst=True, logging_level="ERROR")
    result = job.latest_result()
    print(result.type.name, (result.exc_string or "").strip().splitlines()[-1:], result.return_value)
"""


@pytest.mark.parametrize(
    ("name", "arguments"), [("fit", f"jobs.Slow({FOR_EVER}), "), ("wait", "")], ids=["in a repr", "in the task"]
)
def test_a_job_of_rq_ends_when_its_time_is_over(
    run: Callable[..., str], folder: Path, name: str, arguments: str
) -> None:
    pytest.importorskip("rq")
    pytest.importorskip("fakeredis")
    printed = run(RQ.format(name=name, arguments=arguments, timeout=2), limit="30")
    assert printed.startswith("FAILED ['rq.timeouts.JobTimeoutException: Task exceeded maximum timeout value"), printed
    assert_recorded_as_failed(load_execution("last", folder), name, "JobTimeoutException")


def test_a_job_of_rq_goes_on_when_only_a_value_takes_too_long(run: Callable[..., str], folder: Path) -> None:
    pytest.importorskip("rq")
    pytest.importorskip("fakeredis")
    printed = run(RQ.format(name="fit", arguments=f"jobs.Slow({FOR_EVER}), ", timeout=60), limit="0.5")
    assert printed == "SUCCESSFUL [] fitted\n"
    assert load_execution("last", folder).task("fit").status == "succeeded"


# ---- Celery: an exception that the handler of SIGUSR1 raises in a child of the pool


CELERY = """
    import multiprocessing, os, subprocess, sys, time
    from celery import Celery
    from celery.exceptions import SoftTimeLimitExceeded

    here = os.getcwd()
    for name in ("in", "out", "results"):
        os.makedirs(name, exist_ok=True)
    app = Celery("script", broker="filesystem://", backend=f"file://{{here}}/results")
    app.conf.update(
        broker_transport_options={{"data_folder_in": f"{{here}}/in", "data_folder_out": f"{{here}}/in",
                                   "processed_folder": f"{{here}}/out"}},
        worker_hijack_root_logger=False, task_serializer="json", broker_connection_retry_on_startup=True,
    )

    import jobs

    @app.task(soft_time_limit={timeout}, time_limit=120)
    def run():
        return jobs.{name}({arguments})

    if __name__ == "__main__" and len(sys.argv) == 1:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "script", "worker", "-P", "prefork", "-c", "1", "-l", "ERROR",
             "--without-gossip", "--without-mingle", "--without-heartbeat"],
            stdout=2,
        )
        try:
            result = run.delay()
            try:
                print("SUCCESS", result.get(timeout=120, interval=0.1))
            except SoftTimeLimitExceeded as error:
                print("FAILURE", type(error).__name__)
        finally:
            worker.terminate()
            worker.wait(60)
"""


@pytest.mark.parametrize(
    ("name", "arguments"), [("fit", f"jobs.Slow({FOR_EVER})"), ("wait", "")], ids=["in a repr", "in the task"]
)
def test_a_task_of_celery_ends_at_its_soft_limit(
    run: Callable[..., str], folder: Path, name: str, arguments: str
) -> None:
    pytest.importorskip("celery")
    printed = run(CELERY.format(name=name, arguments=arguments, timeout=2), limit="30")
    assert printed == "FAILURE SoftTimeLimitExceeded\n"
    assert_recorded_as_failed(_with_task(folder, name), name, "SoftTimeLimitExceeded")


def test_a_task_of_celery_goes_on_when_only_a_value_takes_too_long(run: Callable[..., str], folder: Path) -> None:
    pytest.importorskip("celery")
    printed = run(CELERY.format(name="fit", arguments=f"jobs.Slow({FOR_EVER})", timeout=60), limit="0.5")
    assert printed == "SUCCESS fitted\n"
    assert _with_task(folder, "fit").task("fit").status == "succeeded"


def _with_task(folder: Path, name: str) -> Execution:
    executions = (load_execution(path.name, folder) for path in (folder / "executions").iterdir())
    return next(one for one in executions if any(task.name == name for task in one.tasks))


# ---- pytest-timeout: an exception that the handler of SIGALRM raises


PYTEST = """
    import pytest

    import jobs

    def test_fit():
        result = jobs.{name}({arguments})
        assert result == "fitted"

    if __name__ == "__main__":
        print(pytest.main(["-q", "-p", "no:cacheprovider", "--timeout", "{timeout}", "--timeout-method", "signal",
                           "--tb", "line", "-o", "addopts=", __file__]))
"""


@pytest.mark.parametrize(
    ("name", "arguments"), [("fit", f"jobs.Slow({FOR_EVER})"), ("wait", "")], ids=["in a repr", "in the task"]
)
def test_a_test_ends_at_pytests_timeout(run: Callable[..., str], folder: Path, name: str, arguments: str) -> None:
    pytest.importorskip("pytest_timeout")
    printed = run(PYTEST.format(name=name, arguments=arguments, timeout=2), limit="30")
    assert "Failed: Timeout (>2" in printed
    assert "1 failed" in printed
    assert_recorded_as_failed(load_execution("last", folder), name, "Failed: Timeout")


def test_a_test_goes_on_when_only_a_value_takes_too_long(run: Callable[..., str]) -> None:
    pytest.importorskip("pytest_timeout")
    assert "1 passed" in run(PYTEST.format(name="fit", arguments=f"jobs.Slow({FOR_EVER})", timeout=60), limit="0.5")

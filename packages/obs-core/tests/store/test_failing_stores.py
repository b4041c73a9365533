"""Stores that cannot be written: the pipeline goes on."""

from __future__ import annotations

import itertools
import os
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_core import ObsWarning, execution, list_executions, span, task
from obs_core.store import open_store
from obs_core.testing import RecordingStore


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behave as in production."""
    monkeypatch.setenv("OBS_STRICT", "0")


@task(enable_deck=False)
def add(a: int, b: int) -> int:
    with span("add"):
        return a + b


@pytest.mark.skipif(os.name != "posix" or not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_costs_one_warning_and_a_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from obs_core.store.folder import FolderStore

    class FullDisk(FolderStore):
        """A folder whose journal lies on a device that is really full."""

        def _full(self, path: str, leaf: bool = True) -> str:
            return "/dev/full" if path.endswith(".jsonl") else super()._full(path, leaf)

        def put(self, path: str, content: bytes) -> None:
            with open("/dev/full", "wb", buffering=0) as file:
                file.write(content)

    from obs_core.journal import writer
    from obs_core.store import using

    with warnings.catch_warnings(record=True) as caught, using(FullDisk(str(tmp_path))):
        warnings.simplefilter("always")
        with execution("night"):
            assert [add(number, 1) for number in range(5)] == [1, 2, 3, 4, 5]
    assert [str(warning.message) for warning in caught if warning.category is ObsWarning] == [
        f"cannot write to the store {str(tmp_path)!r}: [Errno 28] No space left on device;"
        " the pipeline goes on, obs tries again"
    ]
    assert capsys.readouterr().err == "", "it may yet be written"
    writer._give_up_all()  # the process ends
    # the execution's beginning, end and surroundings (a record and a file), and for each task its beginning, its span,
    # its output and its end
    assert "obs: 24 records of execution" in capsys.readouterr().err


def test_a_store_that_recovers_gets_everything_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocker = tmp_path / "store"
    blocker.write_text("a file where the folder should be")
    with pytest.warns(ObsWarning, match="cannot write"), execution("night", store=blocker) as run:
        add(1, 2)
        blocker.unlink()
        add(3, 4)
    from obs_core import load_execution

    recorded = load_execution(run.id, blocker)
    assert [found.name for found in recorded.tasks] == ["night", "add", "add"]
    assert recorded.tasks[0].notes[0].endswith("What waited was written afterwards.")
    assert len(recorded.table.ids) == 5
    assert "lost" not in capsys.readouterr().err


@pytest.mark.parametrize("url", ["nosuchprotocol://bucket/x", "/dev/null/store"])
def test_a_store_that_can_never_be_written_leaves_the_result_alone(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from obs_core.journal import writer

    with pytest.warns(ObsWarning, match="cannot write to the store"), execution("night", store=url):
        assert add(1, 2) == 3
    writer._give_up_all()  # the process ends
    assert "records of execution" in capsys.readouterr().err


def test_in_strict_mode_a_store_that_cannot_be_written_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from obs_core import ObsError

    monkeypatch.setenv("OBS_STRICT", "1")
    with pytest.raises(ObsError, match="nosuchprotocol"), execution("night", store="nosuchprotocol://bucket"):
        pass
    add(1, 2)  # nobody is within what could not begin
    assert [found.name for found in list_executions()] == ["add"]


def test_an_s3_store_that_nobody_answers_for_leaves_the_result_alone(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    pytest.importorskip("s3fs")
    result = run_script(
        """
from obs_core import span, task

@task
def add(a, b):
    with span("add"):
        return a + b

print(add(1, 2))
""",
        env={
            "OBS_STORE": "s3://bucket/obs",
            "OBS_STRICT": "0",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
    )
    assert result.stdout == "3\n"
    assert result.stderr.count("ObsWarning: cannot write to the store") == 1
    assert "records of execution" in result.stderr
    assert "are lost" in result.stderr


def test_what_is_lost_does_not_pile_up_in_memory(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from obs_core.journal import writer

    monkeypatch.setattr(writer, "_PENDING_LIMIT", 10_000)

    def refuse(path: str, content: bytes) -> None:
        raise OSError("no space")

    monkeypatch.setattr(store, "put", refuse)
    with pytest.warns(ObsWarning, match="no space"), execution("night") as run:
        for _ in range(2_000):
            with span("some operation"):
                pass
        journal = run._run.journal  # type: ignore[union-attr]
        journal.flush()
        for _ in range(2_000):
            with span("some operation"):
                pass
        journal.flush()
        assert journal._pending() < 200_000
        assert 2_000 <= journal.lost < 4_000, "the first ones wait for the store"


@pytest.fixture(scope="module")
def s3_bucket() -> Iterator[str]:
    """A bucket of a real S3 server on loopback."""
    server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    import boto3

    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="team")
        yield "s3://team"
    running.stop()


@pytest.fixture
def s3_url(s3_bucket: str, tmp_path: Path) -> str:
    """A store of its own in the bucket."""
    return f"{s3_bucket}/{tmp_path.name}"


def test_an_s3_store_holds_what_was_recorded(s3_url: str) -> None:
    from obs_core import load_execution

    @task
    def produce(x: int) -> list[int]:
        return list(range(x))

    with execution("night", store=s3_url) as run:
        produce(1500)
    recorded = load_execution(run.id, s3_url)
    assert recorded.status == "succeeded"
    assert recorded.output("produce") == list(range(1500))
    assert len(recorded.report_paths()) == 1
    assert open_store(s3_url).names("executions") == [run.id]


@pytest.mark.posix
def test_a_child_process_writes_to_the_same_s3_store(
    s3_url: str, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    run_script(
        """
import multiprocessing
from obs_core import span, task

def part(number):
    with span(f"part {number}"):
        pass

@task
def fan_out():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(part, range(4))
        pool.close()
        pool.join()

fan_out()
""",
        env={"OBS_STORE": s3_url},
    )
    from obs_core import load_execution

    (fan_out,) = load_execution("last", s3_url).span.children
    assert sorted(child.name for child in fan_out.children) == ["part 0", "part 1", "part 2", "part 3"]


def test_a_child_that_is_forked_while_the_store_is_opened_writes_to_it(
    s3_url: str, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    run_script(
        """
import multiprocessing
import fsspec.asyn
from obs_core import span, task

def part():
    with span("part"):
        pass

@task
def fork_at_a_bad_moment():
    opening = fsspec.asyn.get_lock()
    with opening:
        child = multiprocessing.get_context("fork").Process(target=part)
        child.start()
    child.join()

fork_at_a_bad_moment()
""",
        env={"OBS_STORE": s3_url},
    )
    from obs_core import load_execution

    (forking,) = load_execution("last", s3_url).span.children
    assert [child.name for child in forking.children] == ["part"]


def test_a_store_in_fsspec_memory_holds_what_was_recorded() -> None:
    from obs_core import list_executions, load_execution

    with execution("night", store="memory://team/obs") as run:
        add(1, 2)
    assert load_execution(run.id[:30], "memory://team/obs").output("add") == 3
    assert run.id in [found.id for found in list_executions("memory://team/obs")]
    open_store("memory://team/obs").remove("executions")
    assert list(list_executions("memory://team/obs")) == []


def test_many_segments_of_a_shared_store_are_fetched_at_a_time_and_come_in_order() -> None:
    from obs_core.journal.reader import read_segments
    from obs_core.store.remote import RemoteStore

    together, asked = threading.Barrier(8), itertools.count()

    class DistantStore(RemoteStore):
        """A store that answers none of the first eight requests before all of them have come."""

        def get(self, path: str, start: int = 0, size: int | None = None) -> bytes:
            if next(asked) < 8:
                together.wait(timeout=60)
            return super().get(path, start, size)

    store = DistantStore("memory://distant")
    lines = {
        f"journal/writer{number}-1.jsonl": b'["head",1,"night","writer%d",1,["","",0,0],"",""]\n' % number
        for number in range(32)
    }
    for path, line in lines.items():
        store.put(path, line)
    assert list(read_segments(store, list(lines))) == list(lines.items())
    store.remove("journal")


def test_a_shared_store_can_be_read_while_the_interpreter_shuts_down(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ran = run_script("""
import atexit
from obs_core import execution, load_execution, span

def tell():
    print([one.name for one in load_execution(store="memory://late").span.walk()])

with execution("night", store="memory://late"), span("step"):
    pass
atexit.register(tell)
""")
    assert ran.stdout == "['night', 'step']\n"
    assert ran.stderr == ""


def test_the_thread_that_flushes_lives_on_though_its_warning_is_an_error(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obs_core.journal import flusher

    monkeypatch.setenv("OBS_STRICT", "1")
    monkeypatch.setattr(flusher, "INTERVAL", 0.01)
    taken, tries, twice = store.put, itertools.count(1), threading.Event()

    def refuse(path: str, content: bytes) -> None:
        if threading.current_thread().name == "obs-flusher" and next(tries) == 2:
            twice.set()
        raise OSError("no space")

    with execution("night") as run, span("some operation"):
        monkeypatch.setattr(store, "put", refuse)
        assert twice.wait(60), "the thread died of its first try"
        monkeypatch.setattr(store, "put", taken)
    assert [read.status for read in store.executions() if read.id == run.id] == ["succeeded"]


def test_a_young_process_is_in_a_shared_store_before_its_first_round(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ran = run_script("""
import time
from obs_core import execution, load_execution, span
from obs_core.journal import flusher
from obs_core.store import open_store

flusher.INTERVAL = 600.0
with execution("night", store="memory://young") as run, span("step"):
    print("336,776 rows")
    store = open_store("memory://young")
    names = []
    deadline = time.monotonic() + 60
    while not ("logs" in names and "main-0000.jsonl.gz" in names) and time.monotonic() < deadline:
        time.sleep(0.01)
        names = store.names(f"executions/{run.id}")
    print(*names)
""")
    assert ran.stdout.splitlines()[1].split() == ["logs", "main-0000.jsonl.gz"]


def test_where_no_execution_can_begin_that_is_told_once(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run_script(
        """
from obs_core import execution, span, task
from obs_core.recording import executions
def cannot(place):
    raise OSError("no entropy")
executions.new_id = cannot
@task
def add(a, b):
    with span("add"):
        return a + b
with execution("night"):
    print(add(1, 2))
""",
        env={"OBS_STRICT": "0"},
    )
    assert done.stdout == "3\n"
    assert "obs cannot record execution 'night': OSError: no entropy; the pipeline goes on" in done.stderr
    assert os.devnull not in done.stderr
    assert "lost" not in done.stderr

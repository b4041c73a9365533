"""What an execution ran in is noted once, outlives a kill, and costs nothing where nothing runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from obs_core import execution, task
from obs_core.assembly.loading import assembled
from obs_core.journal.reader import segment_names, writer_of
from obs_core.store import open_store
from obs_core.testing import RecordingStore

SOURCE = """
import sys
from obs_core import execution, task
BEFORE

@task
def work():
    pass

with execution("night"):
    work()
    AFTER
"""


def noted(folder: Path) -> tuple[str, dict[str, Any]]:
    """The working folder, and what else is noted of the newest execution of a store."""
    store = open_store(str(folder))
    record = assembled(store, store.names("executions")[-1]).surroundings
    assert record is not None
    content = (folder / "shared" / f"{record.digest}.gz").read_bytes()
    return record.folder, json.loads(zlib.decompress(content, wbits=31))


def source(before: str = "", after: str = "pass") -> str:
    return SOURCE.replace("BEFORE", before).replace("AFTER", after)


def test_machine_python_and_distributions(run_script: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    run_script(source())
    where, found = noted(folder)
    assert os.path.samefile(where, tmp_path)
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["cpus"] >= 1
    assert found["memory"] > 2**28
    assert found["installed"]["msgspec"][0].isdigit()
    assert "msgspec" in found["imported"]
    assert "json" not in found["imported"]


def test_what_is_imported_late_is_noted_at_the_end(
    run_script: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "my_steps.py").write_text("")
    run_script(source(after="import time; time.sleep(2.2); import my_steps"))
    assert "my_steps" in noted(folder)[1]["imported"]


def test_it_outlives_a_kill(tmp_path: Path, folder: Path) -> None:
    script = tmp_path / "night.py"
    script.write_text(source(after="print('ready', flush=True); sys.stdin.read()"))
    process = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    process.stdout.readline()
    store = open_store(str(folder))
    while True:  # the file that a record names is written after it
        assert process.poll() is None
        record = assembled(store, store.names("executions")[-1]).surroundings
        if record is not None and store.exists(f"shared/{record.digest}.gz"):
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert "msgspec" in noted(folder)[1]["imported"]


def test_a_forked_child_leaves_it_to_its_parent_to_note_it(run_script: Callable[..., Any], folder: Path) -> None:
    run_script(
        source(after="import os\n    pid = os.fork()\n    work()\n    os.waitpid(pid, 0) if pid else os._exit(0)")
    )
    store = open_store(str(folder))
    (execution_id,) = store.names("executions")
    writers, noting = set(), set()
    for name in segment_names(store, execution_id):
        content = (folder / name).read_bytes()
        writers.add(writer_of(name))
        if b'["surroundings"' in (zlib.decompress(content, wbits=31) if name.endswith(".gz") else content):
            noting.add(writer_of(name))
    # On a busy machine the parent may note it twice: after a second, and once more when more is imported.
    assert (len(writers), noting) == (2, {"main"})


def test_a_short_execution_without_a_task_goes_without(store: RecordingStore) -> None:
    with execution("night"):
        pass
    assert store.names("shared") == []


def test_many_executions_of_a_process_keep_it_once(store: RecordingStore) -> None:
    work = task(lambda: None, name="work", enable_deck=False)
    for _ in range(3):
        with execution("night"):
            work()
    assert len(store.names("shared")) == 1

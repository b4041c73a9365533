"""Ids, processes, and where an execution came from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from obs_core import identity, provenance


def test_execution_ids_sort_by_time_and_are_file_names() -> None:
    ids = [identity.new_execution_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [one[:22] for one in ids] == sorted(one[:22] for one in ids)
    assert re.fullmatch(r"\d{8}-\d{6}-\d{6}-[0-9a-z]{6}", ids[0])


def test_this_process_is_alive() -> None:
    assert identity.is_alive(identity.this_process()) is True


def test_a_process_that_ended_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = identity.this_process()
    described = identity.Process(here.host, here.machine, child.pid, identity._born(child.pid))
    assert identity.is_alive(described) is True
    child.kill()
    child.wait()
    child.stdin.close()  # type: ignore[union-attr]
    assert identity.is_alive(described) is False


WINDOWS = """
import ctypes, os, sys
sys.platform = "win32"
codes = {10: 259, 11: 0}
class Opening:
    def __call__(self, access, inherit, pid):
        return pid.value if pid.value in codes else None
class Kernel:
    def __init__(self):
        self.OpenProcess = Opening()
    def GetExitCodeProcess(self, handle, code):
        code._obj.value = codes[handle.value]
        return 1
    def CloseHandle(self, handle):
        pass
ctypes.WinDLL = lambda name, use_last_error: Kernel()
ctypes.get_last_error = lambda: 5 if asked == 12 else 87
def kill(*arguments):
    raise AssertionError("this sends Ctrl-C there")
os.kill = kill
from obs_core.identity import Process, is_alive, this_machine
for asked in (10, 11, 12, 13, 10**12):
    print(is_alive(Process("h", this_machine(), asked, 0)), end=" ")
"""


def test_on_windows_a_process_is_asked_for_and_not_sent_a_signal() -> None:
    told = subprocess.run([sys.executable, "-c", WINDOWS], capture_output=True, text=True, check=True)
    assert told.stdout == "True False True False False "


def test_a_pid_that_was_reused_is_another_process() -> None:
    here = identity.this_process()
    assert identity.is_alive(identity.Process(here.host, here.machine, here.pid, here.born + 1)) is False


def test_a_process_of_another_machine_cannot_be_judged() -> None:
    assert identity.is_alive(identity.Process("other", "other/boot/ns", os.getpid(), 0)) is None


def test_the_commit_is_read_from_a_branch_a_packed_one_and_a_detached_head(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity_of_author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        command = ["git", *identity_of_author, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    read = provenance.git_commit.__wrapped__
    git("init", "-q")
    assert read(str(tmp_path)) == ""
    git("commit", "-q", "--allow-empty", "-m", "one")
    commit = git("rev-parse", "HEAD")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert read(str(below)) == commit
    git("pack-refs", "--all")
    assert read(str(tmp_path)) == commit
    git("checkout", "-q", "--detach")
    assert read(str(tmp_path)) == commit
    git("worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    assert read(str(tmp_path / "tree")) == commit

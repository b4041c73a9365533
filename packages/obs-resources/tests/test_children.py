from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from obs_resources.children import descendants

pytestmark = pytest.mark.posix


def test_without_children_there_are_none() -> None:
    assert run("print(descendants(os.getpid()))") == "[]"


def test_a_child_that_another_thread_started_is_found() -> None:
    children: list[subprocess.Popen[bytes]] = []
    done = threading.Event()

    def start() -> None:  # the child is in the list of the thread that made it, as long as that lives
        children.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE))
        done.wait()

    thread = threading.Thread(target=start)
    thread.start()
    try:
        while not children:
            done.wait(0.01)
        assert children[0].pid in descendants(os.getpid())
    finally:
        done.set()
        thread.join()
        children[0].communicate()


def test_looking_for_children_takes_no_exit_code_away() -> None:
    said = run(
        "child = subprocess.Popen([sys.executable, '-c', 'raise SystemExit(7)'])",
        "os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)",
        "descendants(os.getpid())",
        "print(child.wait())",
    )
    assert said == "7"


def run(*lines: str) -> str:
    source = "\n".join(["import os, subprocess, sys", "from obs_resources.children import descendants", *lines])
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout.strip()

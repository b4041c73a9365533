"""Run as a script, it forks the servers of tests from a process in which everything that they need is imported.

Importing takes a second of CPU time, and what a server does in a test often less.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
from typing import NoReturn

from obs_ui.site import _environment

IMPORTED = (
    "alembic.command",
    "alembic.ddl.sqlite",
    "anyio._backends._asyncio",
    "obs_core.commands.builtin",
    "obs_ui.serving",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
)
"""What a server imports before it is asked for a page; it may import more."""


def main() -> None:
    """Fork a process for each socket that comes through standard input, until nobody can send one any more.

    Standard output is a socket too, as in what is forked: Python finds out at its start whether it can seek there.
    """
    for name in IMPORTED:
        importlib.import_module(name)
    for template in _environment().list_templates(extensions=["html"]):
        _environment().get_template(template)
    gc.freeze()  # memory that the garbage collector does not touch stays one that the processes share
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests end by a Ctrl-C, and then nobody can send
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # how those end that mind the servers is not asked for
    requests = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    while given := socket.recv_fds(requests, 1, 1)[1]:
        if not os.fork():
            requests.close()
            _mind(socket.socket(fileno=given[0]))
        os.close(given[0])


def _mind(asking: socket.socket) -> NoReturn:
    """Run what is asked for in another process; who asked reads its id, what it prints, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked = json.loads(asking.makefile().readline())
    process = os.fork()
    if not process:
        _become(asking, **asked)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    asking.sendall(f"{code}\n".encode())
    os._exit(0)


def _become(
    asking: socket.socket, *, source: str, arguments: list[str], variables: dict[str, str], folder: str, errors: str
) -> NoReturn:
    """Run Python source as a process would that was started for it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    os.chdir(folder)
    os.dup2(asking.detach(), 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    print(os.getpid(), flush=True)
    sys.argv = ["-c", *arguments]
    exec(compile(source, "<string>", "exec"), {"__name__": "__main__"})
    raise SystemExit(0)


if __name__ == "__main__":
    main()

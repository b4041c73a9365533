"""The program at the top of README.md, run as a reader would run it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from hashlib import sha256
from pathlib import Path

PROGRAM = "digits.py"
"""What README.md calls its program."""

TASK, DECK = "embed", "Map"
"""The task whose report README.md shows, and the tab that is open."""

SHOWN = re.compile(rf"(?<=```console\n\$ python {re.escape(PROGRAM)}\n\$ obs explain last\n).*?(?=```\n)", re.DOTALL)
"""What a page shows of the trace."""

FAILING = ("neighbors=10", "neighbors=2000")
"""What is changed in the program, and into what, so that it fails."""

_CODE = re.compile(r"^```python\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
_MEASURED = re.compile(r"<?[+\d][\d.,]* ?(?:ns|µs|ms|s|min|%)")
_BAR = re.compile(r" +━+")


class Example:
    """The program of a page, in a folder and with a store of its own.

    Args:
        page: The Markdown file; its first Python block is the program.
        folder: An empty folder, in which it runs.
    """

    def __init__(self, page: Path, folder: Path) -> None:
        self.code = code_of(page)
        self.folder = folder
        (folder / PROGRAM).write_text(self.code, encoding="utf-8")

    def python(self, *arguments: str) -> str:
        """Run the interpreter and return what it prints.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, check=True)
        return done.stdout.decode()

    def obs(self, *arguments: str) -> str:
        """Run the obs command and return what it prints."""
        return self.python("-m", "obs_core", *arguments)

    def in_terminal(self, *arguments: str, columns: int) -> list[str]:
        """Run the interpreter in a terminal and return the lines that it shows, with their colours."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        command = [sys.executable, *arguments]
        with subprocess.Popen(command, cwd=self.folder, env=self.environment, stdin=its, stdout=its, stderr=its):
            os.close(its)
            shown = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
        return shown.decode().splitlines()

    @property
    def environment(self) -> dict[str, str]:
        """The caller's variables, without those that would change what obs does."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OBS_") and name != "NO_COLOR"}
        store = str(self.folder / "store")
        # What the example installs has no samples; the recording ends in what the program itself prints.
        of_obs = {"OBS_STORE": store, "OBS_STRICT": "1", "OBS_RESOURCES": "0", "OBS_QUIET": "1"}
        return kept | of_obs | {"PYTHON_COLORS": "0", "TERM": "xterm-256color"}


def _read(terminal: int) -> bytes:
    """Read what there is; Linux says that the other end is closed by an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def code_of(page: Path) -> str:
    """Return the first Python block of a page."""
    found = _CODE.search(page.read_text(encoding="utf-8"))
    assert found, f"{page} has no block of Python"
    return found["code"]


def digest_of(page: Path) -> str:
    """Return what tells the program of a page from another one; the pictures carry it."""
    return sha256(code_of(page).encode()).hexdigest()


def trace_of(explained: str) -> str:
    """Return the table of the trace: the paragraph of ``obs explain`` that begins with its heading."""
    return next(part for part in explained.split("\n\n") if part.startswith("Trace ")) + "\n"


def verdict_of(told: str) -> str:
    """Return the first paragraph of ``obs why``, which ends in what changed, on one line."""
    return " ".join(told.partition("\n\n")[0].split())


def shape_of(trace: str) -> list[str]:
    """Return the lines of a trace without what differs from run to run: figures, bars and the space between."""
    return [" ".join(_MEASURED.sub("#", _BAR.sub("", line)).split()) for line in trace.splitlines()]

"""Gives the terminal's last row back if the program is killed before it could do that itself.

A shell of its own session waits at a pipe for the program's end, which the kernel tells whatever it was. It is nobody's
child: a program that waits for all its children does not wait for it.
"""

from __future__ import annotations

import contextlib
import os

from obs_core.recording import samplers

__all__ = ["GIVE_BACK", "RowGuard"]

GIVE_BACK = "\x1b7\x1b[r\x1b[999;1H\x1b[2K\x1b8"
"""The whole screen scrolls again, and the last row is empty; a terminal takes a row beyond its last for that one."""

_WAIT = f"""\
exec 3<&0 </dev/null
(trap '' HUP INT QUIT TERM
shown=
while read -r told <&3; do shown=$told; done
[ "$shown" != yes ] || printf '{GIVE_BACK.replace(chr(27), chr(92) + "033")}') &
"""
"""What is put into the background has no input of its own: the pipe needs another number."""

_FIRST_PROCESS = 1


class RowGuard:
    """What watches over the last row of a terminal.

    Args:
        terminal: The terminal's descriptor.
    """

    def __init__(self, terminal: int) -> None:
        self._pipe: int | None = None
        if os.getpid() == _FIRST_PROCESS:
            return  # of a container: orphans become its children, and end with it
        theirs, ours = os.pipe()
        try:
            self._start(theirs, terminal)
            self._pipe = ours
        except OSError:  # there is no shell
            os.close(ours)
        finally:
            os.close(theirs)

    @staticmethod
    def _start(pipe: int, terminal: int) -> None:
        with samplers.importing():
            import subprocess

        shell = subprocess.Popen(
            ["/bin/sh", "-c", _WAIT, "obs-status-line"],
            stdin=pipe,
            stdout=terminal,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        shell.wait()

    def tell(self, shown: bool) -> None:
        """Say whether there is a line now."""
        if self._pipe is not None:
            with contextlib.suppress(OSError):  # somebody ended it, or closed the pipe
                os.write(self._pipe, b"yes\n" if shown else b"no\n")

    def leave(self) -> None:
        """Let it end: it does what was told last."""
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            with contextlib.suppress(OSError):
                os.close(pipe)

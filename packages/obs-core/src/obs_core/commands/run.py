"""``obs run``: a program as an execution, whose end is recorded whatever it was."""

from __future__ import annotations

import argparse
import math
import sys

from obs_core.commands.base import Command, CommandError

__all__ = ["Run"]


class Run(Command):
    """Run a program and record how it ends."""

    name = "run"
    summary = "run a program as an execution and record how it ends: exit code, signal, memory"
    examples = (
        ("obs run -- python train.py --epochs 3", "then obs why says how it ended"),
        ("obs run --name nightly --timeout 3600 -- ./pipeline.sh", "it gets SIGTERM after an hour"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.usage = "obs run [--name NAME] [--timeout SECONDS] [--grace SECONDS] [--store URL] -- PROGRAM [ARG ...]"
        parser.add_argument("--name", metavar="NAME", help="the execution's name; default: the script's or program's")
        parser.add_argument(
            "--timeout", type=float, metavar="SECONDS", help="send SIGTERM after this time (exit code 124)"
        )
        parser.add_argument(
            "--grace", type=float, default=10.0, metavar="SECONDS", help="time from SIGTERM to SIGKILL (default: 10)"
        )
        parser.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM", help="what to run, after --")

    def run(self, arguments: argparse.Namespace) -> int:
        program = arguments.program[1:] if arguments.program[:1] == ["--"] else arguments.program
        if not program or not program[0]:
            raise CommandError("which program? obs run -- python train.py")
        for option in ("timeout", "grace"):
            seconds = getattr(arguments, option)
            if seconds is not None and not (0 <= seconds < math.inf):
                raise CommandError(f"--{option} must be 0 or more seconds, got {seconds}")
        if not sys.platform.startswith("linux"):
            raise CommandError(f"obs run needs Linux, this is {sys.platform}; without it, run the program itself")
        from obs_core.recording.supervisor import supervise

        return supervise(
            program,
            name=arguments.name,
            store=arguments.store,
            timeout=arguments.timeout,
            grace=arguments.grace,
        )

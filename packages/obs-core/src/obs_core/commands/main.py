"""The ``obs`` command."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterable, Sequence

from obs_core.__about__ import __version__
from obs_core.commands.base import Command, CommandError
from obs_core.failsafe import ObsError, ObsWarning, strict


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal.

    argparse itself asks `shutil` for the width, whoever needs no help, and that loads what unpacks archives.
    """

    def __init__(self, prog: str) -> None:
        from obs_core.text.terminal import Screen

        super().__init__(prog, width=Screen.of(sys.stdout).width - 2)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise CommandError(f"{message} (try: {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``obs`` command.

    Args:
        arguments: What was typed after ``obs``. Default: this process's own arguments.

    Returns:
        The exit code: 0, what the command tells by it (``obs check``: 1), or 2 for wrong input.
    """
    _spare_typing_extensions()
    warnings.formatwarning = _formatted_warning
    _prepare_streams()
    try:
        return _flushed(_exit_code(sys.argv[1:] if arguments is None else list(arguments)))
    except SystemExit as ended:  # of --help and --version
        raise SystemExit(_flushed(int(ended.code or 0))) from None


def _prepare_streams() -> None:
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed (`>&-`)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (for the rest of the program)
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):  # names in a store may hold what no encoding can show
            stream.reconfigure(errors="backslashreplace")


def _exit_code(arguments: list[str]) -> int:
    try:
        return _run(arguments)
    except BrokenPipeError:  # whoever reads has seen enough
        return 0
    except (ObsError, OSError) as error:
        sys.stderr.write(f"obs: {_one_line(error)}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if strict():
            raise
        sys.stderr.write(f"obs: {_one_line(error)} ({type(error).__name__}; OBS_STRICT=1 shows where)\n")
        return 2


def _flushed(code: int) -> int:
    """Write what is still in the buffer, and return the exit code.

    Left to the interpreter's end, a failure would print Python's own complaint and exit with 120.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where the rest of the buffer goes
        if not isinstance(error, BrokenPipeError) and code != 2:
            sys.stderr.write(f"obs: {_one_line(error)}\n")
            return 2
    return code


def _formatted_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Write a warning of ours as a command's other words: whoever typed it has no use for the line of our code."""
    if issubclass(category, ObsWarning):
        return f"obs: {_one_line(message)}\n"
    return _format_any(message, category, filename, lineno, line)


_format_any = warnings.formatwarning


def _spare_typing_extensions() -> None:
    """Load msgspec without typing_extensions, which it would take where it is installed and does not need here.

    That package, and `inspect` with it, are a seventh of what `obs ls` would take.
    """
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # an import of it fails
    try:
        importlib.import_module("msgspec")
    finally:
        del sys.modules["typing_extensions"]


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    commands = _named(arguments[0]) if arguments else {}
    commands = commands or _commands()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in commands:
        raise CommandError(f"there is no command {arguments[0]!r}{_meant(arguments[0], commands)}")
    parser = _parser(commands)
    parsed, rest = parser.parse_known_args(arguments)
    if parsed.command is None:
        raise CommandError(f"a command is needed: {', '.join(commands)} (try: {_typed_here()} --help)")
    if rest:
        meant = _meant_option(rest, parser, parsed.command)
        tried = f"(try: {_typed_here()} {parsed.command} --help)"
        raise CommandError(f"unrecognized arguments: {' '.join(rest)}{meant} {tried}")
    return commands[parsed.command].run(parsed)


_ELSEWHERE = {"ui": "obs-ui", "site": "obs-ui"}
"""Commands that the docs show beside those of obs-core, and the packages that bring them."""


def _meant(typed: str, commands: Iterable[str]) -> str:
    from difflib import get_close_matches

    if typed in _ELSEWHERE:
        return f": it comes with the package {_ELSEWHERE[typed]} (pip install {_ELSEWHERE[typed]})"
    close = get_close_matches(typed, [*commands, "--version"], n=1)
    there = f"did you mean {_typed_here()} {close[0]}?" if close else f"there are {', '.join(commands)}"
    return f"; {there} (try: {_typed_here()} --help)"


def _meant_option(rest: Iterable[str], parser: argparse.ArgumentParser, command: str) -> str:
    """Name the option that is like the first of those that there are not."""
    from difflib import get_close_matches

    typed = next((word.partition("=")[0] for word in rest if word.startswith("--")), "")
    subparsers = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    options = [option for action in subparsers.choices[command]._actions for option in action.option_strings]
    close = get_close_matches(typed, options, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_typed_here(),
        description="Look at recorded executions: traces, reports, logs, and why they failed.",
        epilog=_shown_examples(_FIRST_STEPS),
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"obs-core {__version__}")
    parser.add_argument("--store", help=argparse.SUPPRESS)  # typed before the command, it means the same
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in commands.values():
        subparser = subparsers.add_parser(
            command.name,
            help=command.summary,
            description=command.summary,
            epilog=_shown_examples(command.examples),
            formatter_class=_Help,
        )
        subparser.add_argument(
            "--store",
            metavar="URL",
            default=argparse.SUPPRESS,
            help="folder or URL; default: OBS_STORE, or .obs",
        )
        command.configure(subparser)
    return parser


_FIRST_STEPS = (
    ("obs why", "why the last execution failed, was killed, or hangs"),
    ("obs diff", "what changed since the last good execution of its name"),
    ("obs show --task fit --text", "what a task was given, and what its decks say"),
    ("obs explain", "where its time went"),
    ("obs logs -f", "follow what it logs and prints"),
    ("obs check", "what its checks found; exits with 1 if one failed"),
    ("obs open", "the report of what failed last, in the browser"),
    ("obs ls --name flights --since 7d", "this week's executions of one name"),
)


def _typed_here() -> str:
    """Return how the command was typed."""
    return "python -m obs_core" if sys.argv[0].endswith(os.path.join("obs_core", "__main__.py")) else "obs"


def _shown_examples(examples: Sequence[tuple[str, str]]) -> str | None:
    if not examples:
        return None
    here = [(re.sub(r"\bobs ", f"{_typed_here()} ", typed), what) for typed, what in examples]
    width = max(len(typed) for typed, _ in here)
    return "\n".join(["examples:", *(f"  {typed:<{width}}  {what}" for typed, what in here)])


def _named(name: str) -> dict[str, Command]:
    """Return one of our own commands alone, if it is one.

    It waits neither for the other commands' imports nor for what other packages declare: they would delay each program
    that ``obs run`` runs, and each list.
    """
    from obs_core.commands.builtin import NAMES, builtin

    if name == "completion":
        from obs_core.commands.completion import Completion

        return {name: Completion(_parser_for, _command_names)}
    return {name: builtin(name)} if name in NAMES else {}


def _parser_for(name: str) -> argparse.ArgumentParser:
    return _parser(_named(name) or _commands())


def _command_names() -> list[str]:
    """Return what may be typed after ``obs``; nothing is loaded for that."""
    from obs_core.commands.builtin import NAMES
    from obs_core.values.registry import declared

    return list(dict.fromkeys((*NAMES, "completion", *(point.name for point in declared("obs.commands")))))


def _commands() -> dict[str, Command]:
    from obs_core.commands.builtin import NAMES
    from obs_core.failsafe import warn
    from obs_core.values.registry import declared

    commands: dict[str, Command] = {}
    for name in (*NAMES, "completion"):
        commands |= _named(name)
    for point in declared("obs.commands"):
        try:
            command: Command = point.load()()
            commands.setdefault(command.name, command)
        except Exception as error:
            warn(f"cannot load the command {point.name!r} ({point.value}): {type(error).__name__}: {error}")
    return commands


def _one_line(error: BaseException | str) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:  # not Python's "[Errno 13]"
        return f"{os.fsdecode(error.filename)!r}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__

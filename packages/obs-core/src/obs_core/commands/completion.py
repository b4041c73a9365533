"""``obs completion``: what a shell needs to complete ``obs`` commands, options, and executions."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable, Iterator

from obs_core.commands.base import Command, CommandError
from obs_core.commands.builtin import OF_AN_EXECUTION
from obs_core.reading.listing import list_executions

__all__ = ["Completion", "completed"]

_SCRIPTS = {
    "bash": """\
_obs() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(obs completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$2"))
}
complete -o default -F _obs obs
""",
    "zsh": """\
#compdef obs
_obs() {
  local -a found
  found=(${(f)"$(obs completion words "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  compadd -a found || _files
}
compdef _obs obs
""",
    "fish": """\
complete -c obs -f -a '(obs completion words (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
""",
}

_EXECUTIONS_OFFERED = 20


class Completion(Command):
    """Print a shell's completion script."""

    name = "completion"
    summary = "print the completion script of bash, zsh or fish"
    examples = (
        ('eval "$(obs completion bash)"', "in ~/.bashrc"),
        ('eval "$(obs completion zsh)"', "in ~/.zshrc, after compinit"),
        ("obs completion fish > ~/.config/fish/completions/obs.fish", "once"),
    )

    def __init__(
        self, parser_for: Callable[[str], argparse.ArgumentParser], command_names: Callable[[], Iterable[str]]
    ) -> None:
        self._parser_for = parser_for
        self._command_names = command_names

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("shell", metavar="SHELL", help="bash, zsh or fish")
        parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.shell == "words":
            print("\n".join(self._completed(arguments.words)))
        elif arguments.shell in _SCRIPTS:
            print(_SCRIPTS[arguments.shell], end="")
        else:
            raise CommandError(f"obs completes in {', '.join(_SCRIPTS)}, not in {arguments.shell!r}")
        return 0

    def _completed(self, words: list[str]) -> Iterator[str]:
        """Go through what may be typed for the last word; a shell waits, so no more is loaded than that takes.

        Args:
            words: What was typed after ``obs``; the last one is not finished, and may be empty.
        """
        *before, word = words or [""]
        if not before:
            return (name for name in self._command_names() if name.startswith(word))
        if before[0] in OF_AN_EXECUTION and not any(one.startswith("-") for one in (*before, word)):
            return (text for text in _executions(None) if text.startswith(word))
        return completed(self._parser_for(before[0]), words)


def completed(parser: argparse.ArgumentParser, words: list[str]) -> Iterator[str]:
    """Go through what may be typed for the last word.

    Args:
        parser: The parser of the command that was typed.
        words: What was typed after ``obs``; the last one is not finished, and may be empty.
    """
    *before, word = words
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    chosen = commands.choices.get(before[0])
    if chosen is None:
        return
    options = {option: action for action in chosen._actions for option in action.option_strings}
    awaited = options.get(before[-1])
    if awaited is not None and awaited.nargs != 0:
        yield from (str(choice) for choice in awaited.choices or () if str(choice).startswith(word))
    elif word.startswith("-"):
        yield from (option for option in options if option.startswith(word))
    elif any(action.dest == "id" for action in chosen._actions):
        store = next((after for option, after in itertools.pairwise(before) if option == "--store"), None)
        yield from (text for text in _executions(store) if text.startswith(word))


def _executions(store: str | None) -> list[str]:
    newest = list(itertools.islice(list_executions(store), _EXECUTIONS_OFFERED))
    names = [view.name for view in newest if view.name.isprintable() and " " not in view.name]
    return ["last", *dict.fromkeys(names), *(view.id for view in newest)]

"""``obs completion``: what a shell needs to complete ``obs`` commands, options, and executions."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator

from obs_core.commands.base import Command
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

    def __init__(self, parser_for: Callable[[str], argparse.ArgumentParser]) -> None:
        self._parser_for = parser_for

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("shell", choices=[*_SCRIPTS, "words"], metavar="SHELL", help="bash, zsh or fish")
        parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.shell == "words":
            # What stands before the last word is whole: one command is enough to complete what comes behind it.
            name = arguments.words[0] if len(arguments.words) > 1 else ""
            print("\n".join(completed(self._parser_for(name), arguments.words)))
        else:
            print(_SCRIPTS[arguments.shell], end="")
        return 0


def completed(parser: argparse.ArgumentParser, words: list[str]) -> Iterator[str]:
    """Go through what may be typed for the last word.

    Args:
        parser: The command's.
        words: What was typed after ``obs``; the last one is not finished, and may be empty.
    """
    *before, word = words or [""]
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    if not before:
        yield from (name for name in commands.choices if name.startswith(word))
        return
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

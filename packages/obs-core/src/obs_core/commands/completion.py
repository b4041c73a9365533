"""``obs completion``: what a shell needs to complete ``obs`` commands, options, and executions."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping

from obs_core.commands.base import Command, CommandError
from obs_core.commands.builtin import OF_AN_EXECUTION
from obs_core.model import ExecutionView
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
_EXECUTIONS_LOOKED_AT = 400
"""Executions of which names are compared with what was typed: a shell waits, and each costs up to 0.2 ms."""

_LARGEST_READ = 1024 * 1024
"""Bytes of a journal that is read for the names of its tasks."""

_LEVELS = ("debug", "info", "warning", "error", "critical")


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
        words = parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
        words.required = False  # or the message about a missing shell names them too

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.shell == "words":
            print("\n".join(self._completed(arguments.words)))
        elif arguments.shell in _SCRIPTS:
            _check_name()
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
            return _executions(None, word)
        return completed(self._parser_for(before[0]), words)


def _check_name() -> None:
    """Refuse where ``obs`` is another program: a shell completes by name, and each Tab would run that one.

    Raises:
        CommandError: It is.
    """
    from obs_core.provenance import other_program

    if other := other_program():
        raise CommandError(f"`obs` is another program here ({other}), and a shell would ask it: put ours first on PATH")


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
    store = next((after for option, after in itertools.pairwise(before) if option == "--store"), None)
    if awaited is not None and awaited.nargs != 0:
        offered = awaited.choices or ()
        if awaited.dest == "level":
            offered = _LEVELS
        elif awaited.dest == "task":
            offered = _tasks(store, _typed_id(before[1:], options))
        yield from (str(choice) for choice in offered if str(choice).startswith(word))
    elif word.startswith("-"):
        yield from (option for option in options if option.startswith(word))
    elif any(action.dest == "id" for action in chosen._actions):
        yield from _executions(store, word)


def _executions(store: str | None, word: str) -> Iterator[str]:
    """Go through ``last``, and the names and ids of executions that begin like a word, the newest first.

    The last part of an id names it too, and is what obs prints: it is offered once a few letters of it were typed.
    """
    looked_at = itertools.islice(list_executions(store), _EXECUTIONS_LOOKED_AT)
    alike = (view for view in looked_at if any(name.startswith(word) for name in (view.name, view.id, _short(view))))
    newest = list(itertools.islice(alike, _EXECUTIONS_OFFERED))
    names = [view.name for view in newest if _is_a_word(view.name)]
    short = [_short(view) for view in newest] if len(word) >= _FEW_LETTERS else []
    offered = ["last", *dict.fromkeys(names), *(view.id for view in newest), *short]
    return (text for text in offered if text.startswith(word))


_FEW_LETTERS = 2
"""With fewer, most of what is offered for the beginning of a name would be ids."""


def _short(view: ExecutionView) -> str:
    return view.id.rpartition("-")[2]


_SPECIAL = frozenset(" '\"\\$`|&;<>()*?[]{}!#~")


def _is_a_word(name: str) -> bool:
    """Tell whether a shell takes a name as it is, without quotes."""
    return name.isprintable() and _SPECIAL.isdisjoint(name)


def _typed_id(words: list[str], options: Mapping[str, argparse.Action]) -> str:
    """Return the execution that was typed among options and what belongs to them; else the last one is meant."""
    for place, word in enumerate(words):
        option = options.get(words[place - 1]) if place else None
        if not word.startswith("-") and (option is None or option.nargs == 0):
            return word
    return "last"


def _tasks(store: str | None, execution_id: str) -> list[str]:
    """Return the names of an execution's tasks; of a large one none, since all of it has to be read."""
    from obs_core.assembly.loading import ExecutionNotFoundError, opened
    from obs_core.journal.reader import segment_names
    from obs_core.reading.execution import load_execution

    try:
        execution = load_execution(execution_id, store)
    except (ExecutionNotFoundError, OSError):
        return []
    place = opened(store)
    if sum(map(place.size_of, segment_names(place, execution.id))) > _LARGEST_READ:
        return []
    return [name for name in dict.fromkeys(task.name for task in execution.tasks) if _is_a_word(name)]

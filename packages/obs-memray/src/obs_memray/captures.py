"""From a capture to decks: when the task has ended, or when somebody reads what a killed one left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from obs_memray.drawing import CaptureError, draw
from obs_memray.memory_deck import memory_html, unreadable_html
from obs_memray.options import Options, View
from obs_memray.summary import Summary

if TYPE_CHECKING:
    from obs_core import Deck
    from obs_core.assembly.unfinished import UnfinishedCapture

__all__ = ["decks", "draw_into"]


def decks(capture: UnfinishedCapture) -> Iterator[tuple[str, str]]:
    """Make the decks of a task whose process is gone.

    Args:
        capture: What it left behind.

    Yields:
        Name and HTML of each deck.
    """
    options = msgspec.convert(capture.options, Options)
    with capture.file() as path:
        drawn = draw(path, options)
    yield "Memory", memory_html(drawn, options, killed=not capture.ended)
    yield from drawn.pages


def draw_into(
    decks: Mapping[str, Deck], path: str, options: Options, before: Any = None, *, stopped: bool = False
) -> dict[str, Any] | None:
    """Fill the decks of a task that has ended.

    Args:
        decks: The decks by name.
        path: The capture.
        options: What to draw.
        before: The summary that the task kept the last time, to compare with.
        stopped: Whether the capture reached its size cap.

    Returns:
        The summary, of types that JSON knows; None if the capture cannot be read, which the deck says then.
    """
    try:
        drawn = draw(path, options)
    except CaptureError as error:
        decks["Memory"].append(unreadable_html(str(error)))
        return None
    last = None if before is None else msgspec.convert(before, Summary)
    failure = _written_to(options.view, [page for _, page in drawn.pages])
    decks["Memory"].append(memory_html(drawn, options, last=last, stopped=stopped, failure=failure))
    for name, page in drawn.pages:
        decks[name].append(page)
    kept: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(drawn.summary, resident=[]))
    return kept


def _written_to(view: View, pages: Sequence[str]) -> str:
    """Write memray's page to the file that ``--output`` names; say what hinders that."""
    if view.output is None:
        return ""
    try:
        with open(view.output, "w" if view.overwrite else "x", encoding="utf-8") as file:
            file.writelines(pages)
    except FileExistsError:
        return f"{view.output} is there already: memray's page was not written to it (--force does)."
    except OSError as error:
        return f"memray's page was not written to {view.output}: {error.strerror or error}."
    return ""

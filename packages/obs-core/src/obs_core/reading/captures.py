"""Make the decks of captures that a killed process left."""

from __future__ import annotations

import html
from typing import Any

from obs_core.assembly.unfinished import UnfinishedCapture
from obs_core.failsafe import ObsError, strict
from obs_core.interruptions import let_pass
from obs_core.model import DeckView
from obs_core.report.bodies import extracted
from obs_core.text.bounded_repr import describe_error
from obs_core.text.masking import mask
from obs_core.values.registry import declared, load

__all__ = ["add_decks", "decks_of"]


def decks_of(capture: UnfinishedCapture) -> list[DeckView]:
    """Make the decks of a capture; where that fails, one that says why.

    Args:
        capture: The capture.
    """
    try:
        # The process that captured cannot mask any more: what is known here is masked at least.
        return [DeckView(mask(name), [mask(extracted(page))]) for name, page in _maker_of(capture.kind)(capture)]
    except BaseException as error:
        let_pass(error)
        if strict() and not isinstance(error, (ObsError, OSError)):
            raise
        reason = mask(str(error)) if isinstance(error, ObsError) else describe_error(error)
        note = f"<p>What {html.escape(capture.kind)} had captured cannot be shown: {html.escape(reason)}</p>"
        return [DeckView(capture.kind.capitalize(), [note])]


def add_decks(decks: list[DeckView], capture: UnfinishedCapture) -> None:
    """Make the decks of a capture; those that its writer announced and could not fill any more are filled.

    Args:
        decks: Of the capture's task; it gets them.
        capture: The capture.
    """
    for made in decks_of(capture):
        announced = next((deck for deck in decks if deck.name == made.name and not deck.items), None)
        if announced is None:
            decks.append(made)
        else:
            announced.items.extend(made.items)


def _maker_of(kind: str) -> Any:
    for point in declared("obs.captures"):
        if point.name == kind:
            return load(point)
    raise ObsError(f"no package that reads captures of {kind} is installed; type: pip install obs-{kind}")

"""Which cell of a notebook brings a large script that several of its decks need: plotly.js alone is 2 MB."""

from __future__ import annotations

import sys
from collections.abc import Callable

from obs_core.interruptions import let_pass

__all__ = ["brought_here"]

_bringers: dict[str, str] = {}
"""The cell whose output holds it, by the hash of a script or style."""


def brought_here() -> Callable[[str], bool] | None:
    """Return what tells by its hash whether the running cell brings a script or style; the first that needs it does.

    A cell that is run again brings it again: its output is a new one.

    Returns:
        None where each output is a page of its own, as far as anybody knows (marimo, Colab): there each brings all.
        JupyterLab, Notebook 7 and VS Code put outputs on one page, and tell the kernel the cell's id. So do programs
        that run a notebook from top to bottom (nbconvert, papermill): they tell nothing, and that nobody can answer.
    """
    cell = _cell()
    return None if cell is None else lambda digest: _bringers.setdefault(digest, cell) == cell


def _cell() -> str | None:
    ipython = sys.modules.get("IPython")
    if ipython is None:
        return None
    try:
        request = ipython.get_ipython().get_parent()
        cell = request["metadata"].get("cellId")
        if cell is None and request["content"]["allow_stdin"] is False:
            cell = request["header"]["msg_id"]
    except Exception as error:  # a shell without a kernel
        let_pass(error)
        return None
    return cell if isinstance(cell, str) and "google.colab" not in sys.modules else None

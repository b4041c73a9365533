"""What became slower and faster between two CPU profiles, as the package that draws profiles shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.values.registry import declared, load

if TYPE_CHECKING:
    from obs_core.reading.execution import Execution

__all__ = ["drawn_profile_changes"]


def drawn_profile_changes(earlier: Execution, later: Execution) -> str | None:
    """Draw what became slower and faster; both executions have a CPU profile.

    Args:
        earlier: The execution to compare with.
        later: The execution that is drawn.

    Returns:
        An HTML page; None if no installed package draws it (entry point group ``obs.profile_changes``).
    """
    for point in declared("obs.profile_changes"):
        page: str = load(point)(earlier, later)
        return page
    return None

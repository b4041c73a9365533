"""What changed between two executions, as data that shows itself in terminals, notebooks and pull requests."""

from __future__ import annotations

from obs_core.reading.changes.change import Comparison

__all__ = ["Changes"]


class Changes(Comparison, kw_only=True):
    """What changed between an execution and another one, the most telling first.

    Get it from `Execution.changes`. It shows itself in a notebook; ``str()`` is what ``obs diff`` prints.

    Attributes:
        execution: The execution.
        other: The one it is compared with; None if there is no earlier good one of its name.
        chosen: Whether `other` was asked for; else it is the last good one.
        found: What changed.
        earlier: Ids of the earlier good executions whose times and metrics say what is usual, the newest first.
        usual: How many operations, tasks and metrics differ no more than they do from run to run.
        same: What was compared and is the same.
        unknown: What could not be compared, and why; a sentence each.

    Examples:
        >>> for change in load_execution("last").changes().found:
        ...     print(change.kind, change.what, change.before, change.after)
        parameter rows 2 4
        ...
    """

    def __str__(self) -> str:
        from obs_core.reading.changes.drawing import as_text

        return as_text(self)

    def __repr__(self) -> str:
        """Tell it in a line."""
        against = "no other" if self.other is None else self.other.id
        return f"<Changes of {self.execution.id} against {against}: {len(self.found)}>"

    def _repr_html_(self) -> str:
        """Show it in a notebook: it needs no script and no style."""
        from obs_core.reading.changes.drawing import as_html

        return as_html(self)

    def to_markdown(self, most: int = 30) -> str:
        """Return the changes as Markdown, for example for a pull request.

        Args:
            most: How many changes are listed at most.
        """
        from obs_core.reading.changes.drawing import as_markdown

        return as_markdown(self, most)

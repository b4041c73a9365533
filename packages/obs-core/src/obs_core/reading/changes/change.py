"""What changed between two executions, as data."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from obs_core.model import ExecutionView

__all__ = ["Change", "Comparison", "Kind", "Sureness"]

Kind = Literal[
    "status",
    "task",
    "check",
    "time",
    "parameter",
    "input",
    "output",
    "metric",
    "data",
    "log",
    "source",
    "commit",
    "dependency",
    "command",
    "tag",
    "machine",
    "engine",
]
"""What a change is about."""

Sureness = Literal["certain", "likely", "possible"]
"""`certain`: it was recorded so. Of what varies from run to run, `certain` and `likely` lie outside the usual, and
`possible` says that too few earlier runs are known to tell."""


class Change(Struct, frozen=True, kw_only=True):
    """One difference between two executions.

    Attributes:
        kind: What it is about.
        what: What changed, in a few words: ``"fit"``, ``"fit's rows"``, ``"pandas"``.
        before: How it was in the other execution; None if it was not there.
        after: How it is in this one; None if it is not there any more.
        sure: How sure it is that it changed, and does not just vary.
        note: What that rests on, or what else to know; may be empty.
        detail: Lines to look at: a unified diff, the lines of a log; may be empty.
        of: What a time is that of: ``"execution"``, ``"task"`` or ``"operation"``; empty for other kinds.
        task: The name of the task it belongs to; empty outside any.
        before_task: Id of the task's call in the other execution; empty if there is none.
        after_task: Id of the task's call in this one; empty if there is none.
        weight: How telling it is, from 0 to 100.
    """

    kind: Kind
    what: str
    before: str | None = None
    after: str | None = None
    sure: Sureness = "certain"
    note: str = ""
    detail: str = ""
    of: Literal["", "execution", "task", "operation"] = ""
    task: str = ""
    before_task: str = ""
    after_task: str = ""
    weight: float = 0.0

    @property
    def where(self) -> str:
        """What sets it apart from others of that name: ``"whole run"``, or such as ``"in fit"``; may be empty."""
        if self.of == "execution":
            return "whole run"
        is_within = self.kind in ("time", "metric", "parameter") and self.of != "task"
        return f"in {self.task}" if is_within and self.task else ""


class Comparison(Struct, kw_only=True):
    """What changed between an execution and another one, before it can show itself: `Changes` is one.

    Its fields are described there.
    """

    execution: ExecutionView
    other: ExecutionView | None = None
    chosen: bool = False
    found: list[Change] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    usual: int = 0
    same: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

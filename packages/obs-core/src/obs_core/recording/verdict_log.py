"""What the checks of an execution found, as far as this process made them: counted, and told to lists of executions."""

from __future__ import annotations

from collections.abc import Callable

from obs_core import clock
from obs_core.journal import records
from obs_core.journal.writer import Journal
from obs_core.locks import new_rlock
from obs_core.outcomes import OUTCOMES, worst_first
from obs_core.text.masking import masked_name, masked_text

__all__ = ["VerdictLog"]

_MOST_SAID = 50
_LONGEST = 200

_SOON, _LATER = 0, 5_000_000_000
"""Nanoseconds between two summaries: the first one, and what failed, is told with the next flush; more of what passed
now and then."""


class VerdictLog:
    """Counts what this process's checks of an execution found.

    Args:
        journal: Gets the summary.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = new_rlock()  # a signal's handler may check something too
        self._forget()

    def _forget(self) -> None:
        self._counts: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
        self._said: dict[tuple[str, str], str] = {}
        self._told = (0, clock.wall(), False)
        self._source: Callable[[], None] | None = None

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return self._counts["failed"]

    def add(self, outcome: str, name: str, found: str) -> None:
        """Count a verdict.

        Args:
            outcome: ``"passed"``, ``"warned"`` or ``"failed"``.
            name: What was checked.
            found: What was found.
        """
        with self._lock:
            sources = self._journal.sources
            if self._source not in sources:  # the first one here; a forked child counts its own
                self._forget()
                self._source = self.write
                sources.append(self._source)
            self._counts[outcome] += 1
            key = outcome, masked_name(name, _LONGEST)
            if key not in self._said and len(self._said) >= _MOST_SAID:
                self._make_room(outcome)
            if key not in self._said and len(self._said) < _MOST_SAID:
                self._said[key] = masked_text(found, _LONGEST)
            if outcome != "passed":
                self._told = (*self._told[:2], True)

    def _make_room(self, outcome: str) -> None:
        """Forget what passed, or then what warned, for what is worse."""
        for milder in ("passed", "warned") if outcome == "failed" else ("passed",):
            if outcome != milder and (key := next((one for one in self._said if one[0] == milder), None)):
                del self._said[key]
                return

    def write(self) -> None:
        """Tell the journal, with the next of what is written, if there is something new."""
        count, at, urgent = self._told
        if clock.wall() - at >= (_SOON if urgent or not count else _LATER) and sum(self._counts.values()) != count:
            self.summarize()

    def summarize(self) -> None:
        """Tell the journal, once more at the end: a list of executions reads the last lines."""
        with self._lock:
            total = sum(self._counts.values())
            if not total or self._source not in self._journal.sources:  # else they are of the parent of this child
                return
            said = [(outcome, name, found) for (outcome, name), found in self._said.items()]
            counts = self._counts
            self._told = total, clock.wall(), False
        said.sort(key=lambda one: worst_first(one[0]))
        summary = records.VerdictSummary(clock.wall(), counts["passed"], counts["warned"], counts["failed"], said)
        self._journal.append(summary)

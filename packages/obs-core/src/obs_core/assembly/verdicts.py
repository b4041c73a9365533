"""What the checks of an execution found, from all its writers."""

from __future__ import annotations

from collections.abc import Iterable

from obs_core.assembly.writers import Writer
from obs_core.journal import records
from obs_core.model import Verdict, VerdictCounts
from obs_core.outcomes import OUTCOMES, worst_first

__all__ = ["VerdictAssembly"]

_MOST_SAID = 50
_LONGEST_NOTE = 200


class VerdictAssembly:
    """The verdicts of an execution while its journal is read.

    Attributes:
        by_task: Those that no deck shows, by the task's global name.
        told: Notes that tell what a verdict tells too: the task's global name and the text.
    """

    def __init__(self) -> None:
        self.by_task: dict[str, list[Verdict]] = {}
        self.told: set[tuple[str, str]] = set()
        self._counted: dict[str, VerdictCounts] = {}
        self._told: dict[str, records.VerdictSummary] = {}

    def take(self, writer: Writer, record: records.VerdictMade, deck: str) -> None:
        """Add what a check found; `deck` is the name of the one that shows it, as far as it is known."""
        counts = self._counted.setdefault(writer.name, VerdictCounts())
        setattr(counts, record.outcome, getattr(counts, record.outcome) + 1)
        if record.deck is not None:
            counts.said.append((record.outcome, deck, record.what))
            return
        counts.said.append((record.outcome, record.what, record.detail))
        if record.task is not None:
            span = "" if record.span is None else writer.global_ref(record.span)
            found = Verdict(record.outcome, record.what, record.detail, span=span)
            self.by_task.setdefault(writer.global_ref(record.task), []).append(found)

    def take_note(self, writer: Writer, record: records.Note) -> None:
        """Count a note as a check that warned, as its writer does, unless a verdict tells it too."""
        if record.checked:
            self.told.add((writer.global_ref(record.task), record.text))
            return
        counts = self._counted.setdefault(writer.name, VerdictCounts())
        counts.warned += 1
        counts.said.append(("warned", "Note", record.text[:_LONGEST_NOTE]))

    def adopt(self, task: str, other: str) -> None:
        """Give a task what was said of another one, by their global names."""
        if (found := self.by_task.pop(other, None)) is not None:
            self.by_task.setdefault(task, []).extend(found)
        for text in [text for ref, text in self.told if ref == other]:
            self.told.add((task, text))

    def take_summary(self, writer: Writer, record: records.VerdictSummary) -> None:
        """Take what a writer says of all its checks; the last one counts."""
        self._told[writer.name] = record

    def counts(self) -> VerdictCounts:
        """Return what all checks found: what was read of them, or what their writers say if that is more."""
        whole = VerdictCounts()
        said: list[tuple[str, str, str]] = []
        for writer in {**self._counted, **self._told}:
            read = self._counted.get(writer, VerdictCounts())
            told = self._told.get(writer)
            whole.passed += max(read.passed, told.passed if told else 0)
            whole.warned += max(read.warned, told.warned if told else 0)
            whole.failed += max(read.failed, told.failed if told else 0)
            said += _known(told.said) if told else read.said
        whole.said = sorted(dict.fromkeys(said), key=lambda one: worst_first(one[0]))[:_MOST_SAID]
        return whole


def _known(said: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [one for one in said if one[0] in OUTCOMES]  # a newer version may know more

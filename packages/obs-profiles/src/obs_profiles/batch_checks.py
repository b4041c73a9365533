"""What is checked while data is read, since the profile does not tell: it knows some of many distinct values alone.

An expectation that is known before the data is profiled can look at each batch while that is in memory, at all of its
values. So the verdict on it is exact, whatever the number of values and of batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from obs_profiles.allowed_values import AllowedValues
from obs_profiles.batches import hashes_in
from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.columns import columns_of
from obs_profiles.expected import Expectation
from obs_profiles.profiles import Profile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BatchChecks", "SeenValues"]


@dataclass(slots=True)
class SeenValues:
    """What was seen, in all batches of a column, of values that may not be there.

    Attributes:
        expected: Which values may be.
        others: Others, as texts with how many of them a batch has.
        batches: In how many batches there are some.
        certain: Whether none of all values could be mistaken for another one.
        looked: Whether any batch was looked at.
    """

    expected: Expectation
    others: list[str] = field(default_factory=list)
    batches: int = 0
    certain: bool = True
    looked: bool = False
    _prepared: tuple[object, AllowedValues] | None = None

    def look(self, frame: Any, batch: Profile) -> None:
        """Look at all values of a batch."""
        self.looked = True
        if self.expected.column not in batch or not batch[self.expected.column].present:
            return
        column = batch[self.expected.column]
        allowed = self._allowed_in(column)
        others, _, told_apart = allowed.others_in(column, lambda: _hashes_in(frame, column.name))
        self.certain = self.certain and told_apart
        self.batches += bool(others)
        self.others += [other for other in others if other not in self.others]

    def _allowed_in(self, column: ColumnProfile) -> AllowedValues:
        """Prepare the values for a column; batches are mostly alike."""
        kind = column.dtype, column.times and column.times.zone
        if self._prepared is None or self._prepared[0] != kind:
            self._prepared = kind, AllowedValues.of(self.expected.values, column)
        return self._prepared[1]


class BatchChecks:
    """Looks at each batch for what the profile of all of them may not tell.

    Args:
        expectations: What is expected.
    """

    def __init__(self, expectations: Sequence[Expectation]) -> None:
        self._seen = {place: SeenValues(each) for place, each in enumerate(expectations) if each.measure == "among"}

    def look(self, frame: Any, batch: Profile) -> None:
        """Look at a batch.

        Args:
            frame: What it holds.
            batch: Its profile.
        """
        for seen in self._seen.values():
            seen.look(frame, batch)

    def seen(self, place: int) -> SeenValues | None:
        """Return what was seen of an expectation, by its place; None if nothing was looked at, as of a profile."""
        seen = self._seen.get(place)
        return seen if seen is not None and seen.looked else None


def _hashes_in(frame: Any, name: str) -> NDArray[np.uint64]:
    return hashes_in(next(values for each, values in columns_of(frame) if each == name))

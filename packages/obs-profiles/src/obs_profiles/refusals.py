"""What tells that data drifted, is not as expected, or could not be checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from obs_core import ObsError

if TYPE_CHECKING:
    from obs_profiles.comparison.compared import ColumnDrift
    from obs_profiles.expected import Verdict

__all__ = [
    "DriftError",
    "DriftWarning",
    "ExpectationError",
    "ExpectationWarning",
    "UncheckedError",
    "UncheckedWarning",
]


class DriftWarning(UserWarning):
    """Data is far from what it was; the task goes on with it."""


class DriftError(ObsError, ValueError):
    """Data is too far from what it was.

    Attributes:
        columns: The columns that drifted, those that came or went first, then the farthest; none if there are no rows.
        segments: Those that drifted in a part of the rows alone, by the segment.
    """

    def __init__(
        self, message: str, columns: list[ColumnDrift], segments: Mapping[str, list[ColumnDrift]] | None = None
    ) -> None:
        super().__init__(message)
        self.columns = columns
        self.segments = dict(segments or {})


class ExpectationWarning(UserWarning):
    """Data is not as expected; the task goes on with it."""


class ExpectationError(ObsError, ValueError):
    """Data is not as expected.

    Attributes:
        failed: The verdicts on what does not hold.
    """

    def __init__(self, message: str, failed: list[Verdict]) -> None:
        super().__init__(message)
        self.failed = failed


class UncheckedWarning(UserWarning):
    """Data could not be checked or compared; the task goes on with it."""


class UncheckedError(ObsError, ValueError):
    """Data could not be checked or compared, and was to be refused unless it is fine."""

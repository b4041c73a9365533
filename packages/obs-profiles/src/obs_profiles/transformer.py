"""How profiles and comparisons are kept in the store and drawn in decks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from obs_core import TypeTransformer
from obs_core.text.numbers import count
from obs_profiles.comparison import ColumnDrift, Drift, drift
from obs_profiles.comparison.facets import Movement
from obs_profiles.expectations import Checked
from obs_profiles.pages import checked_html, drift_html, profile_html
from obs_profiles.profiles import Profile
from obs_profiles.wording import elements_text, visible

__all__ = ["CheckedRenderer", "DriftRenderer", "ProfileTransformer"]

_LONGEST = 30
"""Characters of a value that moved: it stands beside its share, and both of them, before and now, in a line."""


class ProfileTransformer(TypeTransformer[Profile]):
    """Keeps profiles in their own format, loads them, and draws them.

    Examples:
        >>> from obs_profiles import profile
        >>> @task
        ... def describe(delays: list[float | None]) -> Profile:
        ...     return profile({"delay": delays})
        >>> with execution("flights") as run:
        ...     known = describe([3.5, None, 12.0])
        >>> load_execution(run.id).output("describe")["delay"].missing
        1
    """

    python_type = "obs_profiles.profiles.Profile"
    name = "obs.profile"
    extension = ".profile"

    def to_bytes(self, value: Profile) -> bytes:
        """Write a profile."""
        return value.to_bytes()

    def from_bytes(self, data: bytes) -> Profile:
        """Read a profile."""
        return Profile.from_bytes(data)

    def differences(self, before: Profile, after: Profile) -> Iterator[tuple[str, str | None, str | None]]:
        """Return which columns drifted, the farthest first, and what moved most; in a segment, if farther there.

        Args:
            before: The profile of an earlier execution.
            after: That of a later one.
        """
        for where, column in _told(drift(before, after)):
            moved = column.movements[0] if column.movements else None
            if column.reference is None or column.current is None or moved is None:
                was, now = (None if side is None else side.kind for side in (column.reference, column.current))
                yield f"column {column.name}", was, "removed" if now is None else now
            else:
                was, now = (f"{_what(moved)} in {share} of {moved.of}" for share in moved.shares)
                yield f"column {column.name}{where}", was, now
        if before.rows != after.rows:
            yield "rows", count(before.rows), count(after.rows)

    def to_html(self, value: Any) -> str:
        """Draw a profile.

        Raises:
            TypeError: It is no profile.
        """
        if not isinstance(value, Profile):
            raise TypeError(f"ProfileTransformer takes a Profile, not {type(value).__name__}")
        return profile_html(value)


def _told(found: Drift) -> list[tuple[str, ColumnDrift]]:
    """Return the columns that drifted, those that came or went first, each where it drifted farthest."""
    told = []
    for column in found:
        if (worst := found.farthest(column)) is not None:
            told.append((f" {found.where(worst[0])}", worst[1]))
        elif column.drifted:
            told.append(("", column))
    return sorted(told, key=lambda one: -2.0 if one[1].distance is None else -one[1].distance)


def _what(moved: Movement) -> str:
    """Name what moved, as it is read behind the name of a column: ``JFK``, ``missing``, ``pattern Aa``."""
    what = visible(moved.what, most=_LONGEST) or "(empty)"
    named = {"elements": elements_text(what), "length": f"length {what}", "pattern": f"pattern {what}"}
    return named.get(moved.kind, what)


class DriftRenderer:
    """Draws what `obs_profiles.drift` returns; or compares two data sets and draws that.

    Examples:
        >>> from obs_profiles import drift
        >>> html = DriftRenderer().to_html(drift({"delay": range(100)}, {"delay": range(50, 150)}))
    """

    def to_html(self, python_value: Any) -> str:
        """Draw a comparison.

        Raises:
            TypeError: It is no comparison.
        """
        if not isinstance(python_value, Drift):
            raise TypeError(f"DriftRenderer takes what obs_profiles.drift returns, not {type(python_value).__name__}")
        return drift_html(python_value)


class CheckedRenderer:
    """Draws what `obs_profiles.check` returns."""

    def to_html(self, python_value: Any) -> str:
        """Draw verdicts.

        Raises:
            TypeError: It is something else.
        """
        if not isinstance(python_value, Checked):
            raise TypeError(f"CheckedRenderer takes what obs_profiles.check returns, not {type(python_value).__name__}")
        return checked_html(python_value.verdicts, python_value.rows)

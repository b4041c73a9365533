"""How profiles and comparisons are kept in the store and drawn in decks."""

from __future__ import annotations

from typing import Any

from obs_core import TypeTransformer
from obs_profiles.comparison import Drift
from obs_profiles.expectations import Checked
from obs_profiles.pages import checked_html, drift_html, profile_html
from obs_profiles.profiles import Profile

__all__ = ["CheckedRenderer", "DriftRenderer", "ProfileTransformer"]


class ProfileTransformer(TypeTransformer[Profile]):
    """Keeps profiles in their own format, hands them on, and draws them.

    Example:
        >>> @task
        ... def describe(flights: pd.DataFrame) -> Profile:
        ...     return obs_profiles.profile(flights)
        >>> describe(flights)
        >>> load_execution("last").output("describe")["delay"].missing
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

    def to_html(self, value: Any) -> str:
        """Draw a profile.

        Raises:
            TypeError: It is no profile.
        """
        if not isinstance(value, Profile):
            raise TypeError(f"ProfileTransformer takes a Profile, not {type(value).__name__}")
        return profile_html(value)


class DriftRenderer:
    """Draws what `obs_profiles.drift` returns; or compares two data sets and draws that.

    Example:
        >>> html = DriftRenderer().to_html(drift(before, after))
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
        return checked_html(python_value)

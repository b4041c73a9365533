"""What tells that a file of a profile, or data, is damaged."""

from __future__ import annotations

from obs_core import ObsError

__all__ = ["LONGEST_PROBLEM", "ProfileFormatError"]

LONGEST_PROBLEM = 200
"""Characters of what a library says of data that it cannot read: it may repeat half of it."""


class ProfileFormatError(ObsError, ValueError):
    """Bytes are not a profile, or of a newer version; data is damaged; or a profile is too large for a file."""

"""Which try of the engine this process is."""

from __future__ import annotations

from obs_core.failsafe import warn
from obs_core.settings import attempt_text

__all__ = ["attempt_of_environment"]


def attempt_of_environment() -> int:
    """Return what `OBS_ATTEMPT` says, counted from 1; 1 if it says nothing, or no such number, of which it warns."""
    text = attempt_text()
    if not text:
        return 1
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    warn(f"OBS_ATTEMPT counts from 1, got {text!r}; taken as 1")
    return 1

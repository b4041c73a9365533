"""What changed between an execution and another one: times, inputs, outputs, logs, code and surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names

if TYPE_CHECKING:
    from obs_core.reading.changes.change import Change
    from obs_core.reading.changes.comparing import compare
    from obs_core.reading.changes.result import Changes

__all__ = ["Change", "Changes", "compare"]

__getattr__, __dir__ = lazy_names(__name__, {"Change": "change", "Changes": "result", "compare": "comparing"})

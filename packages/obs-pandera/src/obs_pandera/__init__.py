"""Pandera in obs: validation reports as decks, and tasks that validate what they take and return.

Importing this package imports neither pandera nor pandas: both are loaded when something is validated or drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names
from obs_pandera.__about__ import __version__

if TYPE_CHECKING:
    from obs_core import usable_bare
    from obs_pandera import validation
    from obs_pandera.renderers import PandasReportRenderer, SchemaErrorRenderer
    from obs_pandera.validation import UnvalidatedError, ValidationConfig, ValidationWarning, register
    from obs_pandera.verdicts import ValidationFailed, Verdict, merge_verdicts, validate_part

    validated = usable_bare(validation.validated)

_MODULES = {
    "PandasReportRenderer": "renderers",
    "SchemaErrorRenderer": "renderers",
    "UnvalidatedError": "validation",
    "ValidationConfig": "validation",
    "ValidationFailed": "verdicts",
    "ValidationWarning": "validation",
    "Verdict": "verdicts",
    "merge_verdicts": "verdicts",
    "register": "validation",
    "validate_part": "verdicts",
    "validated": "validation",
}

__all__ = [
    "PandasReportRenderer",
    "SchemaErrorRenderer",
    "UnvalidatedError",
    "ValidationConfig",
    "ValidationFailed",
    "ValidationWarning",
    "Verdict",
    "__version__",
    "merge_verdicts",
    "register",
    "validate_part",
    "validated",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)

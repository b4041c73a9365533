"""Pandera in obs: validation reports as decks, and tasks that validate what they take and return.

Importing this package imports neither pandera nor pandas: both are loaded when something is validated or drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obs_pandera.__about__ import __version__

if TYPE_CHECKING:
    from obs_pandera.renderers import PandasReportRenderer, SchemaErrorRenderer
    from obs_pandera.validation import ValidationConfig, ValidationWarning, register, validated
    from obs_pandera.verdicts import ValidationFailed, Verdict, merge_verdicts, validate_part

_MODULES = {
    "PandasReportRenderer": "renderers",
    "SchemaErrorRenderer": "renderers",
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


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what has not been loaded too."""
    return sorted({*globals(), *__all__})

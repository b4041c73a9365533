"""The environment variables by which obs-core is set up, with what they mean; ``obs doctor`` shows those that are set.

Where secrets are looked up is in `obs_core.secrets`; what a terminal can do is in `obs_core.text.terminal`.
"""

from __future__ import annotations

import os

__all__ = [
    "VARIABLES",
    "attempt_text",
    "carrier_text",
    "decks_enabled",
    "logs_text",
    "profile_text",
    "resources_enabled",
    "store_url",
    "strict",
    "ui_url",
]

VARIABLES = {
    "OBS_STORE": "where executions are kept: a folder or any fsspec URL; default .obs",
    "OBS_ENABLE_DECK": "0 turns decks and reports off",
    "OBS_LOGS": "what is kept of a program's output: 0, logging, streams (default), or all",
    "OBS_STRICT": "1 turns obs's own failures into errors",
    "OBS_UI_URL": "the address of the execution UI, for links",
    "OBS_ATTEMPT": "which try this is, counted from 1",
    "OBS_CARRIER": "the span of another process under which this one goes on, as JSON",
    "OBS_RESOURCES": "0 turns the samples of CPU, memory and I/O off; they need the package obs-resources",
    "OBS_PROFILE": "samples a second of a CPU profile of everything, such as 100; needs the package obs-resources",
    "OBS_SECRETS_DIR": "the folder of secrets; default /etc/secrets",
}
"""Name to meaning. Secrets themselves are also looked up as ``OBS_SECRET_<GROUP>_<KEY>``."""


def store_url() -> str:
    """Return the store in use: `OBS_STORE`, or ``.obs`` in the working directory."""
    return os.environ.get("OBS_STORE") or ".obs"


def decks_enabled() -> bool:
    """Tell whether `OBS_ENABLE_DECK` allows decks."""
    return _is_on("OBS_ENABLE_DECK")


def resources_enabled() -> bool:
    """Tell whether `OBS_RESOURCES` allows samples of what is used."""
    return _is_on("OBS_RESOURCES")


def profile_text() -> str:
    """Return what `OBS_PROFILE` says; empty if it says nothing."""
    return os.environ.get("OBS_PROFILE", "")


def logs_text() -> str:
    """Return what `OBS_LOGS` says; empty if it says nothing."""
    return os.environ.get("OBS_LOGS", "")


def strict() -> bool:
    """Tell whether `OBS_STRICT` asks for errors instead of warnings."""
    return os.environ.get("OBS_STRICT", "0") not in ("", "0")


def ui_url() -> str:
    """Return the address of the execution UI without a slash at its end; empty if `OBS_UI_URL` names none."""
    return os.environ.get("OBS_UI_URL", "").rstrip("/")


def attempt_text() -> str:
    """Return what `OBS_ATTEMPT` says; empty if it says nothing."""
    return os.environ.get("OBS_ATTEMPT", "")


def carrier_text() -> str:
    """Return what `OBS_CARRIER` says; empty if it says nothing."""
    return os.environ.get("OBS_CARRIER", "")


def _is_on(name: str) -> bool:
    return os.environ.get(name, "1").lower() not in ("0", "false", "no", "off")

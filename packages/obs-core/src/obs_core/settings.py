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
    "keep_text",
    "logs_text",
    "profile_text",
    "quiet",
    "render_timeout",
    "reports_written",
    "resources_enabled",
    "store_url",
    "strict",
    "ui_url",
]

VARIABLES = {
    "OBS_STORE": "where executions are kept: a folder or any fsspec URL; default .obs",
    "OBS_ENABLE_DECK": "0 turns decks and reports off",
    "OBS_WRITE_REPORTS": "1 writes each task's report as an HTML file when it ends; default 0: `obs show` makes it",
    "OBS_LOGS": "what is kept of a program's output: 0, logging, streams (default), or all",
    "OBS_STRICT": "1 turns obs's own failures into errors",
    "OBS_RENDER_TIMEOUT": "seconds that drawing one value may take; default 10, 0 for no limit",
    "OBS_QUIET": "1 shows nothing in the terminal: no progress, no status line, no closing line",
    "OBS_KEEP": "what `obs gc` and `obs ui --gc` keep: an age, a number of executions of each name, or both: 30d,1000",
    "OBS_UI_URL": "the address of the execution UI, for links",
    "OBS_ATTEMPT": "the number of this attempt, counted from 1",
    "OBS_CARRIER": "another process's carrier, as JSON: this process attaches to that span",
    "OBS_RESOURCES": "0 turns the samples of CPU, memory and I/O off; they need the package obs-resources",
    "OBS_PROFILE": "samples a second of a CPU profile of everything, such as 100; needs the package obs-resources",
    "OBS_SECRETS_DIR": "the folder of secrets; default /etc/secrets",
}
"""Name to meaning. Secrets themselves are also looked up as ``OBS_SECRET_<GROUP>_<KEY>``."""


_KEYS = {name: os.environ.encodekey(name) if hasattr(os.environ, "encodekey") else name for name in VARIABLES}

_RENDER_TIMEOUT = 10.0
_LONGEST = 1e9


def _text(name: str) -> str:
    """Return what a variable says; empty if it is not set.

    Tasks and executions ask for several each, and for what is not set `os.environ` raises and catches two exceptions:
    its own dict says so at once.
    """
    environ = os.environ
    told = getattr(environ, "_data", None)
    return "" if told is not None and _KEYS[name] not in told else environ.get(name, "")


def store_url() -> str:
    """Return the store in use: `OBS_STORE`, or ``.obs`` in the working directory."""
    return _text("OBS_STORE") or ".obs"


def decks_enabled() -> bool:
    """Tell whether `OBS_ENABLE_DECK` allows decks."""
    return _is_on("OBS_ENABLE_DECK")


def resources_enabled() -> bool:
    """Tell whether `OBS_RESOURCES` allows samples of what is used."""
    return _is_on("OBS_RESOURCES")


def profile_text() -> str:
    """Return what `OBS_PROFILE` says; empty if it says nothing."""
    return _text("OBS_PROFILE")


def reports_written() -> bool:
    """Tell whether `OBS_WRITE_REPORTS` asks for a report file at the end of each task."""
    return _text("OBS_WRITE_REPORTS").lower() in ("1", "true", "yes", "on")


def logs_text() -> str:
    """Return what `OBS_LOGS` says; empty if it says nothing."""
    return _text("OBS_LOGS")


def strict() -> bool:
    """Tell whether `OBS_STRICT` asks for errors instead of warnings."""
    return _text("OBS_STRICT") not in ("", "0")


def render_timeout() -> float:
    """Return how many seconds drawing one value may take: `OBS_RENDER_TIMEOUT`, or 10; 0 stands for no limit."""
    try:
        seconds = float(_text("OBS_RENDER_TIMEOUT") or _RENDER_TIMEOUT)
    except ValueError:
        return _RENDER_TIMEOUT
    return seconds if 0 <= seconds < _LONGEST else 0.0


def quiet() -> bool:
    """Tell whether `OBS_QUIET` asks to show nothing in the terminal while a pipeline runs."""
    return _text("OBS_QUIET") not in ("", "0")


def keep_text() -> str:
    """Return what `OBS_KEEP` says; empty if it says nothing."""
    return _text("OBS_KEEP").strip()


def ui_url() -> str:
    """Return the address of the execution UI without a slash at its end; empty if `OBS_UI_URL` names none."""
    return _text("OBS_UI_URL").rstrip("/")


def attempt_text() -> str:
    """Return what `OBS_ATTEMPT` says; empty if it says nothing."""
    return _text("OBS_ATTEMPT")


def carrier_text() -> str:
    """Return what `OBS_CARRIER` says; empty if it says nothing."""
    return _text("OBS_CARRIER")


def _is_on(name: str) -> bool:
    return _text(name).lower() not in ("0", "false", "no", "off")

"""Comet in obs: a task's experiment is started, fed, linked in both directions and closed with its true end state.

Importing this package does not import comet_ml: a task that is tracked does. Import comet_ml yourself, before the
libraries whose training it should log.
"""

from __future__ import annotations

from obs_comet.__about__ import __version__
from obs_comet.tracking import comet_ml_init, comet_ml_login

__all__ = ["__version__", "comet_ml_init", "comet_ml_login"]

"""Comet in obs: a task's experiment is started, fed, linked in both directions and closed with its true end state.

Importing this package does not import comet_ml: a task that is tracked does. Import comet_ml yourself, before the
libraries whose training it should log.
"""

from __future__ import annotations

from obs_comet import tracking
from obs_comet.__about__ import __version__
from obs_core import usable_bare

__all__ = ["__version__", "comet_ml_init", "comet_ml_login"]

comet_ml_init = usable_bare(tracking.comet_ml_init)
comet_ml_login = usable_bare(tracking.comet_ml_login)

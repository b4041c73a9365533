"""W&B in obs: a task's run is started, fed, linked in both directions and closed with its true end state.

Importing this package does not import wandb: a task that is tracked does.
"""

from __future__ import annotations

from obs_core import usable_bare
from obs_wandb import tracking
from obs_wandb.__about__ import __version__

__all__ = ["__version__", "wandb_init"]

wandb_init = usable_bare(tracking.wandb_init)

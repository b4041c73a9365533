"""W&B in obs: a task's run is started, fed, linked in both directions and closed with its true end state.

Importing this package does not import wandb: a task that is tracked does.
"""

from __future__ import annotations

from obs_wandb.__about__ import __version__
from obs_wandb.tracking import wandb_init

__all__ = ["__version__", "wandb_init"]

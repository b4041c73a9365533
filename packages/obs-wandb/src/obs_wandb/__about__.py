"""The version of obs-wandb."""

__version__ = "0.1.0"

"""The version of obs-profiles."""

__version__ = "0.1.0"

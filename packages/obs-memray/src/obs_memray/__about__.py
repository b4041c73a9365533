"""The version of obs-memray."""

__version__ = "0.1.0"

"""The version of obs-core."""

__version__ = "0.1.0"

"""The version of obs-comet."""

__version__ = "0.1.0"

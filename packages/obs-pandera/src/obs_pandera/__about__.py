"""The version of obs-pandera."""

__version__ = "0.1.0"

"""The version of obs-whylogs."""

__version__ = "0.1.0"

"""The version of obs-resources."""

__version__ = "0.1.0"

"""The version of obs-ui."""

__version__ = "0.1.0"

"""The version of obs-renderers."""

__version__ = "0.1.0"

"""The version of obs-dask."""

__version__ = "0.1.0"

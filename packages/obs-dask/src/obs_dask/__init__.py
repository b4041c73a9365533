"""obs on Dask's distributed scheduler: one trace, one set of reports and one verdict on the data of a cluster."""

from __future__ import annotations

from obs_dask.__about__ import __version__
from obs_dask.observing import observe
from obs_dask.profiles import profile
from obs_dask.validation import validate

__all__ = ["__version__", "observe", "profile", "validate"]

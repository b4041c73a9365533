"""obs on Dask's distributed scheduler: one trace, one set of reports and one verdict on the data of a cluster."""

from obs_dask.__about__ import __version__
from obs_dask.observing import observe

__all__ = ["__version__", "observe"]

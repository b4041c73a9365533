"""What a user is told where whylogs is not installed."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec

__all__ = ["need_whylogs"]


def need_whylogs() -> None:
    """Make sure that whylogs is installed: obs-whylogs brings it only where it has a wheel.

    Raises:
        ModuleNotFoundError: It is not installed; says where it is to be had, and how to build it.
    """
    if find_spec("whylogs") is None:
        here = f"Python {sys.version_info.major}.{sys.version_info.minor} on {platform.system()} {platform.machine()}"
        raise ModuleNotFoundError(
            f"whylogs is not installed: it has wheels for Python 3.11 on x86_64 and for Python 3.12 on Linux only, and"
            f" this is {here}; with a C++ compiler, pip install 'whylogs>=1.6.4,<2' builds it",
            name="whylogs",
        )

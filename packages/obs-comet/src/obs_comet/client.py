"""The client: loaded without its calls to third parties, and without keys in what it logs."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from obs_core.secrets import mask

__all__ = ["NO", "QUIET", "came_too_late", "load", "mask_logs"]

QUIET = (
    "log_code",
    "log_env_cpu",
    "log_env_details",
    "log_env_disk",
    "log_env_gpu",
    "log_env_host",
    "log_env_network",
    "log_git_metadata",
    "log_git_patch",
)
"""What an experiment does not look at unless it is asked to: some of it asks the cloud's metadata address."""

NO = frozenset({"0", "false", "no", "off"})
"""What an environment variable holds that turns something off."""

_LOGGED_BY_ITSELF = ("fastai", "keras", "lightgbm", "pytorch_lightning", "sklearn", "tensorflow", "torch", "xgboost")


def load() -> Any:
    """Import comet_ml, and return its module.

    It reports its own errors to a third party from its import on, unless it is told not to; who wants that sets
    ``COMET_ERROR_TRACKING_ENABLE=true``.
    """
    wanted = os.environ.setdefault("COMET_ERROR_TRACKING_ENABLE", "false")
    import comet_ml

    if wanted.lower() in NO:
        _stop_error_tracking()
    mask_logs()
    return comet_ml


def _stop_error_tracking() -> None:
    """Undo what the client did if it was imported before it was told not to."""
    logger = logging.getLogger("comet_ml")
    for handler in list(logger.handlers):
        if type(handler).__module__.partition(".")[0] == "sentry_sdk":
            logger.removeHandler(handler)


def came_too_late() -> list[str]:
    """Name the libraries that were imported before comet_ml, which then does not log them."""
    if "comet_ml" in sys.modules:
        return []
    return [name for name in _LOGGED_BY_ITSELF if name in sys.modules]


def mask_logs() -> None:
    """Mask keys in what the client logs: it logs the key of a refused login."""
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if name.partition(".")[0] == "comet_ml" and _masking not in logger.filters:
            logger.addFilter(_masking)


def _masking(record: logging.LogRecord) -> bool:
    record.msg, record.args = mask(record.getMessage()), ()
    return True


def _after_fork() -> None:
    """The parent's experiment is the parent's: it must not be ended from here."""
    if "comet_ml" in sys.modules:
        config: Any = sys.modules["comet_ml.config"]
        config.set_global_experiment(None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

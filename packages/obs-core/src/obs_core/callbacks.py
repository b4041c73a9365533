"""Callbacks that log what training libraries report: Keras, Lightning, Transformers, XGBoost, LightGBM.

Each is a subclass of the library's own base, which is imported when the callback is first asked for: importing this
module imports none of them.

Examples:
    >>> from obs_core.callbacks import XGBoostCallback  # doctest: +SKIP
    >>> xgboost.train(params, data, evals=[(data, "train")], callbacks=[XGBoostCallback()])  # doctest: +SKIP
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from obs_core.failsafe import ObsError
from obs_core.recording.metrics import log_metrics, log_params

__all__ = ["KerasCallback", "LightGBMCallback", "LightningLogger", "TransformersCallback", "XGBoostCallback"]

if TYPE_CHECKING:
    KerasCallback: Any
    LightningLogger: Any
    TransformersCallback: Any
    XGBoostCallback: Any


class LightGBMCallback:
    """Logs LightGBM's evaluations, ``"valid/l2"``, by iteration.

    Examples:
        >>> lightgbm.train(params, data, valid_sets=[valid], callbacks=[LightGBMCallback()])  # doctest: +SKIP
    """

    order = 20
    before_iteration = False

    def __call__(self, env: Any) -> None:
        """Log the evaluations of one iteration."""
        results = env.evaluation_result_list or ()
        log_metrics({f"{data}/{name}": value for data, name, value, *_ in results}, step=env.iteration)


def _keras(base: type[Any]) -> type[Any]:
    class KerasCallback(base):  # type: ignore[misc]
        """Logs Keras's losses and metrics by epoch: ``model.fit(..., callbacks=[KerasCallback()])``."""

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            """Log what an epoch came to."""
            log_metrics(_numbers(logs), step=epoch)

    return KerasCallback


def _lightning(base: type[Any]) -> type[Any]:
    class LightningLogger(base):  # type: ignore[misc]
        """Logs what a Lightning module logs, by global step: ``Trainer(logger=LightningLogger())``."""

        @property
        def name(self) -> str:
            """The logger's name."""
            return "obs"

        @property
        def version(self) -> str:
            """The logger's version, which Lightning puts into paths."""
            return "0"

        def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
            """Log metrics."""
            log_metrics(_numbers(metrics), step=step)

        def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
            """Log parameters: a mapping or a namespace."""
            log_params(params if isinstance(params, Mapping) else vars(params))

    return LightningLogger


def _transformers(base: type[Any]) -> type[Any]:
    class TransformersCallback(base):  # type: ignore[misc]
        """Logs what Transformers' Trainer logs, by global step: ``Trainer(callbacks=[TransformersCallback()])``."""

        def on_log(
            self, _args: Any, state: Any, _control: Any, logs: Mapping[str, Any] | None = None, **_: Any
        ) -> None:
            """Log metrics."""
            log_metrics(_numbers(logs), step=state.global_step)

    return TransformersCallback


def _xgboost(base: type[Any]) -> type[Any]:
    class XGBoostCallback(base):  # type: ignore[misc]
        """Logs XGBoost's evaluations, ``"valid/rmse"``, by iteration: ``train(..., callbacks=[XGBoostCallback()])``."""

        def after_iteration(self, _model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Any]]) -> bool:
            """Log the evaluations of one iteration; training goes on."""
            for data, metrics in evals_log.items():
                last = {name: values[-1] for name, values in metrics.items() if values}
                # In cross validation each is a mean with its deviation.
                means = {name: value[0] if isinstance(value, tuple) else value for name, value in last.items()}
                log_metrics({f"{data}/{name}": value for name, value in means.items()}, step=epoch)
            return False

    return XGBoostCallback


_CALLBACKS: dict[str, tuple[tuple[str, ...], Callable[[type[Any]], type[Any]]]] = {
    "KerasCallback": (("keras.callbacks.Callback", "tensorflow.keras.callbacks.Callback"), _keras),
    "LightningLogger": (("lightning.pytorch.loggers.Logger", "pytorch_lightning.loggers.Logger"), _lightning),
    "TransformersCallback": (("transformers.TrainerCallback",), _transformers),
    "XGBoostCallback": (("xgboost.callback.TrainingCallback",), _xgboost),
}
"""The dotted names of each callback's base, the first that is installed counts, and what makes it."""


def __getattr__(name: str) -> Any:
    if name not in _CALLBACKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _made(name)


@functools.cache
def _made(name: str) -> type[Any]:
    bases, make = _CALLBACKS[name]
    for dotted in bases:
        module, _, base = dotted.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), base)
        except ImportError:
            continue
        return make(found)
    package = bases[0].partition(".")[0]
    raise ObsError(f"{name} needs {package}, which is not installed; type: pip install {package}")


def _numbers(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Leave out what is no number: libraries log texts beside them."""
    return {name: value for name, value in (logs or {}).items() if not isinstance(value, (str, bytes, type(None)))}

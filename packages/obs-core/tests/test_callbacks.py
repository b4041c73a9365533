"""Callbacks of training libraries, with the real libraries where they are installed."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import pytest

from obs_core import ObsError, callbacks, load_execution, task
from obs_core.testing import RecordingStore

ROUNDS = 5


def numbers() -> tuple[Any, Any]:
    """A small regression."""
    numpy = pytest.importorskip("numpy")
    generator = random.Random(7)
    rows = numpy.array([[generator.random() for _ in range(3)] for _ in range(200)])
    return rows, rows.sum(axis=1)


def test_xgboost_is_logged_by_iteration(store: RecordingStore) -> None:
    xgboost = pytest.importorskip("xgboost")
    rows, target = numbers()
    results: dict[str, Any] = {}

    @task
    def fit() -> None:
        data = xgboost.DMatrix(rows, target)
        parameters = {"objective": "reg:squarederror", "nthread": 1}
        callback = callbacks.XGBoostCallback()
        xgboost.train(
            parameters, data, ROUNDS, evals=[(data, "train")], evals_result=results, verbose_eval=False,
            callbacks=[callback],
        )  # fmt: skip

    fit()
    logged = load_execution("last", store).metrics("train/rmse")
    assert list(logged.step) == list(range(ROUNDS))
    assert list(logged.value) == results["train"]["rmse"]


def test_lightgbm_is_logged_by_iteration(store: RecordingStore) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    rows, target = numbers()
    results: dict[str, Any] = {}

    @task
    def fit() -> None:
        data = lightgbm.Dataset(rows, target)
        parameters = {"objective": "regression", "num_threads": 1, "verbosity": -1}
        recorded = lightgbm.record_evaluation(results)
        lightgbm.train(
            parameters, data, ROUNDS, valid_sets=[data], valid_names=["train"],
            callbacks=[callbacks.LightGBMCallback(), recorded],
        )  # fmt: skip

    fit()
    logged = load_execution("last", store).metrics("train/l2")
    assert list(logged.step) == list(range(ROUNDS))
    assert list(logged.value) == results["train"]["l2"]


def test_a_library_that_is_missing_is_named() -> None:
    callbacks._made.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "xgboost.callback", None)
        with pytest.raises(ObsError, match="XGBoostCallback needs xgboost, which is not installed"):
            _ = callbacks.XGBoostCallback
    callbacks._made.cache_clear()


def test_importing_callbacks_imports_no_library() -> None:
    source = (
        "import obs_core.callbacks, sys\n"
        "print([n for n in ('keras', 'lightning', 'torch', 'transformers', 'xgboost', 'lightgbm') if n in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"

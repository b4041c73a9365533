"""What executions are called whose curves are laid over each other."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from obs_core import execution, log_metric, log_params


def recorded(tags: Mapping[str, str], params: Mapping[str, Any] | None = None, name: str = "sweep") -> str:
    with execution(name, tags=dict(tags)) as run:
        log_params(dict(params or {}))
        log_metric("loss", 1.0)
        return run.id


@pytest.fixture
def curves(serve: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """The curves of executions, as the page is told them."""

    def ask(*ids: str) -> list[dict[str, Any]]:
        query = "&".join(f"chosen={one}" for one in ids)
        with urllib.request.urlopen(f"{serve().url}compare/metrics?{query}") as answer:
            found: list[dict[str, Any]] = json.load(answer)["curves"]
        return found

    return ask


def test_curves_are_called_by_the_tags_and_parameters_that_differ(curves: Callable[..., Any]) -> None:
    ids = [recorded({"lr": lr, "team": "a"}, {"depth": 3, "seed": seed}) for lr, seed in (("0.1", 1), ("0.01", 1))]
    found = curves(*ids)
    assert [one["label"] for one in found] == ["lr=0.1", "lr=0.01"]
    assert not any("began" in one for one in found)


def test_what_only_some_have_is_told_and_names_and_values_are_short(curves: Callable[..., Any]) -> None:
    ids = [recorded({}, {"note": "x" * 100}, "fit"), recorded({}, {}, "train")]
    assert [one["label"] for one in curves(*ids)] == [f"fit note={'x' * 23}…", "train no note"]


def test_executions_that_differ_in_too_little_have_their_ids_too(curves: Callable[..., Any]) -> None:
    ids = [recorded({"lr": lr}) for lr in ("0.1", "0.1", "0.2")]
    found = curves(*ids)
    assert [one["label"] for one in found] == [
        f"{one[-6:]}, lr={lr}" for one, lr in zip(ids, ("0.1", "0.1", "0.2"), strict=True)
    ]


def test_executions_that_differ_in_nothing_are_told_by_id_and_time(curves: Callable[..., Any]) -> None:
    ids = [recorded({}) for _ in range(2)]
    found = curves(*ids)
    assert [one["label"] for one in found] == [one[-6:] for one in ids]
    assert all(one["began"] for one in found)


def test_the_page_says_which_execution_is_which(serve: Callable[..., Any]) -> None:
    query = "&".join(f"chosen={recorded({'lr': lr})}" for lr in ("0.1", "0.01", "0.3"))
    with urllib.request.urlopen(f"{serve().url}compare?{query}") as answer:
        page = answer.read().decode()
    assert [page.count(f"<bdi>lr={lr}</bdi>") for lr in ("0.1", "0.01", "0.3")] == [1, 1, 1]

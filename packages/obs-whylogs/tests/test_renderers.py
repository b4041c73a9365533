"""The pages of drift, constraints and profiles."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")

from whylogs.core.constraints import ConstraintsBuilder, MetricConstraint, MetricsSelector
from whylogs.core.constraints.factories import greater_than_number, no_missing_values, null_percentage_below_number
from whylogs.core.view.dataset_profile_view import DatasetProfileView

from obs_core import load_execution, task
from obs_core.rendering import render
from obs_core.testing import RecordingStore, RendererContract, TransformerContract
from obs_whylogs import (
    WhylogsConstraintsRenderer,
    WhylogsDatasetProfileTransformer,
    WhylogsSummaryDriftRenderer,
    profile,
)

FRAME = pd.DataFrame({"delay": [3.5, None, 12.0, -2.0] * 20, "origin": ["EWR", "JFK", None, "EWR"] * 20})


def text_of(html: str) -> str:
    """What a reader sees, without style and script."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def constraints(view: Any, *made: Any) -> Any:
    builder = ConstraintsBuilder(view)
    for each in made:
        builder.add_constraint(each)
    return builder.build()


def breaking(name: str, column: str) -> MetricConstraint:
    return MetricConstraint(
        name=name,
        condition=lambda metric: metric.no_such_thing > 0,
        metric_selector=MetricsSelector(metric_name="distribution", column_name=column),
    )


class Drift:
    """The drift renderer with one argument, as the contract calls it."""

    def to_html(self, value: Any) -> str:
        return WhylogsSummaryDriftRenderer.to_html(value, value)


class TestDriftRenderer(RendererContract):
    renderer = Drift()
    values = (FRAME, profile(FRAME), pd.DataFrame(), pd.DataFrame({"it": []}), pd.DataFrame({"it": [None, None]}))
    wrong = None

    def hostile(self, text: str) -> Any:
        return pd.DataFrame({text: [text, text + "!"] * 20})

    def snapshot(self, value: Any) -> object:
        return value.serialize() if hasattr(value, "serialize") else super().snapshot(value)


class TestConstraintsRenderer(RendererContract):
    renderer = WhylogsConstraintsRenderer()
    values = (
        constraints(profile(FRAME), greater_than_number("delay", number=-60), no_missing_values("origin")),
        constraints(profile(FRAME)),
        constraints(profile(FRAME), breaking("breaks", "delay")),
    )

    def hostile(self, text: str) -> Any:
        view = profile(pd.DataFrame({text: [text, text, 1.5]}))
        named = MetricConstraint(
            name=text,
            condition=lambda metric: False,
            metric_selector=MetricsSelector(metric_name="frequent_items", column_name=text),
        )
        return constraints(view, named)

    def snapshot(self, value: Any) -> object:
        return value.dataset_profile_view.serialize()


class TestTransformer(TransformerContract):
    transformer = WhylogsDatasetProfileTransformer()
    values = (profile(FRAME), profile(pd.DataFrame()), profile(pd.DataFrame({"a": [1], "": ["x"]})))

    def equal(self, one: Any, other: Any) -> bool:
        return isinstance(one, DatasetProfileView) and rounded(one) == rounded(other)


class TestProfileRenderer(RendererContract):
    renderer = WhylogsDatasetProfileTransformer()
    values = (profile(FRAME), profile(pd.DataFrame()))

    def hostile(self, text: str) -> Any:
        return profile(pd.DataFrame({text: [text] * 3}))

    def snapshot(self, value: Any) -> object:
        return value.serialize()


def rounded(view: Any) -> object:
    """All that a profile says; its time is kept to the millisecond."""
    columns = {name: repr(sorted(column.to_summary_dict().items())) for name, column in view.get_columns().items()}
    return columns, int(view.creation_timestamp.timestamp() * 1000)


def test_a_drift_page_says_plainly_what_drifted() -> None:
    before = pd.DataFrame({"moved": [1.0] * 100, "stayed": range(100), "gone": ["x"] * 100})
    after = pd.DataFrame({"moved": [2.0] * 50 + [None] * 50, "stayed": range(100), "new": [True] * 100})
    shown = text_of(WhylogsSummaryDriftRenderer.to_html(before, after))
    assert "3 of 4 columns drifted" in shown
    assert "100 rows" in shown
    for name, says in (("gone", "removed"), ("new", "added"), ("moved", r"strong \d\.\d\d")):
        assert re.search(rf"{name}.{{1,30}}{says}", shown), (name, shown)
    assert re.search(r"stayed.{1,30}no drift 0\.00", shown)
    assert "missing 0 % → 50.0 %" in shown


def test_a_drift_page_of_profiles_says_what_the_one_of_the_frames_does() -> None:
    frame = pd.DataFrame({"delay": range(500), "origin": ["EWR", "JFK"] * 250})
    kept = DatasetProfileView.deserialize(profile(frame).serialize())
    for one, other in ((kept, kept), (kept, frame), (frame, frame)):
        assert "No drift" in WhylogsSummaryDriftRenderer.to_html(one, other)


@pytest.mark.parametrize(("reference", "target", "says"), [(None, FRAME, "reference_data"), (FRAME, 5, "int")])
def test_what_cannot_be_compared_is_named(reference: Any, target: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        WhylogsSummaryDriftRenderer.to_html(reference, target)


def test_constraints_show_what_decided_them_and_failed_ones_first() -> None:
    view = profile(FRAME)
    built = constraints(
        view,
        greater_than_number("delay", number=-60),
        no_missing_values("origin"),
        null_percentage_below_number("delay", number=0.5),
        breaking("breaks", "delay"),
    )
    shown = text_of(WhylogsConstraintsRenderer.to_html(built))
    assert "2 of 4 failed" in shown
    assert re.search(r"origin has no missing values.*failed.*null 20", shown)
    assert re.search(r"breaks.*failed.*AttributeError", shown)
    assert shown.index("breaks") < shown.index("passed")
    assert re.search(r"delay greater than number -60.*passed.*min -2", shown)


def test_a_constraint_about_a_column_without_values_says_so() -> None:
    built = constraints(profile(pd.DataFrame({"it": pd.Series([None], dtype=float)})), greater_than_number("it", 0))
    page = WhylogsConstraintsRenderer.to_html(built)
    assert "nothing to check" in text_of(page)
    assert "obs:verdict passed" not in page
    assert "All passed" not in page


def test_constraints_without_a_profile_are_refused() -> None:
    from whylogs.core.constraints import Constraints

    with pytest.raises(ValueError, match="ConstraintsBuilder"):
        WhylogsConstraintsRenderer.to_html(Constraints())


def test_profiles_and_constraints_draw_themselves_in_decks() -> None:
    assert "Data profile" in render(profile(FRAME))
    assert "All passed" in render(constraints(profile(FRAME), greater_than_number("delay", number=-60)))


def test_a_profile_is_handed_on_and_loaded_by_a_later_execution(store: RecordingStore) -> None:
    @task
    def describe() -> Any:
        return profile(FRAME)

    @task
    def count(view: Any) -> int:
        return int(view.get_column("delay").get_metric("counts").n.value)

    assert count(describe()) == len(FRAME)
    back = load_execution("last", store=store)
    assert back.output("count") == len(FRAME)
    (describing,) = [each for each in store.executions() if each.tasks[0].name == "describe"]
    view = load_execution(describing.id, store=store).output("describe")
    assert view.get_column("delay").get_metric("counts").null.value == 20


@pytest.mark.slow
@pytest.mark.whylogs
def test_five_thousand_columns_stay_readable() -> None:
    frame = pd.DataFrame(np.arange(50_000.0).reshape(10, 5_000), columns=[f"column {k}" for k in range(5_000)])
    html = WhylogsSummaryDriftRenderer.to_html(frame, frame)
    assert all(f"column {k}<" in html for k in range(0, 5_000, 100))
    assert "Pictures are drawn of the first 200" in html
    assert len(html) < 6_000_000


@pytest.mark.parametrize(
    "values", [[float("inf")], [float("-inf"), float("inf")], [1.0, float("inf")], [-1.7e308, 1.7e308], [5e-324, 0.0]]
)
def test_extreme_numbers_are_drawn(values: list[float]) -> None:
    frame = pd.DataFrame({"it": values * 20})
    assert "No drift" in WhylogsSummaryDriftRenderer.to_html(frame, frame)
    assert "Data profile" in WhylogsDatasetProfileTransformer().to_html(profile(frame))


TEXTS = st.text("ab<&\n", max_size=5)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.datetimes())


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, max_size=15), st.lists(VALUES, max_size=15), TEXTS)
def test_any_two_columns_can_be_compared_and_drawn(before: list[Any], after: list[Any], name: str) -> None:
    one, other = (pd.DataFrame({name: pd.Series(values, dtype=object)}) for values in (before, after))
    html = WhylogsSummaryDriftRenderer.to_html(one, other) + WhylogsDatasetProfileTransformer().to_html(profile(one))
    assert "nan" not in text_of(html).replace("of these NaN", "").lower()  # how many of the missing are NaN

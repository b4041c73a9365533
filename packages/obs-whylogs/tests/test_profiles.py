"""Profiles: the same as whylogs' own, from any kind of data, in batches and merged."""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")

import obs_whylogs
from obs_core.testing import ImportContract
from obs_whylogs import merge_profiles, profile

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "number": RANDOM.normal(50, 12, 20_000),
        "gaps": np.where(RANDOM.random(20_000) > 0.3, RANDOM.normal(size=20_000), np.nan),
        "count": RANDOM.integers(0, 500, 20_000),
        "flag": RANDOM.random(20_000) > 0.35,  # no quantile of the summary lies where False becomes True
        "word": pd.Series(RANDOM.choice(["EWR", "JFK", "LGA"], 20_000), dtype=object),
    }
)


class TestPackage(ImportContract):
    package = "obs_whylogs"
    lazy = ("whylogs", "pandas", "numpy", "scipy")


def summary(view: Any) -> dict[str, dict[str, Any]]:
    return {name: column.to_summary_dict() for name, column in view.get_columns().items()}


def assert_same_but_for_sketches(one: Any, other: Any) -> None:
    ours, theirs = summary(one), summary(other)
    assert ours.keys() == theirs.keys()
    for name, column in theirs.items():
        assert ours[name].keys() == column.keys(), name
        for metric, value in column.items():
            found = ours[name][metric]
            if metric.startswith("cardinality/"):
                assert found == pytest.approx(value, rel=0.05), (name, metric)
            elif "/q_" in metric or metric.endswith("/median"):
                # Both are within 0.4 % of the ranks, so they agree within 0.8 %.
                assert value is None or rank(name, found) == pytest.approx(rank(name, value), abs=0.008), (name, metric)
            elif metric == "frequent_items/frequent_strings":
                assert {item.value: item.est for item in found} == {item.value: item.est for item in value}, name
            elif isinstance(value, float):
                assert found == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), (name, metric)
            else:
                assert found == value, (name, metric)


def rank(name: str, value: float) -> float:
    column = FRAME[name].dropna().to_numpy(float)
    return float((column < value).mean() + (column <= value).mean()) / 2


def test_a_profile_is_the_one_that_whylogs_makes() -> None:
    import whylogs

    assert_same_but_for_sketches(profile(FRAME), whylogs.log(FRAME).view())


def test_log_returns_a_result_set_that_goes_on_tracking() -> None:
    results = obs_whylogs.log(FRAME)
    assert summary(results.view())["count"]["counts/n"] == 20_000
    results.profile().track({"count": 7})
    assert summary(results.view())["count"]["counts/n"] == 20_001


def batches_of_pandas(path: Path) -> Any:
    FRAME.to_csv(path / "data.csv", index=False)
    return pd.read_csv(path / "data.csv", chunksize=3_000)


def parquet_file(path: Path) -> Any:
    pytest.importorskip("pyarrow")
    FRAME.to_parquet(path / "data.parquet", row_group_size=4_000)
    return path / "data.parquet"


def parquet_batches(path: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(parquet_file(path)).iter_batches(batch_size=2_000)


def polars_lazy_frame(path: Path) -> Any:
    return pytest.importorskip("polars").scan_parquet(parquet_file(path))


def polars_frame(path: Path) -> Any:
    return pytest.importorskip("polars").read_parquet(parquet_file(path))


def arrow_table(path: Path) -> Any:
    return pytest.importorskip("pyarrow").Table.from_pandas(FRAME)


def frames(path: Path) -> Iterator[Any]:
    return (FRAME.iloc[start : start + 2_500] for start in range(0, len(FRAME), 2_500))


@pytest.mark.parametrize(
    "make",
    [
        batches_of_pandas,
        parquet_file,
        parquet_batches,
        polars_lazy_frame,
        polars_frame,
        arrow_table,
        frames,
    ],
)
def test_data_in_any_form_and_in_batches_gives_the_profile_of_the_whole(tmp_path: Path, make: Any) -> None:
    found = summary(profile(make(tmp_path)))
    whole = summary(profile(FRAME))
    assert found.keys() == whole.keys()
    for name, column in whole.items():
        for metric in ("counts/n", "counts/null", "counts/true", "types/integral", "types/string", "types/boolean"):
            assert found[name][metric] == column[metric], (name, metric)
        assert found[name]["cardinality/est"] == pytest.approx(column["cardinality/est"], rel=0.05)
        for metric in ("mean", "stddev"):
            assert found[name][f"distribution/{metric}"] == pytest.approx(column[f"distribution/{metric}"], rel=1e-9)
        if name != "word":
            middle = rank(name, found[name]["distribution/median"])
            assert middle == pytest.approx(rank(name, column["distribution/median"]), abs=0.01)


def test_merged_profiles_of_parts_are_the_profile_of_the_whole() -> None:
    parts = [profile(part) for part in frames(Path())]
    before = [part.serialize() for part in parts]
    assert_same_but_for_sketches(merge_profiles(parts), profile(FRAME))
    assert [part.serialize() for part in parts] == before


def test_profiles_merged_at_once_are_those_that_whylogs_merges_pair_by_pair() -> None:
    cuts = [0, 1, 2, len(FRAME) // 3, len(FRAME) // 3, len(FRAME)]
    parts = [profile(FRAME.iloc[start:end]) for start, end in itertools.pairwise(cuts)]  # one of them is empty
    pairwise = parts[0]
    for part in parts[1:]:
        pairwise = pairwise.merge(part)
    merged = merge_profiles(parts)
    assert_same_but_for_sketches(merged, pairwise)
    assert merged.creation_timestamp == pairwise.creation_timestamp
    assert profile(FRAME.iloc[:1]).to_pandas().equals(parts[0].to_pandas())  # the parts stay as they are


def test_there_must_be_something_to_merge() -> None:
    with pytest.raises(ValueError, match="no profiles"):
        merge_profiles([])


def test_a_profile_survives_pickling_and_another_process(tmp_path: Path) -> None:
    (tmp_path / "profile").write_bytes(pickle.dumps(profile(FRAME)))
    program = (
        "import pickle, sys; view = pickle.load(open(sys.argv[1], 'rb'));"
        "print(view.get_column('word').get_metric('counts').n.value)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "profile")], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "20000"


@pytest.mark.parametrize(
    ("frame", "columns", "rows"),
    [
        (pd.DataFrame(), 0, 0),
        (pd.DataFrame({"it": []}), 1, 0),
        (pd.DataFrame(index=range(3)), 0, 0),
        (pd.DataFrame({"it": [1.5]}), 1, 1),
        (pd.DataFrame({"it": ["x"]}), 1, 1),
    ],
    ids=["nothing", "no rows", "no columns", "one number", "one text"],
)
def test_small_frames_are_profiled_and_kept(frame: Any, columns: int, rows: int) -> None:
    view = profile(frame)
    found = view.get_columns()
    assert len(found) == columns
    assert all(column.get_metric("counts").n.value == rows for column in found.values())
    again = type(view).deserialize(view.serialize())
    assert summary(again).keys() == found.keys()


class Frame(pd.DataFrame):
    """A DataFrame of the user's own."""


def test_a_column_and_a_subclass_are_frames_too() -> None:
    assert list(profile(pd.Series([1, 2], name="delay")).get_columns()) == ["delay"]
    assert list(profile(pd.Series([1, 2])).get_columns()) == ["value"]
    assert list(profile(Frame({"delay": [1, 2]})).get_columns()) == ["delay"]


def test_an_empty_iterable_has_no_columns_and_an_empty_parquet_file_those_of_its_schema(tmp_path: Path) -> None:
    assert profile(iter(())).get_columns() == {}
    pytest.importorskip("pyarrow")
    FRAME.head(0).to_parquet(tmp_path / "empty.parquet")
    assert set(profile(str(tmp_path / "empty.parquet")).get_columns()) == set(FRAME.columns)


@pytest.mark.parametrize("wrong", [None, 5, {"a": 1}, [1, 2], ["text"], b"bytes", object], ids=str)
def test_what_is_no_data_is_refused_by_its_type(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"frame|DataFrame"):
        profile(wrong)


def test_a_file_that_is_not_there_is_named() -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        profile("nowhere.parquet")


def test_a_schema_adds_metrics() -> None:
    from whylogs.core import DatasetSchema
    from whylogs.core.metrics import MetricConfig
    from whylogs.core.metrics.condition_count_metric import Condition
    from whylogs.core.relations import Predicate
    from whylogs.core.resolvers import STANDARD_RESOLVER, ResolverSpec
    from whylogs.core.schema import DeclarativeSchema
    from whylogs.core.specialized_resolvers import ConditionCountMetricSpec

    long = {"long": Condition(Predicate().matches("E.*"))}
    schema = DeclarativeSchema(
        [*STANDARD_RESOLVER, ResolverSpec(column_name="word", metrics=[ConditionCountMetricSpec(long)])]
    )
    found = summary(profile(FRAME, schema=schema))["word"]
    assert found["condition_count/long"] == (FRAME["word"] == "EWR").sum()
    plain = summary(profile(FRAME, schema=DatasetSchema(default_configs=MetricConfig(fi_disabled=False))))["word"]
    assert plain["counts/n"] == len(FRAME)


def test_a_schema_with_segments_is_refused() -> None:
    from whylogs.core import DatasetSchema
    from whylogs.core.segmentation_partition import segment_on_column

    with pytest.raises(ValueError, match=r"whylogs\.log"):
        profile(FRAME, schema=DatasetSchema(segments=segment_on_column("word")))


def test_numpy_and_pandas_stay_as_they_are() -> None:
    before = set(dir(np)), set(dir(pd)), pd.Series.apply, np.asarray
    profile(FRAME)
    assert (set(dir(np)), set(dir(pd)), pd.Series.apply, np.asarray) == before


NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print(event, arguments, flush=True)
        import os
        os._exit(3)
sys.addaudithook(refuse)
import obs_whylogs, pandas as pd
view = obs_whylogs.profile(pd.DataFrame({"it": ["a", None]}))
obs_whylogs.WhylogsSummaryDriftRenderer.to_html(view, view)
import whylogs
whylogs.log(pd.DataFrame({"it": [1, 2]}))
"""


def test_nothing_is_sent_anywhere() -> None:
    variables = {name: value for name, value in os.environ.items() if name != "WHYLOGS_NO_ANALYTICS"}
    ran = subprocess.run([sys.executable, "-c", NO_NETWORK], capture_output=True, text=True, env=variables, check=False)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr


MIXED = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3), st.dates(),
    st.lists(st.integers(-5, 5), max_size=3), st.decimals(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MIXED, max_size=30))
def test_any_values_are_all_counted_once(values: list[Any]) -> None:
    column = pd.Series(values, dtype=object)
    found = profile(pd.DataFrame({"it": column})).get_column("it").to_summary_dict()
    assert found["counts/n"] == len(values)
    assert found["counts/null"] == column.isna().sum()
    counted = sum(count for name, count in found.items() if name.startswith("types/"))
    assert counted == len(values) - column.isna().sum()

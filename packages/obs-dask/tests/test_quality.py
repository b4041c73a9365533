"""Profiles and verdicts of dask DataFrames are those of the whole data, wherever its partitions lie."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from distributed import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_core import execution, load_execution, span
from obs_dask import observe, profile, validate

pd = pytest.importorskip("pandas")
dd = pytest.importorskip("dask.dataframe")


def flights(rows: int = 1000) -> Any:
    """Some of their delays are missing, some negative, and one tail number is there twice."""
    return pd.DataFrame(
        {
            "carrier": ["AA", "UA", "DL", None] * (rows // 4),
            "delay": [float(row % 50) - 3 for row in range(rows)],
            "number": [*range(rows - 1), 0],
        },
        index=pd.Index([f"row {row}" for row in range(rows)]),
    )


class TestProfile:
    @pytest.fixture(autouse=True)
    def _profiles(self) -> None:
        pytest.importorskip("obs_profiles")

    def test_it_is_the_profile_of_all_rows(self, client: Client) -> None:
        from obs_profiles import profile as profile_here

        data = flights()
        found, whole = profile(dd.from_pandas(data, npartitions=19, sort=False)), profile_here(data)
        assert found.rows == 1000
        for name, column in found.columns.items():
            exact = whole[name]
            assert (column.rows, column.missing, column.types) == (exact.rows, exact.missing, exact.types)
            assert column.distinct == exact.distinct
            if exact.numbers:
                assert column.numbers is not None
                assert (column.numbers.least, column.numbers.most) == (exact.numbers.least, exact.numbers.most)
                assert column.numbers.moments.mean == pytest.approx(exact.numbers.moments.mean)

    def test_partitions_are_profiled_where_they_lie_and_merged_as_a_tree(self, client: Client) -> None:
        with observe(client), execution("night"), span("quality"):
            profile(dd.from_pandas(flights(), npartitions=20, sort=False))
        (quality,) = load_execution().span.children
        names = [one.name for one in quality.children]
        assert sum("profile" in name and not name.startswith("merge") for name in names) == 20
        assert names.count("merge-profile") == 3  # of 20: one of 16, one of 4, then one of 2
        assert all(one.attributes["worker"].startswith("tcp://") for one in quality.children)

    def test_drift_of_two_frames_is_seen_from_their_profiles(self, client: Client) -> None:
        from obs_profiles import drift

        data = flights()
        early, late = data.iloc[:500], data.iloc[500:].assign(delay=lambda frame: frame.delay * 40)
        drifted = {one.name: one.drifted for one in drift(profile_of(early), profile_of(late))}
        assert drifted["delay"]
        assert not drifted["carrier"]

    def test_what_is_no_dask_frame_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"a dask DataFrame is needed, not pandas\.DataFrame"):
            profile(flights())


def profile_of(data: Any) -> object:
    return profile(dd.from_pandas(data, npartitions=4, sort=False))


class TestValidate:
    @pytest.fixture(autouse=True)
    def _pandera(self) -> None:
        pytest.importorskip("obs_pandera")

    def schema(self) -> object:
        import pandera.pandas as pa

        columns = {
            "carrier": pa.Column(nullable=False),
            "delay": pa.Column(float, pa.Check.ge(0)),
            "number": pa.Column(int, unique=True),
        }
        return pa.DataFrameSchema(columns, name="Flights")

    def test_nothing_runs_before_it_is_computed(self, client: Client) -> None:
        with observe(client), execution("night"):
            validate(dd.from_pandas(flights(), npartitions=4, sort=False), self.schema())
        assert not load_execution().span.children

    def test_all_failures_of_all_partitions_are_counted_exactly(self, client: Client) -> None:
        data = flights()
        verdict = validate(dd.from_pandas(data, npartitions=10, sort=False), self.schema()).compute()
        assert not verdict.passed
        assert (verdict.rows, verdict.parts, verdict.failed_parts) == (1000, 10, 10)
        assert verdict.failures("not_nullable", "carrier") == data.carrier.isna().sum()
        assert verdict.failures("greater_than_or_equal_to(0)", "delay") == (data.delay < 0).sum()
        assert verdict.failures("field_uniqueness", "number") == 2  # in the first and the last partition
        assert verdict.failing_values == data.carrier.isna().sum() + (data.delay < 0).sum() + 2

    def test_failures_are_named_by_partition_and_index(self, client: Client) -> None:
        data = flights()
        data["delay"] = 1.0
        data.loc["row 777", "delay"] = -9.5
        frame = dd.from_pandas(data[["delay", "carrier"]].fillna("?"), npartitions=10, sort=False)
        import pandera.pandas as pa

        verdict = validate(frame, pa.DataFrameSchema({"delay": pa.Column(float, pa.Check.ge(0))})).compute()
        (found,) = verdict.findings
        assert found.finding.examples == [("row 777 in partition 7", "-9.5")]
        assert (verdict.invalid_rows, verdict.failed_parts) == (1, 1)
        page = verdict.to_html()
        assert "row 777 in partition 7" in page
        assert "99.9 %" in page

    def test_a_verdict_shows_its_first_rows_where_the_first_partition_is_short(self, client: Client) -> None:
        import pandas as pd
        import pandera.pandas as pa

        frame = dd.from_pandas(pd.DataFrame({"delay": [3.0, 12.0, 8.5]}), npartitions=3)
        passed = validate(frame, pa.DataFrameSchema({"delay": pa.Column(float)})).compute()
        assert "The first 3 of 3 rows." in passed.to_html()
        misshapen = validate(frame, pa.DataFrameSchema({"delay": pa.Column(int)})).compute()
        assert not misshapen.passed
        assert "The first 3 of 3 rows." in misshapen.to_html()

    def test_a_wrong_shape_is_told_once(self, client: Client) -> None:
        import pandera.pandas as pa

        frame = dd.from_pandas(flights(), npartitions=10, sort=False)
        schema = pa.DataFrameSchema({"delay": pa.Column(int), "gate": pa.Column(str)}, name="Gates")
        verdict = validate(frame, schema).compute()
        assert {(one.finding.code, one.finding.column, one.parts) for one in verdict.findings} == {
            ("COLUMN_NOT_IN_DATAFRAME", "gate", 10),
            ("WRONG_DATATYPE", "delay", 10),
        }
        assert "in 10 of 10 partitions" in verdict.to_html()

    def test_data_that_passes_passes(self, client: Client) -> None:
        data = flights().dropna().assign(delay=1.0)
        data["number"] = range(len(data))
        verdict = validate(dd.from_pandas(data, npartitions=5, sort=False), self.schema()).compute()
        assert verdict.passed
        assert str(verdict) == "750 rows in 5 partitions pass schema 'Flights'"
        verdict.raise_if_failed()
        assert "Passed" in verdict.to_html()

    def test_a_verdict_stops_a_pipeline_in_one_line(self, client: Client) -> None:
        from obs_pandera import ValidationFailed

        verdict = validate(dd.from_pandas(flights(), npartitions=10, sort=False), self.schema()).compute()
        with pytest.raises(ValidationFailed) as found:
            verdict.raise_if_failed()
        assert str(found.value).startswith("1,000 rows in 10 partitions do not pass schema 'Flights': ")
        assert len(str(found.value)) < 300

    def test_a_verdict_stays_small_however_much_fails(self, client: Client) -> None:
        few = validate(dd.from_pandas(flights(400), npartitions=4, sort=False), self.schema()).compute()
        many = validate(dd.from_pandas(flights(40_000), npartitions=40, sort=False), self.schema()).compute()
        assert len(pickle.dumps(many)) < 2 * len(pickle.dumps(few))
        assert len(many.to_html()) < 1.5 * len(few.to_html())

    def test_an_index_and_columns_together_may_have_to_be_unique(self, client: Client) -> None:
        import pandera.pandas as pa

        data = pd.DataFrame({"day": [1, 1, 2, 2, 1, 3], "tail": [*"ababaa"]}, index=[0, 1, 2, 3, 4, 0])
        schema = pa.DataFrameSchema({"day": pa.Column(int)}, index=pa.Index(int, unique=True), unique=["day", "tail"])
        verdict = validate(dd.from_pandas(data, npartitions=3, sort=False), schema).compute()
        assert verdict.failures("unique: day, tail") == 2
        assert verdict.failures("field_uniqueness", "index") == 2

    def test_columns_that_a_pattern_means_have_to_be_unique_each(self, client: Client) -> None:
        import pandera.pandas as pa

        data = pd.DataFrame({"id_a": [1, 2, 1, 3], "id_b": [1, 2, 3, 4], "other": [5, 5, 5, 5]})
        schema = pa.DataFrameSchema({"id_.*": pa.Column(int, regex=True, unique=True)})
        verdict = validate(dd.from_pandas(data, npartitions=2, sort=False), schema).compute()
        assert verdict.failures("field_uniqueness", "id_a") == 2
        assert verdict.failing_values == 2

    @pytest.mark.parametrize(("report", "rows"), [("all", 3), ("exclude_first", 2), ("exclude_last", 2)])
    def test_duplicates_count_as_the_schema_says(self, client: Client, report: Any, rows: int) -> None:
        import pandera.pandas as pa

        data = pd.DataFrame({"tail": ["a", "b", "a", "c", "a", None, None]})
        schema = pa.DataFrameSchema({"tail": pa.Column(unique=True, nullable=True, report_duplicates=report)})
        verdict = validate(dd.from_pandas(data, npartitions=3, sort=False), schema).compute()
        assert verdict.failures("field_uniqueness", "tail") == rows

    def test_what_is_no_frame_or_no_schema_is_refused(self) -> None:
        with pytest.raises(TypeError, match="a dask DataFrame is needed"):
            validate(flights(), self.schema())
        with pytest.raises(TypeError, match="a pandera schema of a frame or a DataFrameModel is needed, not dict"):
            validate(dd.from_pandas(flights(), npartitions=2, sort=False), {})

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=40), st.integers(1, 6))
    def test_counts_do_not_depend_on_how_the_data_is_cut(self, values: list[int | None], parts: int) -> None:
        import pandera.pandas as pa

        data = pd.DataFrame({"x": pd.array(values, dtype="float64")})
        schema = pa.DataFrameSchema({"x": pa.Column(float, pa.Check.ge(0), unique=True)})
        verdict = validate(dd.from_pandas(data, npartitions=parts, sort=False), schema).compute(scheduler="sync")
        repeated = data.x.dropna().duplicated(keep=False).sum()
        assert verdict.failures("not_nullable", "x") == data.x.isna().sum()
        assert verdict.failures("greater_than_or_equal_to(0)", "x") == (data.x < 0).sum()
        assert verdict.failures("field_uniqueness", "x") == repeated
        assert verdict.rows == len(data)

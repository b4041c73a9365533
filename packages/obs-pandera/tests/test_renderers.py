"""The report of a validation."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaError, SchemaErrors

from obs_core.testing import ImportContract, RendererContract
from obs_pandera import PandasReportRenderer, SchemaErrorRenderer
from obs_pandera.findings import findings_in
from obs_pandera.frames import open_frame

SCHEMA = pa.DataFrameSchema(
    {
        "delay": pa.Column(int, pa.Check.ge(0)),
        "origin": pa.Column(str, pa.Check.isin(["EWR", "JFK", "LGA"])),
        "gate": pa.Column(str, nullable=True),
    },
    name="flights",
)


def error_of(schema: Any, data: Any, *, lazy: bool = True) -> Any:
    with pytest.raises((SchemaErrors, SchemaError)) as caught:
        schema.validate(data, lazy=lazy)
    return caught.value


def text_of(html: str) -> str:
    """What a reader sees, without the stylesheet."""
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def report(schema: Any, data: Any) -> str:
    return PandasReportRenderer().to_html(data, schema, error_of(schema, data))


class TestPackage(ImportContract):
    package = "obs_pandera"
    lazy = ("pandera", "pandas", "numpy", "polars")


class TestSchemaErrorRenderer(RendererContract):
    renderer = SchemaErrorRenderer()
    values = (
        error_of(SCHEMA, pd.DataFrame({"delay": [1, -1], "origin": ["EWR", "BOS"]})),
        error_of(SCHEMA, pd.DataFrame({"delay": [-1], "origin": ["EWR"], "gate": ["A"]}), lazy=False),
    )
    wrong = ValueError("no error of pandera")

    def hostile(self, text: str) -> Any:
        columns = {text: pa.Column(str, pa.Check(lambda column: column == "fine", name=text, error=text))}
        data = pd.DataFrame({text: [text, "fine"], f"{text}!": [text, text]}, index=pd.Index([text, "b"], name=text))
        return error_of(pa.DataFrameSchema(columns, name=text, strict=True), data)

    def snapshot(self, value: Any) -> object:
        return repr(value.data), [str(one.failure_cases) for one in getattr(value, "schema_errors", [value])]


def test_a_validation_that_passed_says_so_and_shows_the_schema() -> None:
    data = pd.DataFrame({"delay": [1, 2], "origin": ["EWR", "JFK"], "gate": ["A1", None]})
    text = text_of(PandasReportRenderer("Night check").to_html(SCHEMA.validate(data, lazy=True), SCHEMA))
    assert "Night check Passed schema flights , 2 rows, 3 columns" in text
    assert "schema errors 0 checks of the data that failed 0 failing values 0 valid rows 100 %" in text
    assert re.search(r"passed origin \S+ isin\(\['EWR', 'JFK', 'LGA'\]\) no missing values", text)


def test_a_failed_validation_counts_every_failing_value_and_row() -> None:
    data = pd.DataFrame({"delay": [-1, 2, -3, 4], "origin": ["BOS", "JFK", "LGA", None], "gate": ["A"] * 4})
    text = text_of(report(SCHEMA, data))
    assert "Failed schema flights , 4 rows, 3 columns" in text
    assert "schema errors 0 checks of the data that failed 3 failing values 4 valid rows 25.0 %" in text
    assert "delay greater_than_or_equal_to(0) 2 50.0 % -1 at 0 -3 at 2" in text
    assert "origin isin(['EWR', 'JFK', 'LGA']) 1 75.0 % BOS at 0" in text
    assert "origin no missing values 1 75.0 % missing at 3" in text
    assert "The first 3; failing cells are marked," in text


def test_of_a_column_that_failed_the_schema_marks_the_checks_that_did() -> None:
    checks = [pa.Check.ge(0), pa.Check.lt(9)]
    schema = pa.DataFrameSchema({"a": pa.Column(int, checks), "b": pa.Column(str), "c": pa.Column(int, unique=True)})
    html = report(schema, pd.DataFrame({"a": [-1, 2], "b": ["x", None], "c": [1.5, 1.5]}))
    text = text_of(html)
    assert "columns that passed 0 of 3" in text
    assert re.search(r"a int64 greater_than_or_equal_to\(0\) failed less_than\(9\) no missing values failed b", text)
    assert re.search(r"b \S+ no missing values failed failed c int64 failed", text)


def test_columns_that_passed_are_counted_without_the_rules_of_the_frame() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(int), "b": pa.Column(int, pa.Check.gt(1))}, strict=True)
    html = report(schema, pd.DataFrame({"a": [1], "b": [1], "z": [1]}))
    assert "columns that passed 1 of 2" in text_of(html)


def test_only_failing_cells_of_offending_rows_are_marked() -> None:
    data = pd.DataFrame({"delay": [1, -5], "origin": ["EWR", "EWR"], "gate": ["A", "B"]})
    html = report(SCHEMA, data)
    assert re.findall(r'<td class="number cell-bad">(.*?)</td>', html) == ["-5"]
    assert '<tr><th scope="row">1</th>' in html
    assert '<tr><th scope="row">0</th>' not in html


def test_schema_errors_say_what_is_there_instead() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(float), "b": pa.Column(int)}, strict=True)
    text = text_of(report(schema, pd.DataFrame({"a": [1, 2], "z": [1, 2]})))
    assert "a float64 it is int64" in text
    assert "b the column there is no such column" in text
    assert "z no other columns the schema knows no such column" in text


def test_a_check_that_raises_is_shown_with_what_it_raised() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(str, pa.Check(lambda column: column > 1, name="more than one"))})
    text = text_of(report(schema, pd.DataFrame({"a": ["x"]})))
    assert "a more than one the check itself failed 1" in text
    assert "TypeError" in text


def test_values_that_fail_again_and_again_are_counted_by_value() -> None:
    data = pd.DataFrame({"delay": [1] * 90, "origin": ["BOS"] * 50 + ["SFO"] * 39 + ["EWR"], "gate": ["A"] * 90})
    assert "BOS × 50 SFO × 39" in text_of(report(SCHEMA, data))


def test_missing_values_that_a_check_leaves_out_do_not_shift_its_rows() -> None:
    schema = pa.DataFrameSchema({"delay": pa.Column(float, pa.Check.lt(600), nullable=True)})
    html = report(schema, pd.DataFrame({"delay": [None, 5, 700, None, 800]}))
    assert "less_than(600) 2 60.0 % 700.0 at 2 800.0 at 4" in text_of(html)
    assert re.findall(r'<td class="number cell-bad">(.*?)</td>', html) == ["700", "800"]


@pytest.mark.parametrize("kind", [np.complex128, np.longdouble])
def test_a_missing_number_of_a_rare_type_is_called_missing(kind: Any) -> None:
    html = report(pa.DataFrameSchema({"a": pa.Column(kind)}), pd.DataFrame({"a": np.array([1, np.nan], kind)}))
    assert "no missing values 1 50.0 % missing at 1" in text_of(html)


def test_rows_that_are_there_twice_are_counted_once_each() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(int), "b": pa.Column(int)}, unique=["a", "b"])
    data = pd.DataFrame({"a": [1, 1, 2], "b": [1, 1, 1]})
    assert "(whole frame) unique rows 2 33.3 % 1, 1 at 0 1, 1 at 1" in text_of(report(schema, data))


def verdicts(html: str) -> dict[str, str]:
    """What the table of the schema says of each column."""
    found = re.findall(r'<span class="(?:ok|bad)">(passed|failed)</span></td><td[^>]*>(.*?)</td>', html)
    return {column: word for word, column in found}


def test_the_schema_says_of_each_rule_whether_it_was_broken() -> None:
    schema = pa.DataFrameSchema(
        {"a": pa.Column(int), "x_.*": pa.Column(int, pa.Check.gt(0), regex=True)},
        index=pa.Index(int, pa.Check.gt(0), name="hour"),
        strict=True,
    )
    good = pd.DataFrame({"a": [1, 2], "x_1": [1, 1], "x_2": [1, 1]}, index=pd.Index([1, 2], name="hour"))
    assert verdicts(PandasReportRenderer().to_html(schema.validate(good), schema)) == {
        "(whole frame)": "passed",
        "a": "passed",
        "x_.*": "passed",
        "index hour": "passed",
    }
    assert verdicts(report(schema, good.assign(more=1)))["(whole frame)"] == "failed"
    assert verdicts(report(schema, good.assign(x_2=[1, -1]))) == {
        "(whole frame)": "passed",
        "a": "passed",
        "x_.*": "failed",
        "index hour": "passed",
    }
    assert verdicts(report(schema, good.set_index(pd.Index([0, 1], name="hour"))))["index hour"] == "failed"


@pytest.mark.parametrize(("name", "column"), [(None, "values"), ("delay", "delay")])
def test_a_series_is_called_by_its_name_wherever_the_report_speaks_of_it(name: str | None, column: str) -> None:
    html = report(pa.SeriesSchema(int, pa.Check.gt(5)), pd.Series([1, 9], name=name))
    assert verdicts(html) == {column: "failed"}
    assert f"{column} greater_than(5) 1" in text_of(html)
    assert re.findall(r'<td class="number cell-bad">(.*?)</td>', html) == ["1"]


def test_a_check_of_whole_rows_names_the_rows_and_no_value_beside_the_point() -> None:
    schema = pa.DataFrameSchema(checks=pa.Check(lambda frame: frame["a"] < frame["b"], name="a below b"))
    html = report(schema, pd.DataFrame({"a": [1, 5, 6], "b": [2, 2, 2]}, index=["x", "y", "z"]))
    assert "(whole frame) a below b 2 33.3 % row y row z" in text_of(html)
    assert re.findall(r'<th scope="row" class="cell-bad">(.*?)</th>', html) == ["y", "z"]


def test_of_a_sample_shares_are_about_and_counts_are_said_to_be_of_the_sample() -> None:
    data = pd.DataFrame({"delay": np.tile([1.0, 1.0, 1.0, -1.0], 1000)})
    schema = pa.DataFrameSchema({"delay": pa.Column(float, pa.Check.ge(0), nullable=True)})
    with pytest.raises(SchemaErrors) as caught:
        schema.validate(data, lazy=True, head=200)
    text = text_of(PandasReportRenderer().to_html(data, schema, caught.value))
    assert "greater_than_or_equal_to(0) 50 about 75.0 % -1.0 × 50" in text
    assert "pandera looked at some of the rows only" in text
    assert "rows with a failure" not in text, "it is not known for all"
    missing = pd.DataFrame({"delay": [None, 1.0, None, 1.0]})
    with pytest.raises(SchemaErrors) as caught:
        SCHEMA.select_columns(["delay"]).update_column("delay", dtype=float).validate(missing, lazy=True, head=2)
    text = text_of(PandasReportRenderer().to_html(missing, SCHEMA, caught.value))
    assert "no missing values 1 unknown missing at 0" in text


def test_values_of_which_pandera_kept_some_are_not_counted_as_if_they_were_all() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.gt(0, n_failure_cases=10))})
    text = text_of(report(schema, pd.DataFrame({"a": [-1] * 500})))
    assert "greater_than(0) 500 0 % -1 at 0 -1 at 1 -1 at 2 -1 at 3 -1 at 4 and 495 more" in text


def test_an_index_that_names_several_rows_costs_no_exactness() -> None:
    data = pd.DataFrame({"delay": [-1, 1, 1], "origin": ["EWR", None, "EWR"], "gate": ["A"] * 3}, index=[7, 7, 7])
    text = text_of(report(SCHEMA, data))
    assert "greater_than_or_equal_to(0) 1 66.7 %" in text
    assert "no missing values 1 66.7 %" in text


def test_n_failure_cases_bounds_what_is_kept_and_not_what_is_counted() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.gt(0, n_failure_cases=3))})
    text = text_of(report(schema, pd.DataFrame({"a": np.repeat([-1, 1], 500)})))
    assert "greater_than(0) 500 50.0 %" in text


def test_a_single_schema_error_is_a_report_too() -> None:
    data = pd.DataFrame({"delay": [-1], "origin": ["EWR"], "gate": ["A"]})
    html = PandasReportRenderer().to_html(data, SCHEMA, error_of(SCHEMA, data, lazy=False))
    assert "greater_than_or_equal_to(0) 1 0 % -1 at 0" in text_of(html)


def test_a_model_class_may_stand_for_its_schema() -> None:
    class Flights(pa.DataFrameModel):
        delay: int = pa.Field(ge=0)

    assert "schema Flights , 1 row, 1 column" in text_of(
        PandasReportRenderer().to_html(pd.DataFrame({"delay": [1]}), Flights)
    )


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (([1], SCHEMA), "takes a DataFrame of pandas or polars as its data, not list"),
        ((pd.DataFrame(), "schema"), "takes a pandera schema or DataFrameModel as its schema, not str"),
        ((pd.DataFrame(), SCHEMA, ValueError()), "as its error, not ValueError"),
    ],
)
def test_a_wrong_argument_is_named(arguments: tuple[Any, ...], names: str) -> None:
    with pytest.raises(TypeError, match=names):
        PandasReportRenderer().to_html(*arguments)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            pd.DataFrame({"delay": pd.Series([], dtype=int), "origin": pd.Series([], dtype=str)}),
            ["0 rows, 2 columns", "gate the column there is no such column"],
        ),
        (pd.DataFrame(), ["0 rows, 0 columns", *(f"{name} the column" for name in ("delay", "origin", "gate"))]),
        (
            pd.DataFrame({"delay": [None], "origin": [None], "gate": [None]}),
            ["origin no missing values 1 0 % missing at 0", "delay int64 it is object"],
        ),
        (
            pd.DataFrame([[-1, "EWR", "A", -2]], columns=["delay", "origin", "gate", "delay"]),
            ["delay greater_than_or_equal_to(0) 1 0 % -1 at 0", "delay greater_than_or_equal_to(0) 1 0 % -2 at 0"],
        ),
        (pd.DataFrame([[-1, 2]], columns=[1, ("a", "b")]), ["1 row, 2 columns", "1 int64 a / b int64 0 -1 2"]),
        (
            pd.DataFrame({"delay": [-1, 2**70], "origin": ["EWR", b"JFK"], "gate": [["a"], {"b": 1}]}),
            ["-1 at 0", "1180591620717411303424", "b'JFK'", "['a']"],
        ),
    ],
    ids=["empty", "no columns", "all missing", "duplicate names", "names that are no text", "huge and nested"],
)
def test_unusual_frames_have_a_report_that_says_what_is_wrong(data: pd.DataFrame, says: list[str]) -> None:
    text = text_of(report(SCHEMA, data))
    assert "Failed schema flights" in text
    assert [one for one in says if one not in text] == [], text


def test_a_multi_index_is_validated_and_named() -> None:
    index = pd.MultiIndex.from_tuples([("EWR", -1), ("JFK", 2)], names=["origin", "hour"])
    levels = pa.MultiIndex([pa.Index(str, name="origin"), pa.Index(int, pa.Check.ge(0), name="hour")])
    html = report(pa.DataFrameSchema({"x": pa.Column(int)}, index=levels), pd.DataFrame({"x": [1, 2]}, index=index))
    assert "hour greater_than_or_equal_to(0) 1 50.0 % -1" in text_of(html)
    assert verdicts(html) == {"x": "passed", "index origin": "passed", "index hour": "failed"}
    assert "EWR / -1 1" in text_of(html), "rows are named by all levels"


@pytest.mark.slow
def test_a_thousand_columns_give_a_small_page(nightly: bool) -> None:
    count = 1_000 if nightly else 300  # pandera takes its time with them
    schema = pa.DataFrameSchema({f"c{number}": pa.Column(int, pa.Check.gt(0)) for number in range(count)})
    html = report(schema, pd.DataFrame(np.zeros((3, count), dtype=int), columns=list(schema.columns)))
    assert len(html) < 500_000
    assert f"{count - 200} more are not shown" in html
    assert f"checks of the data that failed {count:,} failing values {3 * count:,}" in text_of(html)


@pytest.mark.slow
def test_half_a_million_failures_give_a_small_page_with_exact_counts() -> None:
    rng = np.random.default_rng(2013)
    data = pd.DataFrame({"x": rng.integers(0, 10**6, 1_000_000) - 500_000, "word": rng.choice(["a", "b"], 1_000_000)})
    schema = pa.DataFrameSchema({"x": pa.Column(int, pa.Check.ge(0)), "word": pa.Column(str, pa.Check.isin(["a"]))})
    error = error_of(schema, data)
    html = PandasReportRenderer().to_html(data, schema, error)
    below, other = int((data["x"] < 0).sum()), int((data["word"] == "b").sum())
    assert len(html) < 100_000
    assert f"greater_than_or_equal_to(0) {below:,} " in text_of(html)
    assert f"isin(['a']) {other:,} " in text_of(html)
    assert f"rows with a failure {int(((data['x'] < 0) | (data['word'] == 'b')).sum()):,}" in text_of(html)


VALUES = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(), st.datetimes(), st.lists(st.integers(), max_size=2)
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.lists(VALUES, min_size=1, max_size=6), name=st.one_of(st.text(), st.integers(), st.none()))
def test_whatever_is_in_a_column_has_a_report(values: list[Any], name: Any) -> None:
    data = pd.DataFrame({"kept": range(len(values))}).assign(value=pd.Series(values, dtype=object))
    data.columns = ["kept", name]
    schema = pa.DataFrameSchema(checks=pa.Check(lambda frame: frame["kept"] < 0, name="never"))
    found = findings_in(error_of(schema, data), open_frame(data))  # type: ignore[arg-type]
    assert [finding.failures for finding in found.findings] == [len(values)]
    PandasReportRenderer().to_html(data, schema, error_of(schema, data)).encode()


def test_polars_frames_are_reported_with_rows_and_counts() -> None:
    pl = pytest.importorskip("polars")
    pp = pytest.importorskip("pandera.polars")
    schema = pp.DataFrameSchema({"a": pp.Column(int, pp.Check.gt(0)), "b": pp.Column(str)}, name="polars")
    data = pl.DataFrame({"a": [1, -1, -2], "b": ["x", None, "y"]})
    html = PandasReportRenderer().to_html(data, schema, error_of(schema, data))
    text = text_of(html)
    assert "Failed schema polars , 3 rows, 2 columns" in text
    assert "a greater_than(0) 2 33.3 % -1 at 1 -2 at 2" in text
    assert "b no missing values 1 66.7 %" in text
    assert "rows with a failure 2" in text
    assert re.findall(r'<td class="(?:number )?cell-bad(?: missing)?">(.*?)</td>', html) == ["-1", "NA", "-2"]


def test_a_lazy_frame_says_that_its_data_was_not_checked() -> None:
    pl = pytest.importorskip("polars")
    pp = pytest.importorskip("pandera.polars")
    schema = pp.DataFrameSchema({"a": pp.Column(int), "b": pp.Column(str)})
    data = pl.LazyFrame({"a": [1.5]})
    text = text_of(PandasReportRenderer().to_html(data, schema, error_of(schema, data)))
    assert "rows unknown, 1 column" in text
    assert "A lazy frame: pandera checks its schema" in text
    assert "there is no such column" in text


def test_pandera_warns_of_nothing_that_is_on_its_way_out() -> None:
    code = (
        "import pandas as pd, pandera.pandas as pa\n"
        "from obs_pandera import PandasReportRenderer\n"
        "schema = pa.DataFrameSchema({'a': pa.Column(int)})\n"
        "PandasReportRenderer().to_html(schema.validate(pd.DataFrame({'a': [1]})), schema)\n"
    )
    warnings = ["-W", "error::DeprecationWarning", "-W", "error::FutureWarning"]
    subprocess.run([sys.executable, *warnings, "-c", code], check=True)


def test_floats_of_a_row_have_six_digits_and_the_value_that_failed_all_of_its_own() -> None:
    data = pd.DataFrame({"share": [0.1 + 0.2, 0.25, 1234567.891, np.inf]})
    html = report(pa.DataFrameSchema({"share": pa.Column(float, pa.Check.le(0.3))}), data)
    cells = re.findall(r'<td class="number[^"]*"( title="[^"]*")?>(.*?)</td>', html.partition("Offending rows")[2])

    assert cells == [
        (' title="0.30000000000000004"', "0.3"),
        (' title="1234567.891"', "1234568"),
        (' title="inf"', "∞"),
    ]
    assert '<span class="value">0.30000000000000004</span>' in html

"""Tasks that validate what they take and return."""

from __future__ import annotations

import asyncio
import pickle
import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa
import pytest
from pandera.errors import SchemaErrors
from pandera.typing import DataFrame

import obs_pandera
from obs_core import ObsWarning, load_execution, task
from obs_core.testing import RecordingStore
from obs_pandera import UnvalidatedError, ValidationConfig, ValidationWarning, validated


class Flights(pa.DataFrameModel):
    """What is loaded."""

    delay: int = pa.Field(ge=0)

    class Config:
        """Text is taken for numbers."""

        coerce = True


class Clean(pa.DataFrameModel):
    """What is handed on."""

    delay: int = pa.Field(ge=0)
    late: bool


GOOD = pd.DataFrame({"delay": [3, 20]})
BAD = pd.DataFrame({"delay": [3, -20]})


@task
@validated()
def clean(flights: DataFrame[Flights], limit: int = 15) -> DataFrame[Clean]:
    return DataFrame[Clean](flights.assign(late=flights["delay"] > limit)) if limit else flights  # type: ignore[return-value]


def reports(store: RecordingStore) -> dict[str, list[str]]:
    (recorded,) = store.last().tasks
    return {deck.name: deck.items for deck in recorded.decks if deck.name.startswith("Pandera")}


def test_each_typed_frame_leaves_a_deck_when_it_passes(store: RecordingStore) -> None:
    assert list(clean(GOOD)["late"]) == [False, True]  # type: ignore[arg-type]
    found = reports(store)
    assert list(found) == ["Pandera Report: Flights", "Pandera Report: Clean"]
    assert "Argument flights of clean" in found["Pandera Report: Flights"][0]
    assert "The result of clean" in found["Pandera Report: Clean"][0]
    assert all(">Passed<" in item for items in found.values() for item in items)


def test_the_task_gets_the_data_as_the_schema_coerced_it() -> None:
    assert list(clean(pd.DataFrame({"delay": ["3", "20"]}))["late"]) == [False, True]  # type: ignore[arg-type]


def test_data_that_does_not_pass_never_reaches_the_task(store: RecordingStore) -> None:
    with pytest.raises(SchemaErrors, match=r"argument flights of clean does not pass schema 'Flights': greater_than"):
        clean(BAD)  # type: ignore[arg-type]
    (failed,) = reports(store)["Pandera Report: Flights"]
    assert ">Failed<" in failed
    assert re.findall(r'class="number cell-bad">(.*?)<', failed) == ["-20"]
    (recorded,) = store.last().tasks
    assert recorded.status == "failed"


def test_a_result_that_does_not_pass_is_refused(store: RecordingStore) -> None:
    with pytest.raises(SchemaErrors, match=r"the result of clean does not pass schema 'Clean'"):
        clean(GOOD, limit=0)  # type: ignore[arg-type]
    (failed,) = reports(store)["Pandera Report: Clean"]
    assert ">Failed<" in failed
    assert re.search(r">late<.*?there is no such column", failed)


def test_the_exception_carries_pandera_s_failure_cases_and_a_short_text() -> None:
    with pytest.raises(SchemaErrors) as caught:
        clean(pd.DataFrame({"delay": [-1] * 100_000}))  # type: ignore[arg-type]
    assert len(caught.value.failure_cases) == 100_000
    assert len(str(caught.value)) < 200
    copied = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copied, SchemaErrors)
    assert str(copied) == str(caught.value)


def plain(flights: DataFrame[Flights]) -> None: ...


async def coroutine(flights: DataFrame[Flights]) -> None: ...


def generator(flights: DataFrame[Flights]) -> Iterator[int]:
    yield 1


def result(flights: pd.DataFrame) -> DataFrame[Flights]:
    return flights  # type: ignore[return-value]


@pytest.mark.parametrize(
    "call",
    [
        lambda data: task(validated()(plain))(data),
        lambda data: task(validated()(coroutine))(data).send(None),
        lambda data: list(task(validated()(generator))(data)),
        lambda data: task(validated()(result))(data),
    ],
    ids=["argument", "coroutine", "generator", "result"],
)
def test_what_a_failure_prints_is_short_and_called_by_pandera_s_name(call: Callable[[Any], Any]) -> None:
    with pytest.raises(SchemaErrors) as caught:
        call(pd.DataFrame({"delay": [-1] * 5000}))
    printed = "".join(traceback.format_exception(caught.value)).splitlines()
    assert printed[-1].startswith("pandera.errors.SchemaErrors: ")
    assert printed[-1].endswith("does not pass schema 'Flights': greater_than_or_equal_to(0) of delay failed")
    assert len(printed) <= 20, printed
    assert not any("obs_pandera" in line for line in printed)


TWO = pa.DataFrameSchema({"price": pa.Column(int), "qty": pa.Column(int)}, name="two", strict=True, ordered=True)
BROKEN = pa.DataFrameSchema({"price": pa.Column(int, pa.Check(lambda _: 1 / 0))}, name="broken")
LEVELS = pa.DataFrameSchema(index=pa.MultiIndex([pa.Index(int, name="a"), pa.Index(int, name="b")]), name="levels")
NO_TWICE = pa.DataFrameSchema(unique_column_names=True, name="no_twice")
IS_OLDEST = version("pandera").startswith("0.24.")
KNOWS_LEVELS = pytest.mark.skipif(IS_OLDEST, reason="it tells of levels as of columns")
OUT_OF_ORDER = "column 'qty' is out of order" + ("" if IS_OLDEST else ", column 'price' is out of order")
PAIR = pa.DataFrameSchema({("u", "v"): pa.Column(int)}, name="pair")


@pytest.mark.parametrize(
    ("schema", "frame", "says"),
    [
        (TWO, pd.DataFrame(), "schema 'two': column 'price' is missing, column 'qty' is missing"),
        (TWO, pd.DataFrame({"price": [1], "x": [1]}), "column 'x' is not in the schema, column 'qty' is missing"),
        (TWO, pd.DataFrame({"qty": [1], "price": [1]}), OUT_OF_ORDER),
        (TWO, pd.DataFrame({"price": ["a"]}), "column 'qty' is missing, int64 of price failed"),
        (PAIR, pd.DataFrame({"a": [1]}), "schema 'pair': column 'u / v' is missing"),
        (BROKEN, pd.DataFrame({"price": [1]}), "<lambda> of price could not be checked: ZeroDivisionError("),
        pytest.param(
            LEVELS, pd.DataFrame({"a": [1]}), "schema 'levels': the index has other levels", marks=KNOWS_LEVELS
        ),
        (NO_TWICE, pd.DataFrame([[1, 2]], columns=["a", "a"]), "schema 'no_twice': several columns are named 'a'"),
        (pa.SeriesSchema(int, pa.Check.gt(5)), pd.Series([1]), "schema 'SeriesSchema': greater_than(5) failed"),
    ],
)
def test_a_failure_names_the_column_and_what_is_wrong_with_it(schema: Any, frame: Any, says: str) -> None:
    @task
    @validated()
    def work(frame: Annotated[Any, schema]) -> None: ...

    with pytest.raises(SchemaErrors, match=re.escape(says)):
        work(frame)


@pytest.mark.parametrize("value", [None, [1], "text"])
def test_what_is_no_frame_is_refused_as_briefly_as_one_that_fails(value: Any) -> None:
    with pytest.raises(UnvalidatedError, match="argument flights of plain was not validated: ") as caught:
        task(validated()(plain))(value)
    printed = "".join(traceback.format_exception(caught.value)).splitlines()
    assert len(printed) <= 20, printed
    assert not any("obs_pandera" in line for line in printed[:-1])


def test_however_many_checks_fail_what_is_printed_is_short() -> None:
    columns = {f"column_{number}": pa.Column(int, pa.Check(lambda _: False, error="x\n" * 100)) for number in range(50)}
    schema = pa.DataFrameSchema(columns, name="wide")

    @task
    @validated()
    def count(frame: Annotated[pd.DataFrame, schema]) -> int:
        return len(frame)

    with pytest.raises(SchemaErrors, match="and 45 more failed") as caught:
        count(pd.DataFrame({name: [1] for name in columns}))
    assert len("".join(traceback.format_exception(caught.value)).splitlines()) <= 20


def test_with_warn_the_task_goes_on_with_the_data_as_it_was(store: RecordingStore) -> None:
    @task
    @validated()
    def count(flights: Annotated[DataFrame[Flights], ValidationConfig(on_error="warn")]) -> int:
        assert flights is text
        return len(flights)

    text = pd.DataFrame({"delay": ["3", "-20"]})
    with pytest.warns(ValidationWarning, match="argument flights of count does not pass schema 'Flights'"):
        assert count(text) == 2  # type: ignore[arg-type]
    assert ">Failed<" in reports(store)["Pandera Report: Flights"][0]
    assert "does not pass" in store.last().tasks[0].notes[0]
    verdicts = load_execution("last", store).view.verdicts
    assert (verdicts.failed, verdicts.warned) == (1, 0)  # one failure, which the note tells once more


def test_a_refused_frame_is_one_failed_check_however_many_tasks_it_ends(store: RecordingStore) -> None:
    @task
    def pipeline(flights: Any) -> Any:
        return clean(flights)

    with pytest.raises(SchemaErrors):
        pipeline(BAD)
    assert load_execution("last", store).view.verdicts.failed == 1


def test_a_frame_that_a_task_validates_itself_is_one_failed_check(store: RecordingStore) -> None:
    @task
    def check_it(flights: Any) -> None:
        Flights.validate(flights, lazy=True)

    @task
    def pipeline(flights: Any) -> None:
        check_it(flights)

    with pytest.raises(SchemaErrors):
        pipeline(BAD)
    assert load_execution("last", store).view.verdicts.failed == 1


def test_without_decks_the_note_of_a_failed_validation_is_counted(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_ENABLE_DECK", "0")

    @task
    @validated(on_error="warn")
    def count(flights: DataFrame[Flights]) -> int:
        return len(flights)

    with pytest.warns(ValidationWarning):
        count(BAD)  # type: ignore[arg-type]
    verdicts = load_execution("last", store).view.verdicts
    assert (verdicts.failed, verdicts.warned) == (0, 1)


def test_on_error_may_be_chosen_for_all_frames_of_a_task() -> None:
    @task
    @validated(on_error="warn")
    def count(flights: DataFrame[Flights]) -> int:
        return len(flights)

    with pytest.warns(ValidationWarning):
        assert count(BAD) == 2  # type: ignore[arg-type]


def test_a_schema_object_may_stand_in_the_annotation(store: RecordingStore) -> None:
    schema = pa.DataFrameSchema({"delay": pa.Column(int)}, name="delays")

    @task
    @validated()
    def count(flights: Annotated[pd.DataFrame, schema], other: pd.DataFrame | None = None) -> int:
        return len(flights)

    assert count(GOOD) == 2
    assert list(reports(store)) == ["Pandera Report: delays"]


def test_registration_validates_plain_tasks(store: RecordingStore) -> None:
    @task
    def before(flights: DataFrame[Flights]) -> int:
        return len(flights)

    assert before(BAD) == 2, "installing the package changes nothing"  # type: ignore[arg-type]
    obs_pandera.register()
    try:

        @task
        def after(flights: DataFrame[Flights] | None, others: pd.DataFrame) -> int:
            return len(others)

        with pytest.raises(SchemaErrors):
            after(BAD, BAD)  # type: ignore[arg-type]
        assert after(None, BAD) == 2
    finally:
        from obs_pandera import validation

        validation._registration.unregister()


def test_coroutines_and_generators_are_validated() -> None:
    @task
    @validated()
    async def count(flights: DataFrame[Flights]) -> int:
        return len(flights)

    @task
    @validated()
    def each(flights: DataFrame[Flights]) -> Iterator[int]:
        yield len(flights)

    assert asyncio.run(count(GOOD)) == 2  # type: ignore[arg-type]
    with pytest.raises(SchemaErrors):
        asyncio.run(count(BAD))  # type: ignore[arg-type]
    with pytest.raises(SchemaErrors):
        list(each(BAD))  # type: ignore[arg-type]


def test_no_report_is_drawn_where_decks_are_disabled(store: RecordingStore) -> None:
    plain: Any = task(enable_deck=False)(validated()(clean.__wrapped__.__wrapped__))  # type: ignore[attr-defined]
    plain(GOOD)
    assert reports(store) == {}


def test_polars_frames_are_validated() -> None:
    pl = pytest.importorskip("polars")
    pp = pytest.importorskip("pandera.polars")
    schema = pp.DataFrameSchema({"a": pp.Column(int, pp.Check.gt(0))}, name="polars")

    @task
    @validated()
    def count(frame: Annotated[Any, schema]) -> int:
        return len(frame)

    assert count(pl.DataFrame({"a": [1]})) == 1
    with pytest.raises(SchemaErrors):
        count(pl.DataFrame({"a": [-1]}))


def test_another_on_error_is_refused_with_its_value() -> None:
    with pytest.raises(ValueError, match="on_error is 'raise' or 'warn', not 'ignore'"):
        validated(on_error="ignore")  # type: ignore[call-overload]


# ---- what cannot be validated does not pass -----------------------------------------------------------------------


@pytest.mark.parametrize("data", [None, 5, {"delay": [3]}, [GOOD]])
def test_what_is_no_frame_is_refused(store: RecordingStore, data: Any) -> None:
    ran = []

    @task
    @validated()
    def count(flights: DataFrame[Flights]) -> None:
        ran.append(flights)

    with pytest.raises((UnvalidatedError, SchemaErrors)):
        count(data)
    assert ran == []


def test_none_passes_where_the_annotation_or_the_default_says_so() -> None:
    @task
    @validated()
    def count(flights: DataFrame[Flights] | None, more: DataFrame[Flights] = None) -> DataFrame[Clean] | None:  # type: ignore[assignment]
        return None

    assert count(None) is None

    @task
    @validated()
    def forgetful(flights: DataFrame[Flights]) -> DataFrame[Clean]:
        return None  # type: ignore[return-value]

    with pytest.raises(UnvalidatedError, match="the result of forgetful was not validated"):
        forgetful(GOOD)  # type: ignore[arg-type]


def test_a_task_without_a_schema_is_refused() -> None:
    @task
    @validated()
    def count(flights: pd.DataFrame) -> int:
        return len(flights)

    with pytest.raises(UnvalidatedError, match=r"count was not validated: .*no argument and no result is annotated"):
        count(GOOD)

    @task
    @validated()
    def each(rows: int) -> Iterator[DataFrame[Flights]]:
        yield DataFrame[Flights](BAD)

    with pytest.raises(UnvalidatedError, match="no result is annotated"):
        list(each(1))


def test_where_nothing_is_refused_the_task_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "")

    @task
    @validated(on_error="warn")
    def count(flights: Any, more: Annotated[DataFrame[Flights], ValidationConfig(on_error="raise")]) -> int:
        return 2

    @task
    @validated()
    def both(
        flights: Annotated[DataFrame[Flights], ValidationConfig(on_error="warn")], more: DataFrame[Flights]
    ) -> int:
        return 2

    with pytest.raises(SchemaErrors):
        count(5, BAD)  # type: ignore[arg-type]
    with pytest.warns(ObsWarning, match="obs failed while validating argument flights of both"):
        assert both(5, GOOD) == 2  # type: ignore[arg-type]
    with pytest.warns(ObsWarning), pytest.raises(SchemaErrors):
        both(5, BAD)  # type: ignore[arg-type]


def test_a_report_that_cannot_be_drawn_and_a_warning_that_is_an_error_let_nothing_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from obs_pandera import PandasReportRenderer

    def fails(*_: Any) -> str:
        raise RuntimeError("no ink")

    monkeypatch.setenv("OBS_STRICT", "")
    monkeypatch.setattr(PandasReportRenderer, "to_html", fails)
    with pytest.warns(ObsWarning, match="no ink"), pytest.raises(SchemaErrors):
        clean(BAD)  # type: ignore[arg-type]

    @task
    @validated()
    def both(
        flights: Annotated[DataFrame[Flights], ValidationConfig(on_error="warn")], more: DataFrame[Flights]
    ) -> int:
        return 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ValidationWarning)
        with pytest.raises(SchemaErrors):
            both(BAD, BAD)  # type: ignore[arg-type]

"""Tasks whose data is profiled and compared with the last time."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

import pandas as pd
import pytest

from obs_core import execution, load_execution, task
from obs_core.testing import RecordingStore
from obs_profiles import (
    DriftError,
    DriftWarning,
    ExpectationError,
    ExpectationWarning,
    expect,
    log,
    profile,
    profile_data,
)

BEFORE = pd.DataFrame({"delay": range(200), "origin": ["EWR", "JFK"] * 100})
AFTER = pd.DataFrame({"delay": range(150, 350), "origin": ["EWR", "JFK"] * 100})


def decks(store: RecordingStore) -> dict[str, str]:
    (found,) = load_execution("last", store=store).tasks
    return {deck.name: "".join(deck.items) for deck in found.decks if deck.name.startswith("Data Profile")}


def notes(store: RecordingStore) -> list[str]:
    return [note for each in load_execution("last", store=store).tasks for note in each.notes]


def test_inputs_and_outputs_have_a_deck_each_and_no_reference_at_first(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data()
    def clean(flights: pd.DataFrame, limit: int) -> pd.DataFrame:
        return flights.head(limit)

    clean(BEFORE, 10)
    shown = decks(store)
    assert set(shown) == {"Data Profile: flights", "Data Profile: return"}
    assert '<b class="">200</b><span>rows' in shown["Data Profile: flights"]
    assert '<b class="">10</b><span>rows' in shown["Data Profile: return"]
    assert "reference" not in shown["Data Profile: flights"].split("</style>")[1]


def test_it_decorates_bare_too(store: RecordingStore) -> None:
    bare: Any = profile_data

    @task(deck_fields=())
    @bare
    def clean(flights: pd.DataFrame) -> None: ...

    clean(BEFORE)
    assert set(decks(store)) == {"Data Profile: flights"}


def make_clean(**options: Any) -> Any:
    @task(deck_fields=())
    @profile_data(outputs=False, **options)
    def clean(flights: pd.DataFrame) -> int:
        return len(flights)

    return clean


def test_the_reference_is_the_last_successful_call_in_any_execution(store: RecordingStore) -> None:
    clean = make_clean(on_drift="warn")
    clean(BEFORE)
    clean(BEFORE)
    assert "No drift" in decks(store)["Data Profile: flights"]
    with pytest.warns(DriftWarning, match=r"argument flights of clean drifted from execution .*: delay \(0\.\d\d\)"):
        assert clean(AFTER) == 200
    assert "1 of 2 columns drifted" in decks(store)["Data Profile: flights"]
    assert any("delay (0." in note for note in notes(store))
    clean(AFTER)  # it is compared with the last time, not with the first
    assert "No drift" in decks(store)["Data Profile: flights"]


def test_warnings_point_to_the_task(store: RecordingStore) -> None:
    clean = make_clean(reference=BEFORE, on_drift="warn", expect=[expect.rows(at_most=1)])
    with pytest.warns((DriftWarning, ExpectationWarning)) as caught:
        clean(AFTER)
    line = inspect.unwrap(clean).__code__.co_firstlineno
    places = {(each.category, each.filename, each.lineno) for each in caught}
    assert places == {(kind, __file__, line) for kind in (DriftWarning, ExpectationWarning)}


def test_raise_refuses_the_call_and_the_refused_data_is_no_reference(store: RecordingStore) -> None:
    clean = make_clean(on_drift="raise")
    clean(BEFORE)
    for _ in range(2):
        with pytest.raises(DriftError, match="delay") as caught:
            clean(AFTER)
        assert [column.name for column in caught.value.columns] == ["delay"]
    assert "1 of 2 columns drifted" in decks(store)["Data Profile: flights"]
    assert clean(BEFORE) == 200


def test_raise_refuses_a_result_too(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(inputs=False, on_drift="raise")
    def load(which: str) -> pd.DataFrame:
        return BEFORE if which == "before" else AFTER

    load("before")
    with pytest.raises(DriftError, match="the result of load"):
        load("after")


def test_thresholds_by_column_may_name_columns_of_any_frame(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(on_drift="raise", thresholds={"delay": 1.0, "gate": 0.5})
    def join(flights: pd.DataFrame, gates: pd.DataFrame) -> None: ...

    join(BEFORE, pd.DataFrame({"gate": ["a"] * 100}))
    join(AFTER, pd.DataFrame({"gate": ["a"] * 100}))
    with pytest.raises(DriftError, match="argument gates"):
        join(AFTER, pd.DataFrame({"gate": ["b"] * 100}))


@pytest.mark.parametrize("pin", [lambda: profile(BEFORE), lambda: BEFORE, lambda: {"flights": BEFORE}])
def test_a_pinned_reference_stays(store: RecordingStore, pin: Any) -> None:
    clean = make_clean(reference=pin(), on_drift="warn")
    for _ in range(2):
        with pytest.warns(DriftWarning, match="drifted from a pinned reference"):
            clean(AFTER)


def test_an_execution_is_a_reference(store: RecordingStore) -> None:
    with execution("golden") as golden:
        make_clean()(BEFORE)
    make_clean()(AFTER)
    with pytest.warns(DriftWarning, match=f"drifted from execution {golden.id}"):
        make_clean(reference=golden.id, on_drift="warn")(AFTER)


def test_an_annotation_is_about_its_argument_alone(store: RecordingStore) -> None:
    @task(deck_fields=())
    def join(flights: Annotated[pd.DataFrame, profile_data()], weather: pd.DataFrame) -> pd.DataFrame:
        return weather

    join(BEFORE, AFTER)
    assert set(decks(store)) == {"Data Profile: flights"}


def test_a_decorator_leaves_to_an_annotation_what_that_asks_for(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(on_drift="raise")
    def join(flights: Annotated[pd.DataFrame, profile_data()], weather: pd.DataFrame) -> pd.DataFrame:
        return weather

    join(BEFORE, BEFORE)
    join(AFTER, BEFORE)  # flights only show it
    assert set(decks(store)) == {f"Data Profile: {name}" for name in ("flights", "weather", "return")}
    with pytest.raises(DriftError, match="weather"):
        join(AFTER, AFTER)


def test_chosen_arguments_alone(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(inputs=["weather"])
    def join(flights: pd.DataFrame, weather: pd.DataFrame) -> None: ...

    join(BEFORE, AFTER)
    assert set(decks(store)) == {"Data Profile: weather"}


def test_frames_within_a_result(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data()
    def split(rows: int) -> Any:
        return {"train": BEFORE, "count": rows, "test": AFTER}

    split(5)
    assert set(decks(store)) == {"Data Profile: return train", "Data Profile: return test"}


def test_frames_of_polars_and_arrow(store: RecordingStore) -> None:
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")

    @task(deck_fields=())
    @profile_data()
    def both(flights: Any) -> Any:
        return arrow.Table.from_pandas(BEFORE)

    both(polars.DataFrame({"delay": list(range(200))}))
    assert set(decks(store)) == {"Data Profile: flights", "Data Profile: return"}


def test_without_decks_drift_is_still_acted_on(store: RecordingStore) -> None:
    @task(enable_deck=False)
    @profile_data(on_drift="raise")
    def clean(flights: pd.DataFrame) -> None: ...

    clean(BEFORE)
    with pytest.raises(DriftError):
        clean(AFTER)


def test_the_profile_is_of_what_the_task_was_given_and_not_of_what_it_made_of_it(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data()
    def spoil(flights: pd.DataFrame) -> None:
        flights["delay"] = 0.0

    spoil(BEFORE.copy())
    kept = load_execution("last", store=store).artifact("spoil", "data profile: flights")
    assert kept["delay"].numbers.most == 199


def test_generators_and_coroutines(store: RecordingStore) -> None:
    import asyncio

    @task(deck_fields=())
    @profile_data()
    async def clean(flights: pd.DataFrame) -> pd.DataFrame:
        return flights

    asyncio.run(clean(BEFORE))
    assert set(decks(store)) == {"Data Profile: flights", "Data Profile: return"}

    @task(deck_fields=())
    @profile_data()
    def parts(flights: pd.DataFrame) -> Iterator[int]:
        yield len(flights)

    assert list(parts(BEFORE)) == [200]
    assert set(decks(store)) == {"Data Profile: flights"}


def test_a_task_that_fails_raises_its_own_error(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(on_drift="raise")
    def clean(flights: pd.DataFrame) -> None:
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        clean(BEFORE)


def test_nothing_is_warned_of_where_nothing_drifted(store: RecordingStore) -> None:
    clean = make_clean(on_drift="warn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clean(BEFORE)
        clean(BEFORE)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"on_drift": "explode"}, ValueError, "'warn', 'raise' or None, not 'explode'"),
        ({"thresholds": 2}, ValueError, "from 0 to 1"),
        ({"thresholds": {"delay": "much"}}, TypeError, "delay"),
    ],
)
def test_wrong_options_are_refused_when_decorating(options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        profile_data(**options)


# ---- expectations -----------------------------------------------------------------------------------------------


def test_what_is_not_as_expected_is_warned_of_and_shown(store: RecordingStore) -> None:
    clean = make_clean(expect=[expect("delay").between(0, 100), expect("origin").present()])
    with pytest.warns(ExpectationWarning, match="argument flights of clean is not as expected: delay: values ≥ 0"):
        clean(BEFORE)
    assert "1 of 2 failed" in decks(store)["Data Profile: flights"]
    assert any("found 0 to 199" in note for note in notes(store))


def test_what_is_not_as_expected_can_be_refused(store: RecordingStore) -> None:
    clean = make_clean(expect={"flights": [expect.rows(at_most=10)]}, on_failure="raise")
    with pytest.raises(ExpectationError, match="found 200") as caught:
        clean(BEFORE)
    assert [verdict.expectation.measure for verdict in caught.value.failed] == ["rows"]


def test_expectations_of_another_argument_are_not_checked(store: RecordingStore) -> None:
    make_clean(expect={"weather": [expect.rows(at_most=10)]}, on_failure="raise")(BEFORE)
    assert "Expectations" not in decks(store)["Data Profile: flights"]


# ---- log --------------------------------------------------------------------------------------------------------


def test_what_is_logged_is_kept_shown_and_compared_with_the_last_time(store: RecordingStore) -> None:
    @task(deck_fields=())
    def count(rows: int) -> int:
        return log({"delay": range(rows)}, "delays").rows

    assert count(200) == 200
    assert set(decks(store)) == {"Data Profile: delays"}
    assert "Data profile of delays in count" in decks(store)["Data Profile: delays"]
    assert count(400) == 400
    assert "1 of 1 columns drifted" in decks(store)["Data Profile: delays"]
    assert load_execution("last", store=store).artifact("count", "data profile: delays")["delay"].rows == 400


def test_what_is_logged_outside_a_task_is_profiled(store: RecordingStore) -> None:
    assert log({"delay": range(5)}).rows == 5


def test_what_cannot_be_profiled_is_refused_by_log(store: RecordingStore) -> None:
    with pytest.raises(TypeError, match="not int"):
        log(5)


# ---- segments and files -----------------------------------------------------------------------------------------


def test_segments_are_kept_and_compared(store: RecordingStore) -> None:
    clean = make_clean(by="origin")
    clean(BEFORE)
    clean(AFTER)
    assert "Segments by origin" in decks(store)["Data Profile: flights"]
    kept = load_execution("last", store=store).artifact("clean", "data profile: flights")
    assert set(kept.segments) == {"EWR", "JFK"}


def test_a_frame_without_the_column_of_segments_is_profiled_without_them(store: RecordingStore) -> None:
    make_clean(by="carrier")(BEFORE)
    assert "200" in decks(store)["Data Profile: flights"]


def test_a_file_is_a_reference(store: RecordingStore, tmp_path: Any) -> None:
    profile(BEFORE).save(tmp_path / "golden.profile")
    for pinned in (tmp_path / "golden.profile", str(tmp_path / "golden.profile")):
        with pytest.warns(DriftWarning, match=r"drifted from the file golden\.profile"):
            make_clean(reference=pinned, on_drift="warn")(AFTER)


def test_what_changed_since_the_last_good_run_names_the_columns(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data()
    def clean(flights: pd.DataFrame) -> None: ...

    for data in (BEFORE, AFTER):
        with execution("flights"):
            clean(data)
    changes = load_execution("last", store=store).changes()
    told = {one.what: (one.before, one.after) for one in changes.found if one.kind == "data"}
    assert set(told) == {"clean: Data Profile: flights", "clean's flights: column delay"}
    assert all(text and text.endswith("%") for text in told["clean's flights: column delay"])

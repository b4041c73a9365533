"""Tasks whose data is profiled and compared with the last time."""

from __future__ import annotations

import inspect
import re
import threading
import warnings
from collections import UserList, deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest

from obs_core import execution, load_execution, task
from obs_core.testing import RecordingStore
from obs_profiles import (
    DriftError,
    DriftWarning,
    ExpectationError,
    ExpectationWarning,
    UncheckedError,
    UncheckedWarning,
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


def test_drift_that_warns_is_told_before_a_broken_rule_refuses_the_call(store: RecordingStore) -> None:
    rules = [expect.rows(at_most=1)]
    clean = make_clean(reference=BEFORE, on_drift="warn", expect=rules, on_failure="raise")
    with pytest.warns(DriftWarning, match="delay"), pytest.raises(ExpectationError):
        clean(AFTER)
    clean = make_clean(reference=BEFORE, on_drift="raise", expect=rules, on_failure="raise")
    with pytest.raises(ExpectationError):
        clean(AFTER)


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
    verdicts = load_execution("last", store).view.verdicts
    assert (verdicts.failed, verdicts.warned) == (1, 0)  # one failure, which the note tells once more


def test_what_is_not_as_expected_can_be_refused(store: RecordingStore) -> None:
    clean = make_clean(expect={"flights": [expect.rows(at_most=10)]}, on_failure="raise")
    with pytest.raises(ExpectationError, match="found 200") as caught:
        clean(BEFORE)
    assert [verdict.expectation.measure for verdict in caught.value.failed] == ["rows"]


def test_a_few_values_that_may_not_be_are_refused_among_many_that_may(store: RecordingStore) -> None:
    words = [f"id{number}" for number in range(5_000)]

    def returning_words(allowed: list[str]) -> pd.DataFrame:
        @task(deck_fields=())
        @profile_data(expect=[expect("it").among(*allowed)], on_failure="raise")
        def load() -> pd.DataFrame:
            return pd.DataFrame({"it": words * 2})

        return load()

    with pytest.raises(ExpectationError, match=r"id4950 \(2\), .* and 45 more"):
        returning_words(words[:-50])
    assert len(returning_words(words)) == 10_000


def test_a_failure_within_the_error_of_an_estimate_says_so_and_comes_last(store: RecordingStore) -> None:
    numbers = pd.DataFrame({"it": np.random.default_rng(5).normal(size=100_000)})
    known = profile(numbers)["it"].numbers
    assert known is not None
    close = expect("it").quantile(0.5, at_most=float(known.quantiles.quantiles(0.5)) - 1e-6)
    clean = make_clean(expect=[close, expect("it").between(-1, 1)], on_failure="raise")
    with pytest.raises(
        ExpectationError, match=r"it: values ≥ -1 .*; it: 50 % quantile .* \(within the estimate's error\)"
    ):
        clean(numbers)
    (deck,) = (deck for name, deck in decks(store).items() if name.startswith("Data Profile"))
    assert "within the estimate&#x27;s error" in deck or "within the estimate's error" in deck


def test_expectations_of_another_argument_are_not_checked(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(expect={"weather": [expect.rows(at_most=10)]}, on_failure="raise")
    def join(flights: pd.DataFrame, weather: pd.DataFrame) -> None: ...

    join(BEFORE, BEFORE.head(5))
    assert "Expectations" not in decks(store)["Data Profile: flights"]
    assert "All passed" in decks(store)["Data Profile: weather"]


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
    @task(deck_fields=())
    @profile_data(by="origin", on_drift="raise")
    def join(flights: pd.DataFrame, weather: pd.DataFrame) -> None: ...

    join(BEFORE, BEFORE[["delay"]])
    kept = load_execution("last", store=store)
    assert [len(kept.artifact("join", f"data profile: {name}").segments) for name in ("flights", "weather")] == [2, 0]


def test_a_file_is_a_reference(store: RecordingStore, tmp_path: Any) -> None:
    profile(BEFORE).save(tmp_path / "golden.profile")
    for pinned in (tmp_path / "golden.profile", str(tmp_path / "golden.profile")):
        with pytest.warns(DriftWarning, match=r"drifted from the file golden\.profile"):
            make_clean(reference=pinned, on_drift="warn")(AFTER)


@pytest.mark.parametrize("on_failure", ["warn", None])
def test_a_call_that_was_not_as_expected_is_no_reference_of_later_ones(
    store: RecordingStore, on_failure: str | None
) -> None:
    clean = make_clean(expect=expect("delay").present(), on_failure=on_failure)
    good, bad = pd.DataFrame({"delay": [3.0] * 9}), pd.DataFrame({"delay": [3.0, None, None]})
    ids, references = [], []
    for data in (bad, good, bad, good):
        with execution("flights") as run, warnings.catch_warnings():
            warnings.simplefilter("ignore", ExpectationWarning)
            clean(data)
        ids.append(run.id)
        found = re.search(r"Compared with execution ([\w-]+)", decks(store)["Data Profile: flights"])
        references.append(found and found[1])
    assert references == [None, ids[0], ids[1], ids[1]]  # the first is better than none


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
    assert all(text and text.endswith("% of rows") for text in told["clean's flights: column delay"])


def test_why_drift_ended_an_execution_is_told_by_what_moved(store: RecordingStore) -> None:
    clean = make_clean(on_drift="raise")
    with execution("flights"):
        clean(BEFORE)
    with pytest.raises(DriftError), execution("flights"):
        clean(AFTER)
    found = load_execution("last", store=store).why()
    assert "DriftError: argument flights of clean drifted" in found.paragraph
    share = r"in [\d.]+ % of rows"
    assert re.search(f"clean's flights: column delay was .+ {share}, now .+ {share}", found.differences[0])


def test_how_far_data_drifted_is_kept_in_numbers(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data()
    def clean(flights: pd.DataFrame) -> None: ...

    clean(BEFORE)
    clean(BEFORE)
    assert load_execution("last", store=store).artifact("clean", "drift: flights") == {
        "greatest distance": 0.0,
        "columns drifted": 0,
    }
    clean(AFTER)
    drifted = load_execution("last", store=store).artifact("clean", "drift: flights")
    assert drifted["columns drifted"] == 1
    assert drifted["greatest distance"] > 0.3


# ---- a guard that fails does not let pass -----------------------------------------------------------------------


def broken(store: RecordingStore, name: str = "data profile: flights", *, gone: bool = False) -> None:
    """Damage or remove the profile that the last call kept."""
    (task_,) = load_execution("last", store=store).tasks
    kept = load_execution("last", store=store)._assembly.artifacts[task_.id][name]
    if gone:
        store.remove(kept.path or "")
    else:
        store.put(kept.path or "", b"OBSP\x01 damaged")


@pytest.mark.parametrize("reference", ["missing.profile", "20260101-000000-000000-aaaaaa", Path("missing.profile")])
def test_a_missing_reference_refuses_the_call_and_leaves_the_rules_in_force(
    store: RecordingStore, reference: Any
) -> None:
    ran = []

    @task(deck_fields=())
    @profile_data(reference=reference, on_drift="raise", expect=[expect("delay").between(0, 199)], on_failure="raise")
    def clean(flights: pd.DataFrame) -> None:
        ran.append(flights)

    with pytest.raises(
        UncheckedError, match="argument flights of clean was not compared: its reference cannot be read"
    ):
        clean(BEFORE)
    assert '<b class="">200</b><span>rows' in decks(store)["Data Profile: flights"]
    with pytest.raises(ExpectationError, match="delay"):
        clean(AFTER)
    assert ran == []


def test_a_missing_reference_is_told_where_nothing_is_refused(store: RecordingStore) -> None:
    clean = make_clean(reference="missing.profile", on_drift="warn")
    with pytest.warns(UncheckedWarning, match=r"no file 'missing\.profile'"):
        assert clean(BEFORE) == 200
    assert "Not compared" in decks(store)["Data Profile: flights"]
    (found,) = load_execution("last", store=store).tasks
    assert [verdict.outcome for verdict in found.verdicts] == ["warned"]
    assert load_execution("last", store=store).artifact("clean", "data profile: flights").rows == 200


@pytest.mark.parametrize("on_drift", ["warn", "raise"])
def test_that_rows_are_too_few_to_compare_is_told_once(store: RecordingStore, on_drift: str) -> None:
    clean = make_clean(on_drift=on_drift)
    clean(BEFORE.head(2))
    with pytest.warns(
        UncheckedWarning, match=r"flights of clean was not compared with .*: too few rows to tell, 2 and 3"
    ):
        assert clean(BEFORE.tail(3)) == 3  # so few rows are no drift, and refuse nothing
    (found,) = load_execution("last", store=store).tasks
    assert [(verdict.outcome, verdict.found) for verdict in found.verdicts] == [
        ("warned", "Drift: Not compared: too few rows to tell")
    ]


@pytest.mark.parametrize("reference", [123, {"flights": 123}, object()])
def test_what_is_no_reference_is_refused_when_decorating(reference: Any) -> None:
    with pytest.raises(TypeError, match="a reference is a profile, a frame, the path"):
        profile_data(reference=reference)


def test_a_reference_without_rows_is_none(store: RecordingStore) -> None:
    with pytest.raises(UncheckedError, match="a pinned reference has no rows"):
        make_clean(reference=BEFORE.iloc[:0], on_drift="raise")(BEFORE)


def test_a_frame_that_was_pinned_is_profiled_once_as_it_was(store: RecordingStore) -> None:
    golden = BEFORE.copy()
    clean = make_clean(reference=golden, on_drift="raise")
    golden["delay"] = 0
    assert clean(BEFORE) == 200
    pinned = make_clean(reference=iter([BEFORE]), on_drift="raise")  # it can be read but once
    assert [pinned(BEFORE), pinned(BEFORE)] == [200, 200]


def test_an_unreadable_last_profile_does_not_stay_the_last(store: RecordingStore) -> None:
    clean = make_clean(on_drift="warn", expect=[expect("delay").between(0, 199)], on_failure="raise")
    clean(BEFORE)
    broken(store)
    unread = "the profile of the last good call cannot be read"
    with pytest.warns(UncheckedWarning, match=unread), pytest.raises(ExpectationError):
        clean(AFTER)
    with pytest.warns(UncheckedWarning, match=unread):
        clean(BEFORE)
    assert clean(BEFORE) == 200
    assert "No drift" in decks(store)["Data Profile: flights"]


def test_an_unreadable_last_profile_refuses_the_call_and_says_how_to_begin_anew(store: RecordingStore) -> None:
    make_clean(on_drift="raise")(BEFORE)
    broken(store)
    with pytest.raises(UncheckedError, match="or call it once without on_drift='raise' to start over"):
        make_clean(on_drift="raise")(BEFORE)
    with pytest.warns(UncheckedWarning):
        make_clean()(BEFORE)
    with pytest.raises(DriftError):
        make_clean(on_drift="raise")(AFTER)


@pytest.mark.usefixtures("store")
def test_a_profile_that_no_file_takes_is_not_lost_until_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    @task
    @profile_data(on_drift="raise", outputs=False)
    def load(frame: pd.DataFrame) -> None: ...

    monkeypatch.setattr("obs_profiles.files.bounds.MOST_COLUMNS", 1)
    with pytest.raises(UncheckedError, match=r"load was not checked: .*has 2 columns, and a file holds at most 1"):
        load(pd.DataFrame({"a": [1], "b": [2]}))


@pytest.mark.parametrize("damage", ["damaged", "gone"])
def test_behind_an_unreadable_last_profile_is_the_one_before(store: RecordingStore, damage: str) -> None:
    def night(clean: Any, data: pd.DataFrame) -> None:
        with execution("nightly"):
            clean(data)

    clean = make_clean(on_drift="raise")
    night(clean, BEFORE)
    golden = load_execution("last", store=store).id
    with pytest.raises(DriftError):
        night(clean, AFTER)  # what was refused is no reference, then neither
    night(clean, BEFORE)
    broken(store, gone=damage == "gone")
    says = (
        f"the profile of the last good call cannot be read: .*; argument flights of clean is compared with .*{golden}"
    )
    with pytest.warns(UncheckedWarning, match=says), pytest.raises(DriftError, match=f"from execution {golden}"):
        night(clean, AFTER)
    with pytest.warns(UncheckedWarning, match=says):
        night(clean, BEFORE)
    assert any(re.search(says, note) for note in notes(store))
    night(clean, BEFORE)  # nothing is wrong any more


def test_behind_an_unreadable_last_profile_no_call_counts_that_was_not_as_expected(store: RecordingStore) -> None:
    clean = make_clean(on_drift="warn", expect=[expect("delay").between(0, 250)])
    with execution("nightly") as first:
        clean(BEFORE)
    with execution("nightly"), pytest.warns((ExpectationWarning, DriftWarning)):
        clean(AFTER)
    with execution("nightly"):
        clean(BEFORE)
    broken(store)
    with execution("nightly"), pytest.warns(UncheckedWarning, match=f"is compared with execution {first.id}"):
        clean(BEFORE)


@pytest.mark.parametrize("refuses", ["drift", "expectation", "task"])
def test_of_several_calls_in_one_execution_the_last_good_one_counts(store: RecordingStore, refuses: str) -> None:
    @task(deck_fields=())
    @profile_data(
        outputs=False,
        on_drift="raise" if refuses == "drift" else None,
        expect=[expect("delay").between(0, 250)] if refuses == "expectation" else [],
        on_failure="raise",
    )
    def clean(flights: pd.DataFrame) -> None:
        if flights is AFTER and refuses == "task":
            raise RuntimeError("no")

    @task(deck_fields=())
    def around(*frames: pd.DataFrame) -> None:
        for frame in frames:
            with suppress(RuntimeError, DriftError, ExpectationError):
                clean(frame)

    with execution("nightly") as pinned:
        around(BEFORE, AFTER, AFTER)

    pinning = make_clean(reference=pinned.id, on_drift="raise")
    pinning(BEFORE)
    with pytest.raises(DriftError, match=f"from execution {pinned.id}"):
        pinning(AFTER)


def test_what_its_execution_did_later_does_not_matter(store: RecordingStore) -> None:
    clean = make_clean(on_drift="raise")
    with suppress(RuntimeError), execution("nightly") as failed:
        clean(BEFORE)
        raise RuntimeError("after the call")
    with execution("nightly"):
        clean(BEFORE)
    broken(store)
    told = f"compared with execution {failed.id}"
    with execution("nightly"), pytest.warns(UncheckedWarning, match=told), pytest.raises(DriftError):
        clean(AFTER)


def test_of_concurrent_executions_the_call_that_ended_last_counts(store: RecordingStore) -> None:
    clean = make_clean(on_drift="warn")
    begun, go, done = threading.Event(), threading.Event(), []

    def earlier() -> None:
        with execution("nightly") as one:
            begun.set()
            go.wait(60)
            clean(AFTER)
            done.append(one.id)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thread = threading.Thread(target=earlier)
        thread.start()
        assert begun.wait(60)
        with execution("nightly"):
            clean(BEFORE)
        go.set()
        thread.join(60)
        with execution("nightly"):
            clean(AFTER)
    broken(store)
    with execution("nightly"), pytest.warns(UncheckedWarning, match=f"is compared with execution {done[0]}"):
        clean(AFTER)


def test_a_store_that_cannot_be_read_is_no_first_call(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = make_clean(on_drift="raise")
    clean(BEFORE)
    get = store.get

    def unreachable(path: str, *window: Any) -> bytes:
        if path.startswith("latest/"):
            raise ConnectionError("the network is down")
        return get(path, *window)

    monkeypatch.setattr(store, "get", unreachable)
    with pytest.raises(UncheckedError, match="the network is down"):
        clean(AFTER)


class Hostile(pd.DataFrame):
    """A frame of which nothing can be read."""

    @property  # type: ignore[misc]
    def columns(self) -> Any:
        raise RuntimeError("no columns today")


def test_a_frame_that_cannot_be_profiled_is_refused_or_told(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    @task(deck_fields=())
    @profile_data(expect={"weather": [expect.rows(at_least=500)]}, outputs=False)
    def join(flights: pd.DataFrame, weather: pd.DataFrame) -> int:
        return 1

    monkeypatch.setenv("OBS_STRICT", "")
    hostile = Hostile({"delay": [1]})
    with pytest.warns((UncheckedWarning, ExpectationWarning)) as caught:
        assert join(hostile, BEFORE) == 1
    assert {each.category for each in caught} == {UncheckedWarning, ExpectationWarning}
    with pytest.raises(UncheckedError, match="flights of clean was not checked: RuntimeError: no columns today"):
        make_clean(on_drift="raise")(hostile)


def test_a_warning_that_is_an_error_leaves_the_rest_in_force(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "")

    @task(deck_fields=())
    @profile_data(expect=[expect.rows(at_most=1)], on_drift="raise")
    def clean(flights: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
        return again

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean(BEFORE, BEFORE)
        warnings.simplefilter("error", ExpectationWarning)
        with pytest.raises(DriftError, match="argument flights"):
            clean(AFTER, BEFORE)
        with pytest.raises(DriftError, match="argument again"):
            clean(BEFORE, AFTER)


# ---- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"inputs": ["nope"]},
        {"inputs": "nope"},
        {"expect": {"nope": [expect.rows(at_least=1)]}},
        {"expect": {"return.p": [expect.rows(at_least=1)]}},
        {"reference": {"nope": BEFORE}},
    ],
)
def test_names_of_no_argument_are_refused_when_decorating(options: Any) -> None:
    with pytest.raises(ValueError, match=r"'(nope|return\.p)' is not an argument of clean; there are: flights, return"):

        @profile_data(**options)
        def clean(flights: pd.DataFrame) -> None: ...


@pytest.mark.parametrize(
    "options",
    [
        {"outputs": False, "expect": {"return": [expect.rows(at_least=1)]}},
        {"inputs": False, "reference": {"flights": BEFORE}},
        {"inputs": ["weather"], "expect": {"flights": [expect.rows(at_least=1)]}},
    ],
)
def test_names_of_what_is_not_profiled_are_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="is named but not profiled"):
        profile_data(**options)


@pytest.mark.parametrize("expected", [expect("delay").present(), [5], {"flights": "delay"}])
def test_expect_takes_expectations(expected: Any) -> None:
    if isinstance(expected, list | dict):
        with pytest.raises(TypeError, match="expectations are made with expect"):
            profile_data(expect=expected)
    else:
        profile_data(expect=expected)


def returning(value: Any, **options: Any) -> Any:
    @task(deck_fields=())
    @profile_data(**options)
    def load():  # type: ignore[no-untyped-def]
        return value

    return load


TOO_FEW = [expect.rows(at_least=500)]


@pytest.mark.parametrize("value", [BEFORE, {"p": BEFORE}, [BEFORE], ("n", BEFORE)])
def test_what_is_asked_of_the_result_is_asked_of_each_frame_in_it(store: RecordingStore, value: Any) -> None:
    with pytest.raises(ExpectationError, match="the result"):
        returning(value, expect={"return": TOO_FEW}, on_failure="raise")()
    with pytest.raises(DriftError, match=r"the result .*from a pinned reference"):
        returning(value, reference={"return": AFTER}, on_drift="raise")()


def test_a_part_of_the_result_may_have_rules_and_a_reference_of_its_own(store: RecordingStore) -> None:
    parts = {"p": BEFORE, "q": AFTER}
    for rules in ({"return p": TOO_FEW}, {"return": TOO_FEW, "return p": ()}):
        with pytest.raises(ExpectationError, match="the result p of load"):
            returning(parts, expect=rules, on_failure="raise")()
    returning(parts, reference={"return": AFTER, "return p": BEFORE}, on_drift="raise")()


@pytest.mark.parametrize("value", [None, 5, {"q": BEFORE}])
def test_a_part_that_is_not_there_is_not_checked(store: RecordingStore, value: Any) -> None:
    load = returning(value, expect={"return p": TOO_FEW}, on_failure="raise")
    with pytest.raises(UncheckedError, match="the result p of load was not checked: there is none"):
        load()
    with pytest.warns(UncheckedWarning, match="was not checked"):
        returning(value, expect={"return p": TOO_FEW})()


@pytest.mark.parametrize("options", [{"on_drift": "raise"}, {"expect": TOO_FEW, "on_failure": "raise"}])
def test_a_guard_that_saw_no_frame_does_not_let_pass(store: RecordingStore, options: Any) -> None:
    with pytest.raises(UncheckedError, match="load was not checked: it has no frame"):
        returning(None, **options)()
    with pytest.raises(UncheckedError, match="has no frame"), execution("block"), profile_data(**options):
        pass


def test_a_frame_that_was_promised_and_did_not_come_is_not_checked(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(on_drift="raise")
    def clean(flights: pd.DataFrame) -> pd.DataFrame:
        return None  # type: ignore[return-value]

    with pytest.raises(UncheckedError, match="the result of clean was not checked: it is not a frame but None"):
        clean(BEFORE)
    with pytest.raises(UncheckedError, match="argument flights of clean was not checked: it is not a frame but list"):
        clean([1])  # type: ignore[arg-type]


def test_what_may_be_none_may_be_none(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(on_drift="raise", expect={"flights": TOO_FEW, "return": TOO_FEW}, on_failure="raise")
    def clean(flights: pd.DataFrame | None, weather: pd.DataFrame = None) -> pd.DataFrame | None:  # type: ignore[assignment]
        return flights

    assert clean(None) is None


def test_the_functions_own_error_about_its_arguments_is_the_one_that_is_raised(store: RecordingStore) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        make_clean(on_drift="raise")()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"thresholds": {"typo": 0.3}}, "a threshold for 'typo', a column that no frame of clean has"),
        ({"by": "typo"}, "segments are by typo, which no frame of clean has"),
    ],
)
def test_what_is_about_no_column_of_any_frame_is_told(store: RecordingStore, options: Any, says: str) -> None:
    with pytest.raises(UncheckedError, match=says):
        make_clean(on_drift="raise", **options)(BEFORE)
    with pytest.warns(UncheckedWarning, match=says):
        make_clean(on_drift="warn", **options)(BEFORE)


# ---- frames of every kind, wherever they are --------------------------------------------------------------------


class Elsewhere:
    """A frame of a library that nobody knows, by the protocol for such."""

    def __dataframe__(self) -> None: ...


def lazy() -> Any:
    return pytest.importorskip("polars").LazyFrame({"delay": [1]})


def guarded(function: Any, **options: Any) -> Any:
    return task(deck_fields=())(profile_data(on_drift="raise", **options)(function))


def join(flights: Any, *more: Any, weather: Any = None, **others: Any) -> None: ...


def test_frames_are_profiled_wherever_they_are(store: RecordingStore) -> None:
    def call(a: Any = BEFORE, b: Any = BEFORE, c: Any = BEFORE, d: Any = BEFORE, e: Any = BEFORE) -> None:
        guarded(join)([{"a": (1, a)}], b, [1, c], weather=deque([d]), gates=e)

    call()
    places = ("flights[0][a][1]", "more[0]", "more[1][1]", "weather[0]", "others[gates]")
    assert set(decks(store)) == {f"Data Profile: {place}" for place in places}
    for name, place in zip("abcde", places, strict=True):
        with pytest.raises(DriftError, match=re.escape(f"argument {place} of join")):
            call(**{name: AFTER})


@pytest.mark.parametrize("make", [lazy, Elsewhere])
@pytest.mark.parametrize(
    "within",
    [
        lambda frame: frame,
        lambda frame: [frame],
        lambda frame: {"a": [frame]},
        lambda frame: {"a": frame}.values(),
        lambda frame: UserList([frame]),
        lambda frame: np.array([[frame, None]], object),
    ],
)
def test_a_frame_that_is_not_in_memory_is_refused_by_name(store: RecordingStore, make: Any, within: Any) -> None:
    frame = within(make())
    says = r"was not checked: a \w+\.(LazyFrame|Elsewhere) is not in memory"
    with pytest.raises(UncheckedError, match=rf"argument weather\S* of join {says}"):
        guarded(join)(BEFORE, weather=frame)
    with pytest.raises(UncheckedError, match=rf"argument more\[0\]\S* of join {says}"):
        guarded(join)(BEFORE, frame)
    with pytest.raises(UncheckedError, match=rf"the result.* of load {says}"):
        returning(frame, on_drift="raise")()
    with pytest.warns(UncheckedWarning, match=says):
        task(profile_data(on_drift="warn")(join))(BEFORE, weather=frame)
    task(profile_data()(join))(BEFORE, weather=frame)  # nothing was to be checked
    guarded(join, inputs=["flights"])(BEFORE, weather=frame)  # it is not asked for


def test_an_unrelated_none_is_no_excuse(store: RecordingStore) -> None:
    def load(path: str, limit: int | None = None, other: Any = None) -> None: ...

    with pytest.raises(UncheckedError, match="load was not checked: it has no frame"):
        guarded(load)("flights.csv")


def test_what_a_hint_promises_within_others_and_did_not_come_is_not_checked(store: RecordingStore) -> None:
    def join(flights: pd.DataFrame, parts: Iterator[pd.DataFrame] | None = None, *more: pd.DataFrame) -> None: ...

    guarded(join)(BEFORE)
    with pytest.raises(UncheckedError, match="argument parts of join was not checked: it is not a frame but generator"):
        guarded(join)(BEFORE, (frame for frame in [BEFORE]))
    with pytest.raises(UncheckedError, match=r"argument more\[1\] of join was not checked: it is not a frame but int"):
        guarded(join)(BEFORE, None, BEFORE, 5)


def test_an_annotation_within_another_is_about_the_frames_that_are_there(store: RecordingStore) -> None:
    watched = profile_data(on_drift="raise")

    @task(deck_fields=())
    @profile_data()
    def split(flights: list[Annotated[pd.DataFrame, watched]], weather: pd.DataFrame) -> None: ...

    split([BEFORE, BEFORE], BEFORE)
    split([BEFORE, BEFORE], AFTER)
    assert set(decks(store)) == {f"Data Profile: {name}" for name in ("flights[0]", "flights[1]", "weather")}
    with pytest.raises(DriftError, match=r"argument flights\[1\] of split"):
        split([BEFORE, AFTER], AFTER)
    with pytest.raises(UncheckedError, match="argument flights of split was not checked: it is not a frame but list"):
        split([], BEFORE)


def test_parts_are_chosen_and_have_rules_of_their_own(store: RecordingStore) -> None:
    guarded(join, inputs=["flights[a]", "others"])({"a": BEFORE, "b": lazy()}, gates=BEFORE)
    assert set(decks(store)) == {"Data Profile: flights[a]", "Data Profile: others[gates]"}
    rules = {"others[gates]": [expect.rows(at_least=500)]}
    with pytest.raises(ExpectationError, match=r"argument others\[gates\] of join is not as expected"):
        guarded(join, expect=rules, on_failure="raise")(BEFORE, wind=BEFORE, gates=BEFORE)
    with pytest.raises(UncheckedError, match=r"argument others\[gates\] of join was not checked: there is none"):
        guarded(join, expect=rules, on_failure="raise")(BEFORE, wind=BEFORE)
    with pytest.raises(DriftError, match=r"argument more\[0\] of join drifted from a pinned reference"):
        guarded(join, reference={"more": BEFORE})(AFTER, AFTER)


@pytest.mark.parametrize("name", ["wind", "other"])
def test_names_that_only_kw_could_have_say_how_these_are_named(name: str) -> None:
    with pytest.raises(ValueError, match=rf"'{name}' is not an argument of join; .*, others\[\.\.\.\], return"):
        profile_data(inputs=[name])(join)


def test_a_name_with_spaces_is_no_part_of_another_one(store: RecordingStore) -> None:
    parts = {"train set": BEFORE}
    with pytest.raises(UncheckedError, match="the result train of load was not checked: there is none"):
        returning(parts, expect={"return train": TOO_FEW}, on_failure="raise")()
    with pytest.raises(ExpectationError, match="the result train set of load"):
        returning(parts, expect={"return train set": TOO_FEW}, on_failure="raise")()


def test_two_frames_of_one_name_are_not_both_checked(store: RecordingStore) -> None:
    with pytest.raises(UncheckedError, match="the result 1 of load was not checked: another frame has this name"):
        returning({1: BEFORE, "1": AFTER}, on_drift="raise")()


def test_a_list_that_holds_itself_has_an_end(store: RecordingStore) -> None:
    endless: list[Any] = [BEFORE]
    endless.append(endless)
    guarded(join)(endless)
    assert set(decks(store)) == {"Data Profile: flights[0]"}


# ---- nothing, and parts -----------------------------------------------------------------------------------------


def test_an_empty_frame_is_a_drift_of_its_own_and_never_the_reference(store: RecordingStore) -> None:
    clean, warning = make_clean(on_drift="raise"), make_clean(on_drift="warn")
    clean(BEFORE)
    for _ in range(2):
        with pytest.raises(DriftError, match=r"argument flights of clean is empty: execution .* had 200 rows"):
            clean(BEFORE.iloc[:0])
    with pytest.warns(DriftWarning, match="is empty"):
        warning(BEFORE.iloc[:0])
    assert "No rows, where there were 200" in decks(store)["Data Profile: flights"]
    assert load_execution("last", store=store).artifact("clean", "data profile: flights").rows == 0
    with pytest.raises(DriftError, match="delay"):
        clean(AFTER)


def segmented(seed: int, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "carrier": random.choice(["UA", "B6", "DL"], 20_000, p=[0.6, 0.38, 0.02]),
            "delay": random.normal(10, 5, 20_000),
        }
    )
    frame.loc[frame.carrier == "DL", "delay"] += shift
    return frame


def test_drift_in_a_segment_is_a_drift(store: RecordingStore) -> None:
    clean = make_clean(by="carrier", on_drift="raise")
    clean(segmented(1))
    clean(segmented(2))
    with pytest.raises(DriftError, match=r"delay \(0\.\d\d\) where carrier is DL$") as caught:
        clean(segmented(3, shift=10))
    assert caught.value.columns == []
    assert {value: [one.name for one in found] for value, found in caught.value.segments.items()} == {"DL": ["delay"]}
    assert "delay drifted where carrier is DL" in decks(store)["Data Profile: flights"]
    (found,) = load_execution("last", store=store).tasks
    assert ("warned", "Drift: delay drifted where carrier is DL") in [
        (one.outcome, one.found) for one in found.verdicts
    ]


def test_a_pinned_reference_is_compared_by_segments_or_not_at_all(store: RecordingStore) -> None:
    with pytest.raises(DriftError, match="where carrier is DL"):
        make_clean(reference=segmented(1), by="carrier", on_drift="raise")(segmented(3, shift=50))
    with pytest.raises(UncheckedError, match="a pinned reference has no segments by carrier"):
        make_clean(reference=profile(segmented(1)), by="carrier", on_drift="raise")(segmented(2))


def test_segments_of_which_none_stayed_are_not_compared(store: RecordingStore) -> None:
    def night(number: int) -> pd.DataFrame:
        return pd.DataFrame(
            {"night": np.full(200, np.datetime64("2013-01-01") + np.timedelta64(number, "D")), "delay": range(200)}
        )

    clean, warning = (make_clean(by="night", on_drift=action) for action in ("raise", "warn"))
    clean(night(1))
    clean(night(1))
    says = "segments of argument flights of clean were not compared: no segment by night is in both"
    with pytest.raises(UncheckedError, match=says):
        clean(night(2))
    with pytest.warns(UncheckedWarning, match=says):
        warning(night(2))


def test_of_an_empty_frame_no_more_is_said_than_that(store: RecordingStore) -> None:
    clean = make_clean(by="origin", on_drift="warn")
    clean(BEFORE)
    with pytest.warns() as caught:
        clean(BEFORE.iloc[:0])
    assert [each.category for each in caught] == [DriftWarning]
    assert "No segment by" not in decks(store)["Data Profile: flights"]


def test_segments_of_an_arrow_table(store: RecordingStore) -> None:
    arrow = pytest.importorskip("pyarrow")
    make_clean(by="origin")(arrow.Table.from_pandas(BEFORE))
    kept = load_execution("last", store=store).artifact("clean", "data profile: flights")
    assert set(kept.segments) == {"EWR", "JFK"}


# ---- log --------------------------------------------------------------------------------------------------------


def test_what_is_logged_may_have_a_name_that_is_no_valid_text(store: RecordingStore) -> None:
    @task(deck_fields=())
    def count(rows: int) -> int:
        return log({"delay": range(rows)}, "part-\udcff").rows

    assert [count(200), count(400)] == [200, 400]
    (shown,) = decks(store).values()
    assert "1 of 1 columns drifted" in shown


def test_an_unreadable_last_profile_is_no_matter_for_what_is_logged(store: RecordingStore) -> None:
    @task(deck_fields=())
    def count(rows: int) -> int:
        return log({"delay": range(rows)}).rows

    count(200)
    broken(store, "data profile: data")
    with pytest.warns(UncheckedWarning, match="cannot be read"):
        assert count(300) == 300
    assert count(300) == 300
    assert "No drift" in decks(store)["Data Profile: data"]


def test_segments_of_what_is_logged_are_by_a_column_that_it_has(store: RecordingStore) -> None:
    with pytest.warns(UncheckedWarning, match="segments are by typo"):
        log({"delay": range(5)}, by="typo")


def test_an_empty_list_is_no_frame_where_one_was_promised(store: RecordingStore) -> None:
    @task
    @profile_data(on_drift="raise")
    def one(flights: pd.DataFrame, weather: pd.DataFrame | None = None) -> int:
        return 1

    @task
    @profile_data(on_drift="raise")
    def several(flights: list[pd.DataFrame], weather: pd.DataFrame) -> int:
        return 1

    with pytest.raises(UncheckedError, match="argument flights of one was not checked: it is not a frame but list"):
        one([])  # type: ignore[arg-type]
    assert several([], BEFORE) == 1


def test_what_a_generator_yields_is_said_not_to_be_seen(store: RecordingStore) -> None:
    @task
    @profile_data(on_drift="raise")
    def parts(flights: pd.DataFrame) -> Iterator[pd.DataFrame]:
        yield flights

    with pytest.raises(UncheckedError, match="frames that a generator yields are not seen: log them"):
        list(parts(BEFORE))


def test_outside_a_task_drift_is_compared_with_what_is_pinned_alone(store: RecordingStore) -> None:
    @profile_data(on_drift="raise")
    def alone(flights: pd.DataFrame) -> None: ...

    with pytest.raises(UncheckedError, match="outside a task there is no last good call; decorate it with task, or"):
        alone(BEFORE)

    @profile_data(on_drift="raise", reference=BEFORE)
    def pinned(flights: pd.DataFrame) -> None: ...

    pinned(BEFORE)
    with pytest.raises(DriftError, match="delay"):
        pinned(AFTER)

    @profile_data(on_failure="raise", expect=[expect.rows(at_least=1)])
    def expected(flights: pd.DataFrame) -> int:
        return len(flights)

    assert expected(BEFORE) == 200
    with pytest.raises(ExpectationError):
        expected(BEFORE.head(0))


def test_frames_of_the_last_call_that_are_not_there_are_told(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(on_drift="warn", outputs=False)
    def join(flights: pd.DataFrame, more: list[Any], weather: pd.DataFrame | None = None) -> None: ...

    join(BEFORE, [BEFORE, None], BEFORE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        join(BEFORE, [BEFORE, None])  # no weather is fine
    with pytest.warns(UncheckedWarning) as caught:
        join(BEFORE, [None, BEFORE])
    moved = "join lacks frames of its last good call: more[0]; these were not compared: more[1]"
    assert [str(each.message) for each in caught] == [moved]
    assert moved in notes(store)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        join(BEFORE, [None, BEFORE])
    with pytest.warns(UncheckedWarning, match=r"lacks frames of its last good call: more\[1\]$"):
        join(BEFORE, [])
    with pytest.warns(UncheckedWarning, match=r"that no good call had with rows, .*: more\[2\]$"):
        join(BEFORE, [None, None, BEFORE])


def make_guarded() -> tuple[Any, list[object]]:
    called: list[object] = []

    @task(deck_fields=())
    @profile_data(on_drift="raise")
    def join(flights: pd.DataFrame | None = None, more: Any = (), weather: pd.DataFrame | None = None) -> Any:
        called.append(more)
        return more

    return join, called


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        ({"flights": BEFORE}, {"weather": AFTER}, "flights; these were not compared: weather"),
        ({"more": [BEFORE, 0]}, {"more": [0, AFTER]}, "more[0]; these were not compared: more[1]"),
        ({"more": {"a": BEFORE}}, {"more": {"b": AFTER}}, "more[a]; these were not compared: more[b]"),
        ({"more": [BEFORE, BEFORE]}, {"more": [BEFORE]}, "more[1]"),
    ],
)
def test_a_guarded_task_gets_no_frame_that_moved_where_it_is_compared_with_none(
    store: RecordingStore, before: dict[str, Any], after: dict[str, Any], gone: str
) -> None:
    join, called = make_guarded()
    join(**before)
    called.clear()
    for _ in range(2):  # what was refused is no reference
        with pytest.raises(DriftError, match=re.escape(f"join lacks frames of its last good call: {gone}; pin a")):
            join(**after)
    assert not called
    join(**before)


def test_a_guarded_task_returns_no_frame_that_moved(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(inputs=False, on_drift="raise")
    def split(name: str) -> dict[str, pd.DataFrame]:
        return {name: BEFORE}

    split("train")
    with pytest.raises(DriftError, match=r"lacks .*: return train; these were not compared: return test; pin"):
        split("test")


def test_a_frame_that_a_guarded_task_never_had_is_told(store: RecordingStore) -> None:
    join, _ = make_guarded()
    join(flights=BEFORE)
    with pytest.warns(UncheckedWarning, match="no good call had with rows, so they were not compared: weather"):
        join(flights=BEFORE, weather=AFTER)
    with pytest.raises(DriftError, match="argument weather of join drifted"):
        join(flights=BEFORE, weather=BEFORE)


def test_parts_of_a_result_that_are_gone_are_told_unless_their_reference_is_pinned(store: RecordingStore) -> None:
    def make(**options: Any) -> Any:
        @task(deck_fields=())
        @profile_data(inputs=False, on_drift="warn", **options)
        def split(*names: str) -> dict[str, pd.DataFrame]:
            return dict.fromkeys(names, BEFORE)

        return split

    make()("train", "test")
    with pytest.warns(UncheckedWarning, match="split lacks frames of its last good call: return test$"):
        make()("train")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(reference=BEFORE)("test")


def test_by_takes_names_when_a_function_is_decorated() -> None:
    by: Any = 5
    with pytest.raises(TypeError, match=r"by takes the name of a column, or several, .* not 5"):
        profile_data(by=by)


def test_files_of_profiles_and_data_are_references(store: RecordingStore, tmp_path: Path) -> None:
    profile(BEFORE).save(tmp_path / "golden.profile")
    BEFORE.to_parquet(tmp_path / "golden.parquet")
    for name in ("golden.profile", "golden.parquet"):
        clean = make_clean(on_drift="raise", reference=str(tmp_path / name))
        clean(BEFORE)
        with pytest.raises(DriftError, match=f"the file {name}: delay"):
            clean(AFTER)


def test_a_frame_beside_values_whose_classes_cannot_be_hashed_is_profiled(store: RecordingStore) -> None:
    class Unhashable(type):
        def __eq__(cls, other: object) -> bool:
            return cls is other

    odd, odd_dict = Unhashable("Odd", (), {}), Unhashable("Odd", (dict,), {})

    @task(deck_fields=())
    @profile_data()
    def clean(model: object, parts: Any) -> None:
        """Take what is given."""

    clean(odd(), [odd(), odd_dict(flights=BEFORE)])
    assert set(decks(store)) == {"Data Profile: parts[1][flights]"}
    assert notes(store) == []

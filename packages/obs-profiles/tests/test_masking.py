"""No secret is in a profile, its file, its page, or what is said of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from obs_core import load_execution, task
from obs_core.secrets import forget_secret_values, register_secret_value
from obs_core.testing import RecordingStore
from obs_profiles import DriftError, ExpectationWarning, Profile, check, drift, expect, merge, profile, profile_data

SECRET, OTHER = "k9-very-secret", "z3-other-secret"


@pytest.fixture(autouse=True)
def secrets() -> Iterator[None]:
    """Know two secrets, as long as a test runs."""
    register_secret_value(SECRET)
    register_secret_value(OTHER)
    yield
    forget_secret_values()


def content(known: Profile) -> str:
    """Return what a profile's file holds."""
    return zlib.decompress(known.to_bytes()[5:]).decode("latin-1")


def frame(rows: int = 200) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "token": [SECRET, OTHER, "plain", f"key={SECRET}"] * (rows // 4),
            f"of {SECRET}": range(rows),
            "held": [[SECRET], {"a": SECRET}, SECRET.encode(), None] * (rows // 4),
            "kind": pd.Categorical([SECRET, OTHER] * (rows // 2)),
        }
    )


@pytest.mark.parametrize("by", [None, "token", f"of {SECRET}"])
def test_a_profile_holds_no_secret(by: str | None) -> None:
    known = profile(frame(), by=by)
    for written in (
        content(known),
        known._repr_html_(),
        repr(known.columns),
        str(known.segments),
        str(known.to_dict()),
    ):
        assert SECRET not in written
        assert OTHER not in written
    assert list(known) == ["token", "of ***", "held", "kind"]
    assert known[f"of {SECRET}"].rows == 200  # it is found by its own name, too
    assert f"of {SECRET}" in known
    assert merge([known, known]).rows == 400
    assert drift(known, frame(), thresholds={f"of {SECRET}": 0.1}).column(f"of {SECRET}").threshold == 0.1
    assert SECRET not in drift(known, frame(100))._repr_html_()


def test_what_became_a_secret_later_is_in_no_file_and_on_no_page(tmp_path: Path) -> None:
    forget_secret_values()
    known = profile(frame(), by="token")
    register_secret_value(SECRET)
    register_secret_value(OTHER)
    known.save(tmp_path / "it.profile")
    again = Profile.load(tmp_path / "it.profile")
    for written in (content(known), known._repr_html_(), drift(known, known)._repr_html_(), str(again.columns)):
        assert SECRET not in written
    assert again["token"].texts is not None
    assert again["token"].texts.frequent.sorted_by_count()[0] == ("***", 100, 100)


def test_texts_that_are_masked_are_not_taken_for_equal() -> None:
    known = profile({"it": [SECRET, OTHER, "plain"]})["it"]
    assert known.frequent is not None
    assert known.frequent.sorted_by_count() == [("***", 2, 2), ("plain", 1, 1)]
    assert (known.distinct_count.estimate, known.all_different) == (3, True)
    assert profile({"it": [SECRET, OTHER, "plain", "plain"]})["it"].all_different is None
    (allowed,) = check({"it": [SECRET, "plain"]}, [expect("it").among(SECRET, "plain")])
    (other,) = check({"it": [SECRET, "plain"]}, [expect("it").among("plain")])
    assert (allowed.passed, allowed.certain, other.passed, other.certain) == (True, True, False, True)
    # Hashes tell them apart, while there are few.
    (another,) = check({"it": [SECRET, "plain"]}, [expect("it").among(OTHER, "plain")])
    assert (another.passed, another.certain) == (False, True)
    many = [SECRET, *(f"gate {number:09}" for number in range(600))]
    (unknown,) = check(profile({"it": many}), [expect("it").among(OTHER, *many[1:])])
    assert not unknown.certain
    # Those of data are looked at batch by batch, however many there are.
    for secret, passed in ((OTHER, False), (SECRET, True)):
        (known_values,) = check({"it": many}, [expect("it").among(secret, *many[1:])])
        assert (known_values.passed, known_values.certain) == (passed, True)


def test_what_a_task_says_of_its_data_holds_no_secret(store: RecordingStore) -> None:
    @task(deck_fields=())
    @profile_data(
        on_drift="raise",
        by=f"of {SECRET}",
        thresholds={f"of {SECRET}": 0.2},
        expect=[expect("token").among("plain"), expect(f"of {SECRET}").between(0, 9)],
    )
    def clean(flights: Any) -> None: ...

    with pytest.warns(ExpectationWarning) as warned:
        clean(frame())
    changed = frame().assign(**{f"of {SECRET}": 7.5})
    with pytest.raises(DriftError, match=r"of \*\*\*") as refused, pytest.warns(ExpectationWarning):
        clean(changed)
    shown = str(load_execution("last", store=store).tasks[0].notes)
    for text in (str(refused.value), shown, *(str(one.message) for one in warned)):
        assert SECRET not in text


def test_segments_that_hold_a_secret_by_now_stay_two() -> None:
    known = profile({"key": ["sesame-open-1", "sesame-open-2"] * 2}, by="key")
    register_secret_value("sesame-open-1")
    register_secret_value("sesame-open-2")
    read = Profile.from_bytes(known.to_bytes())
    assert {name: part.rows for name, part in read.segments.items()} == {"***": 2, "***.1": 2}

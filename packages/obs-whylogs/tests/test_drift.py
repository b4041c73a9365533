"""The bridge: drift of frames and of whylogs' profiles is that of obs-profiles, with or without whylogs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import obs_profiles
from obs_core import current_context, load_execution, task
from obs_core.testing import RecordingStore
from obs_whylogs import DriftWarning, WhylogsSummaryDriftRenderer, measure_drift, profile, profile_data

pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")

BEFORE = pd.DataFrame({"delay": range(200), "origin": ["EWR", "JFK"] * 100})
AFTER = pd.DataFrame({"delay": range(150, 350), "origin": ["EWR", "JFK"] * 100})


@pytest.mark.parametrize("before", [BEFORE, profile(BEFORE), obs_profiles.profile(BEFORE)])
@pytest.mark.parametrize("after", [AFTER, profile(AFTER), obs_profiles.profile(AFTER)])
def test_frames_and_profiles_of_both_kinds_are_compared(before: Any, after: Any) -> None:
    found = measure_drift(before, after)
    assert [(each.name, each.drifted) for each in found] == [("delay", True), ("origin", False)]
    assert found[0].distance == pytest.approx(0.86, abs=0.05)


def test_files_of_profiles_of_both_kinds_are_compared(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "before.bin", tmp_path / "before.profile"
    theirs.write_bytes(profile(BEFORE).serialize())
    obs_profiles.profile(BEFORE).save(ours)
    for file in (theirs, str(ours)):
        assert [each.name for each in measure_drift(file, AFTER) if each.drifted] == ["delay"]
        assert [each.name for each in measure_drift(BEFORE, file) if each.drifted] == []
    assert measure_drift(profile(pd.DataFrame()), ours)[0].change == "added"  # a view that has no columns is one


def test_samples_of_the_same_do_not_drift_whichever_way_they_were_profiled() -> None:
    random = np.random.default_rng(7)

    def sample() -> pd.DataFrame:
        return pd.DataFrame(
            {
                "number": random.normal(size=2_000),
                "dice": random.integers(1, 7, 2_000),
                "word": random.choice(list("abcdef"), 2_000),
                "identifier": [f"id-{value}" for value in random.integers(0, 10**9, 2_000)],
                "gaps": np.where(random.random(2_000) > 0.1, 1.0, np.nan),
            }
        )

    for _ in range(5):
        assert [each for each in measure_drift(profile(sample()), sample()) if each.drifted] == []
        assert [each for each in measure_drift(profile(sample()), profile(sample())) if each.drifted] == []


def test_columns_that_came_went_or_changed_their_type() -> None:
    before = profile(pd.DataFrame({"same": range(100), "gone": 1, "text": range(100)}))
    found = measure_drift(before, pd.DataFrame({"same": range(100), "new": 1, "text": ["x"] * 100}))
    assert [(each.name, each.change) for each in found] == [
        ("gone", "removed"),
        ("new", "added"),
        ("text", "integer → text"),
        ("same", ""),
    ]


def test_no_whylogs_is_needed_or_loaded_for_drift() -> None:
    source = (
        "import sys; sys.modules['whylogs'] = None\n"
        "from obs_whylogs import WhylogsSummaryDriftRenderer, measure_drift, profile_data\n"
        "page = WhylogsSummaryDriftRenderer.to_html({'it': [1] * 100}, {'it': [2] * 100})\n"
        "assert '1 of 1 columns drifted' in page\n"
        "assert not any(name.startswith('whylogs') for name in sys.modules if sys.modules[name])"
    )
    subprocess.run([sys.executable, "-c", source], check=True)


def clean_of(version: str) -> Any:
    """The same task, as it was with an earlier obs-whylogs, and as it is."""

    def clean(flights: pd.DataFrame) -> None:
        if version == "earlier":
            current_context().keep("data profile: flights", profile(flights))

    return task(clean if version == "earlier" else profile_data(on_drift="warn")(clean))


def test_what_an_earlier_version_kept_is_a_reference(store: RecordingStore) -> None:
    clean_of("earlier")(BEFORE)
    with pytest.warns(DriftWarning, match=r"argument flights of clean drifted from execution .*: delay"):
        clean_of("later")(AFTER)
    kept = load_execution("last", store=store).artifact("clean", "data profile: flights")
    assert isinstance(kept, obs_profiles.Profile)


def test_the_names_of_flyte_stay() -> None:
    assert profile_data is obs_profiles.profile_data
    assert "1 of 2 columns drifted" in WhylogsSummaryDriftRenderer.to_html(profile(BEFORE), AFTER)

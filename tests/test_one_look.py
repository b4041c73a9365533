"""One frame, drawn by every package: what is the same reads the same everywhere."""

from __future__ import annotations

import html
import re
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

import obs_profiles
from obs_core.text.numbers import share, statistic
from obs_renderers import BoxRenderer, FrameProfilingRenderer, TableRenderer, TopFrameRenderer

pa = pytest.importorskip("pandera.pandas")

ROWS = 1_100
MISSING = 300
VALUES = pd.Series(np.arange(ROWS) * -459.9698794389165).where(np.arange(ROWS) >= MISSING)
FRAME = pd.DataFrame({"delay": VALUES, "year": 2013, "count": np.arange(ROWS) * 306})


def text_of(page: str) -> str:
    page = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def of_pandera() -> str:
    from obs_pandera import PandasReportRenderer

    schema = pa.DataFrameSchema({"delay": pa.Column(float), "year": pa.Column(int, pa.Check.gt(2013))})
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        schema.validate(FRAME, lazy=True)
    return PandasReportRenderer().to_html(FRAME, schema, caught.value)


def of_whylogs() -> str:
    from whylogs.core.constraints import ConstraintsBuilder
    from whylogs.core.constraints.factories import greater_than_number

    from obs_whylogs import WhylogsConstraintsRenderer, profile

    builder = ConstraintsBuilder(dataset_profile_view=profile(FRAME))
    builder.add_constraint(greater_than_number(column_name="delay", number=0))
    return WhylogsConstraintsRenderer.to_html(builder.build())


def pages() -> dict[str, str]:
    found = {
        "frame": TopFrameRenderer().to_html(FRAME),
        "table": TableRenderer().to_html(FRAME),
        "profile": FrameProfilingRenderer().to_html(FRAME),
        "box": BoxRenderer("delay").to_html(FRAME),
        "data profile": obs_profiles.profile(FRAME)._repr_html_(),
        "drift": obs_profiles.drift(obs_profiles.profile(FRAME), obs_profiles.profile(FRAME * 2))._repr_html_(),
        "validation": of_pandera(),
    }
    if find_spec("whylogs") is not None:
        found["constraints"] = of_whylogs()
    return {name: text_of(page) for name, page in found.items()}


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return pages()


def test_a_share_of_missing_values_reads_the_same(texts: dict[str, str]) -> None:
    missing = share(MISSING, ROWS)
    assert missing == "27.3 %"
    for name in ("frame", "profile", "data profile"):
        assert missing in texts[name], name
    assert share(ROWS - MISSING, ROWS) in texts["validation"]


def test_statistics_read_the_same(texts: dict[str, str]) -> None:
    mean = statistic(float(FRAME["delay"].mean()))
    least = statistic(float(FRAME["delay"].min()))
    assert (mean, least) == ("-321,749", "-505,507")
    for name in ("profile", "box", "data profile"):
        assert mean in texts[name], name
        assert least in texts[name], name


def test_a_year_has_no_thousands_and_a_count_has(texts: dict[str, str]) -> None:
    for name in ("frame", "profile", "data profile", "validation"):
        assert "2013" in texts[name], name
        assert "2,013" not in texts[name], name
        assert "1,100" in texts[name], name


def test_a_missing_cell_reads_the_same(texts: dict[str, str]) -> None:
    for name in ("frame", "validation"):
        assert " NA " in texts[name], name


def test_signs_can_be_pasted_and_percents_stand_apart(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        assert "−" not in text, name
        assert not re.search(r"\d%", text), name
        assert not re.search(r"-?\d+\.\d{9,}", text) or name in ("frame", "table", "validation"), name

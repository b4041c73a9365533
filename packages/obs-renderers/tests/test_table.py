"""The table that the reader sorts and searches."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from obs_renderers import TableRenderer


def content(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def test_header_labels_replace_the_names():
    html = TableRenderer().to_html(pd.DataFrame({"a": [1], "b": [2]}), header_labels=["Delay", 5])

    assert [column["name"] for column in content(html)["columns"]] == ["Delay", "5"]


def test_too_few_header_labels_are_refused():
    with pytest.raises(ValueError, match="header_labels has 1 labels, but the table has 2 columns"):
        TableRenderer().to_html(pd.DataFrame({"a": [1], "b": [2]}), header_labels=["A"])


def test_table_width_is_in_pixels():
    assert "--width: 400px" in TableRenderer().to_html(pd.DataFrame({"a": [1]}), table_width=400)


def test_more_rows_than_the_page_takes_are_left_out_and_said_so():
    html = TableRenderer(max_rows=10).to_html(pd.DataFrame({"a": range(25)}))

    assert content(html)["rows"] == 10
    assert "<b>25 rows</b>" in html
    assert "the first 10 rows are in this page" in html


def test_without_scripts_the_first_rows_are_there():
    html = TableRenderer().to_html(pd.DataFrame({"a": [f"value {i}" for i in range(30)]}))
    fallback = re.search(r"<noscript>(.*?)</noscript>", html, re.DOTALL)[1]

    assert "value 19" in fallback
    assert "value 20" not in fallback


def test_100_000_rows_of_20_columns_are_less_than_10_mb():
    rng = np.random.default_rng(0)
    html = TableRenderer().to_html(pd.DataFrame(rng.normal(size=(100_000, 20))))

    assert len(html) < 10_200_000

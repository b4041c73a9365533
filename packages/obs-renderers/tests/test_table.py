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
    assert "<b>100,000 rows</b> × <b>20 columns</b>" in html


@pytest.mark.parametrize(
    ("value", "names", "first"),
    [
        (pd.DataFrame({"a": [1.0, 2.0]}).describe(), [""], "count"),
        (pd.Series([1], index=pd.Index(["UA"], name="carrier")), ["carrier"], "UA"),
        (
            pd.Series([1], index=pd.MultiIndex.from_tuples([("UA", 3)], names=["carrier", "month"])),
            ["carrier", "month"],
            "UA",
        ),
    ],
)
def test_rows_have_their_names(value, names, first):
    index = [column for column in content(TableRenderer().to_html(value))["columns"] if column.get("index")]

    assert [column["name"] for column in index] == names
    assert index[0]["texts"][0] == first


def test_rows_without_names_are_numbered_by_the_page():
    columns = content(TableRenderer().to_html(pd.DataFrame({"a": [1]})))["columns"]

    assert [column["name"] for column in columns] == ["a"]


def test_rows_that_were_picked_keep_their_numbers():
    columns = content(TableRenderer().to_html(pd.DataFrame({"a": range(10)}).iloc[[7, 3]]))["columns"]

    assert [(column["name"], column.get("index", False)) for column in columns] == [("", True), ("a", False)]


def test_undecodable_names_and_texts_are_shown_with_a_replacement():
    bad = "caf\udce9.csv"
    frame = pd.DataFrame({"a": pd.Series([bad], dtype=object)})
    frame.columns = pd.Index([bad], dtype=object)
    html = TableRenderer().to_html(frame)

    assert html.encode()
    assert content(html)["columns"][0]["name"] == "caf\ufffd.csv"
    assert content(html)["columns"][0]["texts"] == ["caf\ufffd.csv"]


def test_cells_whose_classes_cannot_be_compared_are_told_as_others_are():
    class Incomparable(type):
        def __eq__(cls, other):
            raise ValueError("no")

    odd = Incomparable("Odd", (), {"__repr__": lambda self: "<an odd one>"})
    frame = pd.DataFrame({"a": pd.Series([odd(), None], dtype=object)})
    assert content(TableRenderer().to_html(frame))["columns"][0]["texts"] == ["<an odd one>", None]

"""Data sets that are no table in memory."""

import shutil

import pytest

from obs_core.rendering import render
from obs_renderers import DatasetRenderer


def test_the_first_rows_of_a_hugging_face_data_set_are_shown():
    datasets = pytest.importorskip("datasets")
    html = render(datasets.Dataset.from_dict({"text": [f"flight {n}" for n in range(100)], "label": range(100)}))

    assert "<b>10 rows</b> × <b>2 columns</b> · the first of a Hugging Face Dataset of 100 rows" in html
    assert "flight 9<" in html
    assert "flight 10<" not in html


def test_each_split_is_shown():
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"text": ["a"]})
    html = render(datasets.DatasetDict({"train": rows, "test": rows}))

    assert "<b>train</b>" in html
    assert "<b>test</b>" in html


@pytest.mark.slow
def test_the_first_rows_of_a_spark_data_frame_are_shown():
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    session = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        rows = session.range(1000).selectExpr("id", "if(id = 1, null, concat('flight ', id)) as name", "array(id) as l")
        html = render(rows)
    finally:
        session.stop()

    assert "<b>10 rows</b> × <b>3 columns</b> · the first of a Spark DataFrame" in html
    assert "flight 9<" in html
    assert "flight 10<" not in html
    assert "[0]<" in html


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="max_rows must be 1 or more, not 0"):
        DatasetRenderer(max_rows=0)

"""Preview data sets that are no table in memory: Hugging Face's and Spark's."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from obs_core.text.numbers import plural
from obs_renderers._frames import open_frame
from obs_renderers._markup import escape, fragment
from obs_renderers._types import is_a, reject
from obs_renderers.top_frame import frame_preview

__all__ = ["DatasetRenderer"]

_TAKES = "a Hugging Face Dataset or DatasetDict, or a Spark DataFrame"


class DatasetRenderer:
    """Show the first rows of a Hugging Face data set, of each of its splits, or of a Spark data frame.

    Only these rows are read. Of a Spark data frame they are computed, as ``df.limit(10)`` would.

    Args:
        max_rows: How many rows to show.
        max_cols: Most columns to show.

    Examples:
        >>> from datasets import Dataset  # doctest: +SKIP
        >>> flights = Dataset.from_dict({"text": ["late", "on time"], "label": [1, 0]})  # doctest: +SKIP
        >>> html = DatasetRenderer().to_html(flights)  # doctest: +SKIP
    """

    def __init__(self, max_rows: int = 10, max_cols: int = 100) -> None:
        if max_rows < 1:
            raise ValueError(f"max_rows must be 1 or more, not {max_rows}")
        self._max_rows = max_rows
        self._max_cols = max_cols

    def to_html(self, dataset: Any) -> str:
        """Render a data set.

        Args:
            dataset: A Hugging Face Dataset or DatasetDict, or a Spark DataFrame.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is none of these.
        """
        if is_a(dataset, "datasets.DatasetDict"):
            return "".join(
                fragment("dataset", f'<p class="facts"><b>{escape(name)}</b></p>') + self.to_html(split)
                for name, split in dataset.items()
            )
        if is_a(dataset, "datasets.Dataset"):
            # As Arrow: images and sounds stay bytes instead of being decoded.
            rows = dataset.with_format("arrow")[: self._max_rows]
            return self._preview(rows, f"Hugging Face Dataset of {plural(dataset.num_rows, 'row')}", dataset.num_rows)
        if not is_a(dataset, "pyspark.DataFrame"):
            reject(self, dataset, _TAKES)
        first = dataset.limit(self._max_rows)
        # Arrow keeps what pandas has no type for: dates, lists, maps. Spark has it since its version 4.
        with_arrow = hasattr(first, "toArrow") and find_spec("pyarrow")
        return self._preview(first.toArrow() if with_arrow else first.toPandas(), "Spark DataFrame", None)

    def _preview(self, rows: Any, what: str, total: int | None) -> str:
        frame = open_frame(rows)
        assert frame is not None, "a pyarrow Table or a pandas DataFrame"
        frame.library = f"the first of a {what}" if total is None or total > frame.rows else what
        return frame_preview(frame, self._max_rows, self._max_cols)

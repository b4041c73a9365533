"""One verdict of pandera on a dask DataFrame."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from dask.delayed import delayed

from obs_dask.partitions import check_frame, merged

if TYPE_CHECKING:
    from dask.delayed import Delayed

    from obs_pandera.verdicts import Duplicates, Uniqueness, Verdict

__all__ = ["validate"]

_EXAMPLES = 5


def validate(frame: Any, schema: Any) -> Delayed:
    """Validate a dask DataFrame: every partition where it is, with all failures in one verdict.

    Nothing runs until the result is computed. What no partition can tell by itself, that values be unique, is looked at
    across all of them, with the values as they are in the frame, before the schema coerces them. Other checks see a
    partition at a time: one of a mean is one of each partition's mean. It needs ``obs-dask[pandera]``.

    Args:
        frame: A dask DataFrame.
        schema: A pandera schema of a frame, or a `DataFrameModel`.

    Returns:
        What computes to a `obs_pandera.Verdict`: exact counts, the first failures with partition and index, a report
        for a deck, and `raise_if_failed`.

    Raises:
        TypeError: It is no dask DataFrame, or no schema of a frame.
        ImportError: obs-pandera is not installed.

    Examples:
        >>> import dask.dataframe as dd
        >>> import pandera.pandas as pa
        >>> flights = dd.from_dict({"delay": [3, 12, 8]}, npartitions=2)
        >>> verdict = validate(flights, pa.DataFrameSchema({"delay": pa.Column(int, pa.Check.ge(0))})).compute()
        >>> deck = Deck("Quality").append(verdict)
        >>> verdict.raise_if_failed()
    """
    check_frame(frame)
    from obs_pandera.verdicts import split_uniqueness

    part_schema, unique = split_uniqueness(schema, frame.columns)
    verdict = merged(frame, _verdicts_of_partition, _merge, part_schema, name="validate")
    present = [one for one in unique if set(one.columns) <= set(frame.columns)]
    completed: Delayed = delayed(_completed, pure=True)(verdict, schema, [_duplicates(frame, one) for one in present])
    return completed


def _verdicts_of_partition(partition: Any, schema: Any, partition_info: Any = None) -> Verdict:
    from obs_pandera import validate_part

    return validate_part(partition, schema, partition_info["number"] if partition_info else 0)


def _merge(verdicts: list[Verdict]) -> Verdict:
    from obs_pandera import merge_verdicts

    return merge_verdicts(verdicts)


def _completed(verdict: Verdict, schema: Any, duplicates: list[Duplicates]) -> Verdict:
    for found in duplicates:
        verdict = verdict.with_duplicates(found)
    return verdict.about(schema)


def _duplicates(frame: Any, unique: Uniqueness) -> Delayed:
    """Count what is there more than once, over all partitions, each value by the worker that its hash chooses."""
    if unique.columns:
        values = frame[list(unique.columns)]
    else:
        values = frame.map_partitions(_index_of, meta=_index_of(frame._meta))
    if not unique.with_missing:
        values = values.dropna()
    sizes = values.groupby(list(values.columns), dropna=False, observed=True).size(split_out=frame.npartitions)
    counted = merged(sizes.to_frame("size"), _repeated, _merge_repeated, unique.keep, name="duplicates")
    found: Delayed = delayed(_as_duplicates, pure=True)(unique, counted)
    return found


def _index_of(partition: Any) -> Any:
    return partition.index.to_frame(index=False, name="index")


_Repeated = tuple[int, list[tuple[Any, int]]]
"""How many rows fail, and the first values with how often they are there."""


def _repeated(sizes: Any, keep: str) -> _Repeated:
    repeated = sizes[sizes["size"] > 1]["size"]
    rows = int(repeated.sum()) - (0 if keep == "all" else len(repeated))
    return rows, [(value, int(count)) for value, count in itertools.islice(repeated.items(), _EXAMPLES)]


def _merge_repeated(found: list[_Repeated]) -> _Repeated:
    return sum(rows for rows, _ in found), [one for _, examples in found for one in examples][:_EXAMPLES]


def _as_duplicates(unique: Uniqueness, repeated: _Repeated) -> Duplicates:
    from obs_pandera.texts import label_of, value_text
    from obs_pandera.verdicts import Duplicates

    rows, examples = repeated
    texts = [(label_of(value) if isinstance(value, tuple) else value_text(value), count) for value, count in examples]
    return Duplicates(unique, rows, [(f"{count:,} rows", text) for text, count in texts])

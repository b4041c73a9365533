"""Profiles of data: made from frames, in one piece or in batches, and merged."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from obs_profiles.columns import is_frame
from obs_whylogs.columns import ColumnValues, Kind, columns_of
from obs_whylogs.merging import merged_views
from obs_whylogs.needed import need_whylogs
from obs_whylogs.sketching import get_ready, update

if TYPE_CHECKING:
    from whylogs.api.logger.result_set import ProfileResultSet
    from whylogs.core import DatasetProfile, DatasetSchema
    from whylogs.core.view.dataset_profile_view import DatasetProfileView

__all__ = ["log", "merge_profiles", "profile"]

_BATCH_ROWS = 131_072


def profile(data: Any, *, schema: DatasetSchema | None = None) -> DatasetProfileView:
    """Profile data with whylogs.

    It is the profile that ``whylogs.log(data).view()`` makes, several times faster, and also where that fails:
    on numpy 2 and pandas 3, on columns of one name, on integers beyond 64 bits.

    Args:
        data: A DataFrame of pandas or polars, a Table of pyarrow; or, where that does not fit in memory, the path of a
            Parquet file, a LazyFrame of polars, or any iterable of frames, such as
            ``pandas.read_csv(path, chunksize=100_000)``. These are read batch by batch. A column should be of one type
            in all of them: whylogs counts 5 and 5.0 as two distinct values.
        schema: Asks for other metrics than whylogs' standard ones.

    Returns:
        The profile. Its columns have the frame's names as text; of several of one name the second is ``name.1``.

    Raises:
        ModuleNotFoundError: whylogs has no wheel for this Python and system, and was not built for it.
        TypeError: `data` is none of these.
        ValueError: The schema asks for segments or validators, which only `whylogs.log` knows.

    Examples:
        >>> import pandas as pd
        >>> view = profile(pd.DataFrame({"delay": [3.5, None, 12.0]}))
        >>> view.get_column("delay").get_metric("counts").null.value
        1
    """
    return _profiled(data, schema).view()


def log(data: Any, *, schema: DatasetSchema | None = None) -> ProfileResultSet:
    """Profile data, and return what `whylogs.log` returns; ``import obs_whylogs as why`` is all that changes.

    Args:
        data: As for `profile`.
        schema: As for `profile`.

    Returns:
        A result set: ``.view()`` is the profile, ``.profile()`` can go on tracking.

    Raises:
        TypeError: As for `profile`.
        ValueError: As for `profile`.
    """
    need_whylogs()
    from whylogs.api.logger.result_set import ProfileResultSet

    return ProfileResultSet(_profiled(data, schema))


def merge_profiles(profiles: Iterable[DatasetProfileView]) -> DatasetProfileView:
    """Merge profiles of parts of a data set into the profile of the whole.

    Args:
        profiles: The parts. They stay as they are.

    Returns:
        One profile. Counts are exact; cardinalities, quantiles and frequent items are within the error that the
        sketches state.

    Raises:
        ValueError: There are none.
    """
    parts = list(profiles)
    if not parts:
        raise ValueError("there are no profiles to merge")
    return merged_views(parts) if len(parts) > 1 else parts[0]


def _profiled(data: Any, schema: DatasetSchema | None) -> DatasetProfile:
    need_whylogs()
    from whylogs.core import DatasetProfile, DatasetSchema

    if schema is not None and (schema.segments or schema.validators):
        raise ValueError("schemas with segments or validators are not supported; use whylogs.log for them")
    get_ready()
    schema = schema or DatasetSchema()
    made = DatasetProfile(schema)
    for frame in _frames(data):
        for name, values in columns_of(frame):
            if name not in made._columns:
                made._columns[name] = _new_column(name, values.kind, schema)
            _track(made._columns[name], values)
        made._track_count += 1
    return made


def _new_column(name: str, kind: Kind, schema: DatasetSchema) -> Any:
    from whylogs.core.column_profile import ColumnProfile
    from whylogs.core.datatypes import AnyType, Fractional, Integral, String
    from whylogs.core.schema import ColumnSchema

    types = {"integral": Integral, "fractional": Fractional, "string": String, "other": AnyType}
    # whylogs finds the type itself by comparing with numpy.unicode_, which numpy 2 does not have.
    column_schema = ColumnSchema(
        dtype=types[kind](), type_mapper=_as_it_is, cfg=schema.default_configs, resolver=schema.resolvers
    )
    return ColumnProfile(name=name, schema=column_schema, cache_size=schema.cache_size)


def _as_it_is(found: Any) -> Any:
    return found


def _track(column: Any, values: ColumnValues) -> None:
    for metric in column._metrics.values():
        update(metric, values)


def _frames(data: Any) -> Iterator[Any]:
    """Go through data batch by batch."""
    if isinstance(data, str | os.PathLike):
        from pyarrow.parquet import ParquetFile

        with ParquetFile(data) as file:
            yield from file.iter_batches(batch_size=_BATCH_ROWS)
            yield file.schema_arrow.empty_table()
    elif type(data).__name__ == "LazyFrame" and hasattr(data, "collect"):
        yield from _lazy_batches(data)
    elif is_frame(data) or isinstance(data, dict | bytes) or not isinstance(data, Iterable):
        yield data  # what is none is refused by name
    else:
        yield from data


def _lazy_batches(frame: Any) -> Iterator[Any]:
    if hasattr(frame, "collect_batches"):
        yield from frame.collect_batches(chunk_size=_BATCH_ROWS)
        yield frame.head(0).collect()  # its columns, should there be no row
    else:
        yield frame.collect()

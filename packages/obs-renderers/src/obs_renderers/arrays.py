"""Show numpy arrays: shape, type, statistics, and the corners of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from obs_core.text.numbers import byte_size, count, share, statistics
from obs_renderers._cells import Cell, cell_html, column_cells, is_numeric
from obs_renderers._columns import half_float
from obs_renderers._markup import escape, fragment, shorten
from obs_renderers._moments import mean_and_std
from obs_renderers._sampling import stride
from obs_renderers._types import is_a, reject

__all__ = ["ArrayRenderer"]

_EDGE = 5
_EXACT = 5_000_000
_CORNER = '<th class="index"><span class="unseen">Row</span></th>'
_GAP = Cell("⋯", kind="gap")


class ArrayRenderer:
    """Show a numpy array: shape, type, size, statistics, and its first and last values.

    Of an array of three or more dimensions the first and last two-dimensional slices' corners are shown.

    Examples:
        >>> import numpy as np
        >>> html = ArrayRenderer().to_html(np.arange(12).reshape(3, 4))
    """

    def to_html(self, array: Any) -> str:
        """Render an array.

        Args:
            array: A numpy array of any shape and type.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is no numpy array.
        """
        if not is_a(array, "numpy.ndarray"):
            reject(self, array, "a numpy array")
        import numpy as np

        with np.errstate(all="ignore"):  # the program may have asked that overflows are errors, in its own sums
            body = _facts(array) + _statistics(array) + _values(array)
        return fragment("array", body, styles=("table", "box"))


def _facts(array: Any) -> str:
    shape = " × ".join(count(side) for side in array.shape) or "a single value"
    dtype = escape(shorten(str(array.dtype), 80))
    return f'<p class="facts"><b>{shape}</b> · {dtype} · {byte_size(array.nbytes)} · {escape(_library(array))}</p>'


def _library(array: Any) -> str:
    kind = type(array).__name__
    return "numpy array" if kind == "ndarray" else f"numpy {kind}"


def _statistics(array: Any) -> str:
    if array.dtype.kind not in "iufb" or not array.size:
        return ""
    import numpy as np

    plane = array if isinstance(array, np.ma.MaskedArray) else np.asarray(array)
    step = stride(array.size, _EXACT, *array.shape[1:])
    # Laid out in a row, a view (a transposed array, one number as a million) would be copied whole before.
    sample = plane.ravel() if step == 1 else plane.flat[::step]
    known = sample.compressed() if isinstance(sample, np.ma.MaskedArray) else sample
    if known.dtype.kind == "b" or known.dtype.itemsize > 8:
        plain = known.astype(np.float64)
        if (np.isinf(plain) != np.isinf(known)).any():
            return ""  # beyond what a float holds
        known = plain
    finite = known[np.isfinite(known)]
    facts = [*_moments(finite), *_odd_ones(known, finite, sample.size, sampled=step > 1)]
    entries = "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in facts)
    note = f'<p class="note">of {count(sample.size)} values spread over the array</p>' if step > 1 else ""
    return f"<dl>{entries}</dl>{note}"


def _moments(finite: Any) -> list[tuple[str, str]]:
    if not finite.size:
        return []
    plain = half_float if finite.dtype.str.endswith("f2") else lambda end: end.item()
    least, most = plain(finite.min()), plain(finite.max())
    mean, std = mean_and_std(finite)
    texts = statistics([least, mean, most, std])
    return list(zip(("min", "mean", "max", "std"), texts, strict=True))


def _odd_ones(known: Any, finite: Any, size: int, *, sampled: bool) -> list[tuple[str, str]]:
    import numpy as np

    nans = int(np.isnan(known).sum())
    odd = {
        "masked": size - known.size,
        "NaN": nans,
        "infinite": known.size - finite.size - nans,
        "zero": int((known == 0).sum()),
    }
    return [(name, share(number, size, about=sampled)) for name, number in odd.items() if number]


def _values(array: Any) -> str:
    if not array.size:
        return '<p class="note">No values.</p>'
    if array.dtype.names:
        places = _ends(array.size)
        rows = [[None if place is None else array.flat[place]] for place in places]
        return _grid(rows, places, None)
    if array.ndim < 2:
        flat = array.reshape(-1)  # of one dimension at most: a view
        places = _ends(array.size)
        return _grid([[None if p is None else _value(flat[p]) for p in places]], ["value"], places)
    return _plane(array)


def _value(element: Any) -> Any:
    """Give an element as Python has it, None for a masked one; times stay numpy's, with their unit."""
    import numpy as np

    if element is np.ma.masked:  # its item() is zero
        return None
    kind = element.dtype.kind if hasattr(element, "dtype") else "O"
    if kind == "c":
        return str(element)  # one of which a part is NaN is no missing one here
    return element if kind in "mMO" else element.item()


def _plane(array: Any) -> str:
    title = ""
    if array.ndim > 2:
        title = f'<p class="note">The first plane, [{", ".join(["0"] * (array.ndim - 2))}, :, :]</p>'
        array = array[(0,) * (array.ndim - 2)]
    rows, columns = _ends(array.shape[0]), _ends(array.shape[1])
    values = [[None if r is None or c is None else _value(array[r, c]) for c in columns] for r in rows]
    return title + _grid(values, rows, columns)


def _ends(size: int) -> list[int | None]:
    """Choose the first and last places; None stands for those between."""
    if size <= 2 * _EDGE:
        return list(range(size))
    return [*range(_EDGE), None, *range(size - _EDGE, size)]


def _grid(values: list[list[Any]], rows: Sequence[int | str | None], columns: list[int | None] | None) -> str:
    cells = column_cells([value for row in values for value in row], nan_is_missing=False)
    numeric = is_numeric(cells)
    width = len(values[0])
    body = "".join(
        f"<tr>{_place(row)}{''.join(_cell(cells[r * width + c], row, columns, c, numeric) for c in range(width))}</tr>"
        for r, row in enumerate(rows)
    )
    head = "" if columns is None else f"<thead><tr>{_CORNER}{''.join(_head(c) for c in columns)}</tr></thead>"
    return f'<div class="scroll" tabindex="0"><table>{head}<tbody>{body}</tbody></table></div>'


def _place(row: int | str | None) -> str:
    return f'<th class="index" scope="row">{"⋯" if row is None else row}</th>'


def _head(column: int | None) -> str:
    return f'<th scope="col" class="number">{"⋯" if column is None else column}</th>'


def _cell(cell: Cell, row: int | str | None, columns: list[int | None] | None, place: int, numeric: bool) -> str:
    between = row is None or (columns is not None and columns[place] is None)
    return cell_html(_GAP if between else cell, numeric=numeric)

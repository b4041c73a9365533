"""Reading the files of whylogs 1.x, so that no history is lost; whylogs need not be installed.

What whylogs does not know stays unknown: times, durations, lengths, patterns, examples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from obs_core.secrets import mask
from obs_profiles.column_profiles import ColumnProfile, NumberProfile, TextProfile, by_count
from obs_profiles.columns.texts import PackedTexts
from obs_profiles.files.datasketches import KllSketch, read_frequent_strings, read_hll, read_kll
from obs_profiles.files.protobuf import Message, signed, varint
from obs_profiles.plain_profiles import PlainProfile
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, TextSample
from obs_profiles.sketches.hashing import coupons_of_numbers, hashes_of_texts
from obs_profiles.sketches.numbers import canonical

__all__ = ["read_whylogs"]

_MAGIC = b"WHY1"
_TYPES = {
    "integral": "integer",
    "fractional": "number",
    "boolean": "boolean",
    "string": "text",
    "object": "unknown",
    "tensor": "list",
}


def read_whylogs(data: bytes) -> PlainProfile:
    """Read a profile that whylogs wrote.

    Args:
        data: What ``DatasetProfileView.serialize()`` returns, or a file of ``write``.

    Raises:
        ValueError: It is damaged.
    """
    place = len(_MAGIC)
    _, place = _delimited(data, place)  # of segments only the first one is in the file
    header, place = _delimited(data, place)
    paths = {entry.integer(1): entry.content(2).decode() for entry in header.messages(5)}
    columns = {}
    chunks = 0
    for entry in header.messages(2):
        name = mask(entry.content(1).decode())
        components = _Components()
        for offset in entry.message(2).integers(1):
            chunk_header, start = _delimited(data, place + offset)
            chunks += start - place - offset + chunk_header.integer(3)
            if chunks > len(data):  # the same ones again and again
                raise ValueError("its columns are larger than the file")
            chunk = Message(data[start : start + chunk_header.integer(3)])
            for component in chunk.messages(1):
                components.add(paths.get(component.integer(1), ""), component.message(2))
        columns[name] = _column(name, components)
    if not columns:  # zeros would be read as one
        raise ValueError("it holds no column")
    made = header.message(1).integer(4) * 1_000_000
    return PlainProfile(
        {name: columns[name] for name in sorted(columns)},
        max((column.rows for column in columns.values()), default=0),
        made=made,
    )


def _delimited(data: bytes, place: int) -> tuple[Message, int]:
    length, place = varint(data, place)
    if place + length > len(data):
        raise ValueError("a message is cut off")
    return Message(data[place : place + length]), place + length


@dataclass(slots=True)
class _Components:
    """What the metrics of a column consist of, by path, such as ``counts/n``."""

    numbers: dict[str, float] = field(default_factory=dict)
    kll: KllSketch | None = None
    distinct: DistinctSketch = field(default_factory=DistinctSketch)
    frequent: FrequentItems | None = None

    def add(self, path: str, component: Message) -> None:
        """Read a component; those of metrics that we do not know are left out."""
        match path:
            case "distribution/kll":
                self.kll = read_kll(component.message(6).content(1))
            case "cardinality/hll":
                self.distinct = read_hll(component.message(5).content(1))
            case "frequent_items/frequent_strings":
                self.frequent = read_frequent_strings(component.message(4).content(1))
            case _ if 3 in component:
                self.numbers[path] = component.double(3)
            case _:
                self.numbers[path] = signed(component.integer(2))

    def count(self, path: str) -> int:
        """Return a number that is a count."""
        return int(self.numbers.get(path, 0))


def _column(name: str, known: _Components) -> ColumnProfile:
    types = {ours: known.count(f"types/{theirs}") for theirs, ours in _TYPES.items()}
    types = by_count({kind: count for kind, count in types.items() if count})
    numeric = types.get("integer", 0) + types.get("number", 0)
    # Of real numbers whylogs counts none: any of them may be all of them.
    frequent = known.frequent or FrequentItems.none(texts=True, missed=known.count("counts/n"))
    numbers = _numbers(known, frequent, whole="number" not in types) if numeric and known.kll else None
    return ColumnProfile(
        name=name,
        dtype="",
        rows=known.count("counts/n"),
        missing=known.count("counts/null"),
        nan=known.count("counts/nan"),
        types=types,
        true=known.count("counts/true"),
        infinite=known.count("counts/inf"),
        distinct=_distinct(known, types),
        numbers=numbers,
        texts=_texts(frequent) if types.get("text") else None,
    )


def _distinct(known: _Components, types: Mapping[str, int]) -> DistinctSketch:
    """Unite what whylogs counts, numbers and texts, with booleans, and tell whether there is more."""
    true = known.count("counts/true")
    booleans = [number for number, count in ((1, true), (0, types.get("boolean", 0) - true)) if count > 0]
    found = DistinctSketch.merged([known.distinct, DistinctSketch.of(coupons_of_numbers(np.array(booleans, np.int64)))])
    # Of what it calls an object, times among them, it knows no more than how many there are.
    found.incomplete = "unknown" in types or "list" in types
    return found


def _numbers(known: _Components, frequent: FrequentItems, *, whole: bool) -> NumberProfile | None:
    assert known.kll is not None
    sketch, _, least, most = known.kll
    finite = sketch.count
    if not finite:
        return None
    if whole:
        least, most = known.count("ints/min") or int(least), known.count("ints/max") or int(most)
    elif not (math.isfinite(least) and math.isfinite(most)):
        least, most = sketch.quantiles([0.0, 1.0]).tolist()
    mean, m2 = known.numbers.get("distribution/mean", math.nan), known.numbers.get("distribution/m2", math.nan)
    return NumberProfile(
        least=least,
        most=most,
        zeros=-1,
        negatives=-1,
        moments=Moments(finite, mean, m2, math.nan, math.nan),
        quantiles=sketch,
        frequent=_frequent_numbers(frequent, whole=whole),
    )


def _frequent_numbers(items: FrequentItems, *, whole: bool) -> FrequentItems:
    """Turn the texts of frequent numbers back into numbers; of a column that mixes types the others are left out."""
    found: list[tuple[Any, int, int]] = []
    for text, count, slack in zip(items.values, items.counts.tolist(), items.slack.tolist(), strict=True):
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            continue
        if math.isfinite(number) and -(2**63) <= number < 2**64:
            found.append((number, count, slack))
    found.sort()
    if len({number for number, _, _ in found}) < len(found):  # 5 and 5.0 are two texts
        return FrequentItems.none(texts=False, missed=items.missed + int(items.counts.max()))
    columns = list(zip(*found, strict=True)) or [(), (), ()]
    values = canonical(np.array(columns[0], object))
    return FrequentItems(values, np.array(columns[1], np.int64), np.array(columns[2], np.int64), items.missed)


def _texts(frequent: FrequentItems) -> TextProfile:
    unknown = NumberProfile(0, 0, 0, 0, Moments(), QuantileSketch(), FrequentItems.none(texts=False))
    return TextProfile(unknown, -1, _shown(frequent), TextSample(np.empty(0, np.uint32), [], []))


def _shown(frequent: FrequentItems) -> FrequentItems:
    """Write long texts as our profiles keep them."""
    values = list(map(str, frequent.values))
    packed = PackedTexts.of(values)
    hashes, _ = hashes_of_texts(packed)
    shown = [packed.shown_at(place, int(hashes[place])) for place in range(len(values))]
    order = sorted(range(len(shown)), key=shown.__getitem__)
    counts, slack = frequent.counts[order], frequent.slack[order]
    return FrequentItems([shown[at] for at in order], counts, slack, frequent.missed).masked()

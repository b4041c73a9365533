"""What the processes of an execution used: peaks, means, and what was at its limit."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from obs_core.model import Series
from obs_core.text.numbers import byte_size, share
from obs_core.trace.tree import SpanTree

__all__ = ["Limit", "Resources", "Used", "used_by"]

_SECOND = 1_000_000_000
_WAITS = 0.1
"""Cores; what uses less waits."""

_QUEUES = 0.3
"""Share of the time ready to run from which others take what it needs."""

_SHORTEST = 3 * _SECOND // 2
"""What takes less has too few samples to say whether it waits."""

_RATE_OVER = _SECOND // 4
"""The shortest time of which a rate is told. Two samples may lie microseconds apart, where C code kept the sampler from
running, and the counts of children grow in ticks of 10 ms."""

_MOST_TOGETHER = 5
"""Samples that are taken together for a rate at most."""

_ROUNDING = 1.02
"""How far cores in use may seem to exceed those that there are: two clocks are read one after the other."""

_CORES = frozenset(("cpu", "children.cpu", "reaped.cpu"))
"""Rates that cannot exceed how many cores there are."""


class Limit(Struct, frozen=True):
    """Something of which nearly all was used.

    Attributes:
        name: ``"memory"``, ``"cpu"``, ``"disk"``, ``"files"`` or ``"gpu"``.
        text: What is to be said, such as ``"memory: 97.0 % of the limit of 2.0 GB"``.
    """

    name: str
    text: str


class Used(Struct, frozen=True):
    """One quantity over a stretch of time.

    Attributes:
        peak: The largest sample.
        mean: The mean of the samples; of rates, each for the time that it is the mean of.
        last: The last sample.
    """

    peak: float
    mean: float
    last: float


class Resources:
    """What an execution, a task or a span used, from samples that its processes took each second.

    Quantities have names: ``rss`` (bytes in memory), ``anon`` (of these what belongs to this process alone), ``cpu``
    (cores in use), ``queued`` (share of the time for which the main thread was ready, and others ran), ``read`` and
    ``written`` (bytes a second), ``threads``, ``files``; ``children``, ``children.anon``, ``children.cpu``;
    ``tree.anon``; ``container.memory``, ``container.limit``, ``container.throttled``; ``machine.available``,
    ``machine.load``; ``store.free``; ``gpu.0.memory``, ``gpu.0.use``. `names` lists those that were sampled. Of a name
    that ends in ``_total``, a count since the beginning, the name without that is its rate.

    Args:
        samples: By writer and name.
        start: Nanoseconds since the epoch from which on samples count.
        end: Nanoseconds since the epoch up to which they count.

    Examples:
        >>> used = load_execution("last").resources
        >>> used.peak("rss")  # doctest: +SKIP
        412385280.0
    """

    def __init__(self, samples: dict[str, dict[str, Series]], start: int, end: int) -> None:
        self._samples = samples
        self.start = start
        self.end = max(start, end)

    def __bool__(self) -> bool:
        """Tell whether anything was sampled in this stretch of time."""
        return any(True for one in self._samples.values() for series in one.values() if self._inside(series.times))

    @property
    def names(self) -> list[str]:
        """The quantities that were sampled, rates included, by name."""
        found = {name for one in self._samples.values() for name in one}
        return sorted(found | {name.removesuffix("_total") for name in found})

    @property
    def writers(self) -> list[str]:
        """The processes that were sampled, as writers of the execution; ``"main"`` began it."""
        return list(self._samples)

    def between(self, start: int, end: int, writer: str | None = None) -> Resources:
        """Return what was used in another stretch of time.

        Args:
            start: Nanoseconds since the epoch.
            end: Nanoseconds since the epoch.
            writer: One of `writers`. Default: all of them.
        """
        samples = self._samples if writer is None else {writer: self._samples.get(writer, {})}
        return Resources(samples, start, end)

    def series(self, name: str, writer: str | None = None) -> list[tuple[int, float]]:
        """Return the samples of a quantity, in time order.

        Args:
            name: One of `names`.
            writer: One of `writers`. Default: the first that has it.

        Returns:
            Nanoseconds since the epoch, and the value; of a rate, the mean since the sample before, over a quarter of a
            second at least.
        """
        for one in self._samples if writer is None else (writer,):
            if found := self._points(self._samples.get(one, {}), name):
                return found
        return []

    def used(self, name: str) -> Used | None:
        """Return peak, mean and last of a quantity; None if there is no sample of it in this stretch of time.

        Of several processes, the one with the highest peak.

        Args:
            name: One of `names`.
        """
        found = [used for one in self._samples.values() if (used := self._used(one, name)) is not None]
        return max(found, key=lambda used: used.peak, default=None)

    def peak(self, name: str) -> float | None:
        """Return the largest sample of a quantity in any process; None if there is none.

        Args:
            name: One of `names`.
        """
        used = self.used(name)
        return None if used is None else used.peak

    def mean(self, name: str) -> float | None:
        """Return the mean of a quantity, in the process with the highest peak; None if there is no sample of it.

        Args:
            name: One of `names`.
        """
        used = self.used(name)
        return None if used is None else used.mean

    def last(self, name: str) -> float | None:
        """Return the last sample of a quantity, from before this stretch of time if none is in it; None without any.

        Args:
            name: One of `names`.
        """
        found = [
            (series.times[place - 1], series.values[place - 1])
            for one in self._samples.values()
            if (series := one.get(name)) is not None and (place := bisect_right(series.times, self.end))
        ]
        return max(found)[1] if found else None

    @property
    def waits(self) -> bool:
        """Whether it used less than a tenth of a core, children included: it waited for something else than the CPU.

        False also where that is not known: it took less than 1.5 seconds, or it may not have waited for more than half
        of the time, since so much of it was not sampled.
        """
        whole = self.end - self.start
        if whole < _SHORTEST:
            return False
        seen = [
            (cpu + self._queued(one), self._covered(one["cpu_total"].times))
            for one in self._samples.values()
            if (cpu := self._cores(one)) is not None
        ]
        return bool(seen) and all(cores < _WAITS and 2 * covered * (1 - cores) > whole for cores, covered in seen)

    @property
    def limits(self) -> list[Limit]:
        """What was at its limit: nearly all of it was used, at its peak or most of the time."""
        return [limit for one in self._samples.values() for limit in self._limits(one)]

    @property
    def queueing(self) -> str:
        """Says for how much of the time the main thread waited for a core that others used; empty if it hardly did."""
        queued = max(map(self._queued, self._samples.values()), default=0.0)
        return f"waited {share(min(queued, 1), 1)} of the time for a core that others used" if queued > _QUEUES else ""

    def _queued(self, one: dict[str, Series]) -> float:
        """Return the share of the time for which the main thread could have run, and others did."""
        return self._rate(one["queued_total"]) or 0.0 if "queued_total" in one else 0.0

    def _cores(self, one: dict[str, Series]) -> float | None:
        own = one.get("cpu_total")
        if own is None or 2 * self._covered(own.times) < self.end - self.start:
            return None
        # Children are looked at every five seconds, and counted each second once they have ended: neither has all.
        below = [self._rate(one[name]) or 0.0 for name in ("children.cpu_total", "reaped.cpu_total") if name in one]
        return (self._rate(own) or 0.0) + max(below, default=0.0)

    def _limits(self, one: dict[str, Series]) -> Iterator[Limit]:
        memory = self._used(one, "container.memory")
        limit = self._standing(one, "container.limit")
        if memory is not None and limit and memory.peak >= 0.9 * limit:
            yield Limit("memory", f"memory: {share(memory.peak, limit)} of the limit of {byte_size(limit)}")
        available, whole = one.get("machine.available"), self._standing(one, "machine.memory")
        least = min(self._values(available), default=None) if available is not None else None
        if least is not None and whole and least < 0.05 * whole:
            yield Limit("memory", f"memory: {byte_size(least)} of the machine's {byte_size(whole)} were available")
        throttled = self._used(one, "container.throttled")
        if throttled is not None and throttled.mean > 0.1:
            yield Limit("cpu", f"CPU: held back by the container's limit for {share(min(throttled.mean, 1), 1)}")
        cpu, cores = self._cores(one), self._standing(one, "machine.cores")
        if cpu is not None and cores and cpu >= 0.9 * cores:
            yield Limit("cpu", f"CPU: {cpu:.1f} of {cores:.0f} cores")
        elif cpu is not None and 0.95 <= cpu <= 1.05:
            yield Limit("cpu", "CPU: one core, which one Python thread cannot exceed")
        free = self._used(one, "store.free")
        if free is not None and min(self._values(one["store.free"])) < 200e6:
            yield Limit("disk", f"disk of the store: {byte_size(min(self._values(one['store.free'])))} free")
        files, most = self._used(one, "files"), self._standing(one, "files.limit")
        if files is not None and most and files.peak >= 0.9 * most:
            yield Limit("files", f"open files: {files.peak:,.0f} of {most:,.0f}")
        for name in [name for name in one if name.startswith("gpu.") and name.endswith(".memory")]:
            device = name.split(".")[1]
            taken, size = self._used(one, name), self._standing(one, f"gpu.{device}.memory_size")
            if taken is not None and size and taken.peak >= 0.95 * size:
                yield Limit("gpu", f"memory of GPU {device}: {share(taken.peak, size)} of {byte_size(size)}")
            use = self._used(one, f"gpu.{device}.use")
            if use is not None and use.mean >= 0.9:
                yield Limit("gpu", f"GPU {device}: {share(min(use.mean, 1), 1)} busy")

    def _used(self, one: dict[str, Series], name: str) -> Used | None:
        points = self._points(one, name)
        if not points:
            return None
        values = [value for _, value in points]
        mean = sum(values) / len(values)
        # What comes after the last sample inside belongs to none of the points: without it no mean exceeds the peak.
        if name not in one and (rate := self._rate(one[f"{name}_total"], until=points[-1][0])) is not None:
            mean = rate
        return Used(max(values), mean, values[-1])

    def _points(self, one: dict[str, Series], name: str) -> list[tuple[int, float]]:
        series = one.get(name)
        if series is not None:
            first, last = self._bounds(series.times)
            return list(zip(series.times[first:last], series.values[first:last], strict=True))
        series = one.get(f"{name}_total")
        if series is None:
            return []
        most = self._standing(one, "machine.cores") if name in _CORES else None
        return list(self._rates(series, math.inf if most is None else _ROUNDING * most))

    def _rates(self, series: Series, most: float) -> Iterator[tuple[int, float]]:
        """Give the rate at each sample, over so much time that it is one.

        Args:
            series: A count since the beginning.
            most: What no rate exceeds. One that seems to is of samples that were noted late, as the lock of Python was
                not to be had when they were taken: the time before them counts too.
        """
        times, values = series.times, series.values
        first, last = self._bounds(times)
        for place in range(max(first, 1), last):
            rate, before = None, place
            while before and place - before < _MOST_TOGETHER and (rate is None or rate > most):
                before -= 1
                passed = times[place] - times[before]
                # The first samples are taken with those after them: the time between them would belong to no rate.
                if passed >= _RATE_OVER and (not before or times[before] - times[0] >= _RATE_OVER):
                    # A count may begin anew: a child has gone, and what it had used went with it.
                    rate = max(values[place] - values[before], 0.0) * _SECOND / passed
            if rate is not None:
                yield times[place], rate

    def _rate(self, series: Series, until: int | None = None) -> float | None:
        """Return the mean rate over what the samples cover of this stretch of time, or of its beginning."""
        begin, end = self._covered_part(series.times)
        end = end if until is None else min(end, until)
        if end <= begin:
            return None
        return max(self._interpolated(series, end) - self._interpolated(series, begin), 0.0) * _SECOND / (end - begin)

    def _interpolated(self, series: Series, at: int) -> float:
        times, values = series.times, series.values
        place = bisect_left(times, at)
        if place == len(times):
            return values[-1]
        if place == 0 or times[place] == at:
            return values[place]
        part = (at - times[place - 1]) / (times[place] - times[place - 1])
        return values[place - 1] + part * (values[place] - values[place - 1])

    def _covered_part(self, times: Sequence[int]) -> tuple[int, int]:
        return (max(times[0], self.start), min(times[-1], self.end)) if times else (0, 0)

    def _covered(self, times: Sequence[int]) -> int:
        begin, end = self._covered_part(times)
        return end - begin

    def _standing(self, one: dict[str, Series], name: str) -> float | None:
        """Return what is written only when it changes."""
        series = one.get(name)
        if series is None:
            return None
        return series.values[max(bisect_right(series.times, self.end) - 1, 0)]

    def _values(self, series: Series) -> Iterable[float]:
        first, last = self._bounds(series.times)
        return series.values[first:last]

    def _inside(self, times: Sequence[int]) -> bool:
        first, last = self._bounds(times)
        return first < last

    def _bounds(self, times: Sequence[int]) -> tuple[int, int]:
        return bisect_left(times, self.start), bisect_right(times, self.end)

    def __repr__(self) -> str:
        return f"<Resources of {(self.end - self.start) / _SECOND:.1f} s: {', '.join(self.names) or 'no samples'}>"


def used_by(tree: SpanTree, span: int, all_writers: bool = False) -> Resources | None:
    """Return what the process of a span used while it ran; None if nothing was sampled in that time.

    Args:
        tree: The spans.
        span: Which of them.
        all_writers: Look at all processes of the execution, rather than at that of the span alone.
    """
    table = tree.table
    if not table.samples:
        return None
    start = table.starts[span]
    found = Resources(table.samples, start, start + table.durations[span])
    if not all_writers:
        found = found.between(found.start, found.end, table.ids[span].partition(".")[0])
    return found if found else None

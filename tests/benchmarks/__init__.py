"""Benchmarks: obs beside its peers in one run. ``hatch run bench:all``; nothing here is asserted."""

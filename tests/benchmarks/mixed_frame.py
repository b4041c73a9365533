"""The data set whose profiles are measured: twenty columns of five kinds."""

from __future__ import annotations

__all__ = ["MIXED"]

MIXED = """
def mixed(rows, seed):
    rng = np.random.default_rng(seed)
    columns = {f"float{i}": rng.normal(50 + seed, 12, rows) for i in range(8)}
    columns |= {f"int{i}": rng.integers(0, 5000, rows) for i in range(5)}
    columns |= {f"word{i}": rng.choice(["EWR", "JFK", "LGA", "BOS"], rows).astype(object) for i in range(3)}
    columns["time"] = pd.date_range("2013-01-01", periods=rows, freq="min")
    columns["flag"] = rng.random(rows) > 0.5
    columns["gaps"] = np.where(rng.random(rows) > 0.3, rng.normal(size=rows), np.nan)
    columns["tail"] = np.array([f"N{number % 4000:05}" for number in range(rows)], object)
    return pd.DataFrame(columns)
"""

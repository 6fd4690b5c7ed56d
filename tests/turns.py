"""Recordings as if of two vCPUs."""

from __future__ import annotations

import numpy as np

from oosbench import Recording, recordings


def taking_turns(name: str) -> Recording:
    """Return a recording as if of two vCPUs: both load every root, and one of them, by chance, does the rest."""
    old = recordings.load(name)
    kind, random = old.rows["ev"], np.random.default_rng(3)
    loads, others = np.flatnonzero(kind == 2), np.flatnonzero(~np.isin(kind, (7, 8, 10)))
    at = others[np.searchsorted(others, loads, "right")]  # where the second loads it: after the tables it brought
    rows = {name: c if name.startswith("page_") else np.insert(c, at, c[loads]) for name, c in old.rows.items()}
    rows["vcpu"] = np.insert(np.where(kind == 2, 0, random.integers(2, size=len(kind))), at, 1).astype("u1")
    row = np.cumsum(old.touches["pos"], dtype=np.int64)
    row += np.searchsorted(at, row, "right")
    vcpu = random.integers(2, size=len(row)).astype("u1")
    return Recording(name, rows, old.touches | {"pos": np.diff(row, prepend=0).astype("u4"), "vcpu": vcpu})

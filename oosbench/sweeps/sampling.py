"""Choosing from axes: every combination, or so many that fill the space evenly."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

METHODS = ("latin", "sobol")

#: Of an axis: its values, or its two ends `low` and `high`; whole numbers if both are.
Values = tuple | Mapping[str, float]


def grid(axes: Mapping[str, tuple]) -> list[dict[str, object]]:
    """Return every combination of the values, the last axis fastest."""
    return [dict(zip(axes, row, strict=True)) for row in itertools.product(*axes.values())]


def sample(axes: Mapping[str, Values], count: int, method: str, seed: int) -> list[dict[str, object]]:
    """Return combinations that fill the space of the axes evenly.

    Parameters
    ----------
    axes : mapping of str to values
    count : int
        How many; a power of two for "sobol".
    method : {"latin", "sobol"}
        A Latin hypercube, or a scrambled Sobol sequence.
    seed : int
        The same seed gives the same combinations.
    """
    if not axes:
        return [{}]
    from scipy.stats import qmc  # half a second to import, and only samples need it

    kind = {"latin": qmc.LatinHypercube, "sobol": qmc.Sobol}[method]
    unit = kind(len(axes), seed=np.random.default_rng(seed)).random(count)
    rows = [map(_at, axes.values(), row) for row in unit.tolist()]
    return [dict(zip(axes, row, strict=True)) for row in rows]


def _at(values: Values, unit: float) -> object:
    """Return the value of an axis at a place from 0 to 1, 1 excluded."""
    if not isinstance(values, Mapping):
        return values[int(unit * len(values))]
    low, high = values["low"], values["high"]
    if isinstance(low, int) and isinstance(high, int):
        return low + int(unit * (high - low + 1))
    return low + unit * (high - low)

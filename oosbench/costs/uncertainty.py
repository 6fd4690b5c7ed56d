"""How sure an answer is that rests on prices nobody is sure of: corners, draws, shares of variance.

Three ranges, from the widest:

* The *corners*: every price at the end of its range that is worst for the snapshot, and every price at the best.
* Draws in which prices *move together*: any two correlate by `SAME_MACHINE`, since one clock and one memory serve all,
  and two of the same kind of work (`WORK`) by `SAME_WORK`. These correlations are assumed, as the ranges are.
* Draws in which every price is *independent* of all others: the strongest assumption, and the narrowest range.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from .prices import Processor
from .primitives import EVENTS

#: What bounds the events of each category, and one that is of another kind than its category. The prices of one kind of
#: work move together.
WORK = {
    "p2m_lookup": "scattered reads",
    "exits": "world switch",
    "flushes": "world switch",
    "IPIs": "world switch",
    "emulation": "arithmetic",
    "propagate": "arithmetic",
    "walks": "scattered reads",
    "write revocation": "scattered reads",
    "snapshot copy": "whole pages",
    "compare": "whole pages",
    "tables": "whole pages",
    "references": "counts",
    "locks": "counts",
}
#: Correlation (of the normal variables behind the prices) of two prices of one kind of work, and of any two.
SAME_WORK, SAME_MACHINE = 0.9, 0.5
DRAWS = 4000
RANGE = (5, 95)  # percentiles
_BASE = 1024  # points of Saltelli's sequence, for each price


class Range(NamedTuple):
    """Net cycles over the uncertainty of the prices.

    Attributes
    ----------
    worst, best : float
        The corners.
    low, high : float
        The 5th and the 95th percentile of independent draws.
    pays : float
        The share of independent draws in which the snapshot saves.
    low_together, high_together, pays_together : float
        The same of draws that move together.
    """

    worst: float
    best: float
    low: float
    high: float
    pays: float
    low_together: float
    high_together: float
    pays_together: float


def corners(fewer: pd.Series, of: Processor) -> tuple[float, float]:
    """Return the net cycles with every price at its worst for the snapshot, and at its best.

    Parameters
    ----------
    fewer : Series
        By event: how many fewer there are with the snapshot.
    of : Processor
    """
    low, high = of.ends(fewer.index)
    count = fewer.to_numpy(float)
    return float(np.minimum(count * low, count * high).sum()), float(np.maximum(count * low, count * high).sum())


def draw(of: Processor, events: pd.Index, rng: np.random.Generator, draws: int, together: bool = False) -> np.ndarray:
    """Return prices at random from their ranges, independent of each other or together.

    Returns
    -------
    float64[draws, len(events)]
    """
    from scipy.special import ndtr  # (imported where it is used: it takes half a second)

    if not together:
        return of.quantile(events, rng.random((draws, len(events))))
    kinds, kind = np.unique([WORK.get(e, WORK[EVENTS[e].category]) for e in events], return_inverse=True)
    machine, work, own = (rng.standard_normal((draws, n)) for n in (1, len(kinds), len(events)))
    normal = np.sqrt(SAME_MACHINE) * machine + np.sqrt(SAME_WORK - SAME_MACHINE) * work[:, kind]
    return of.quantile(events, ndtr(normal + np.sqrt(1 - SAME_WORK) * own))


def net_range(fewer: pd.Series, of: Processor, seed: int = 0, draws: int = DRAWS) -> Range:
    """Return the net cycles over the uncertainty of the prices, in all three ways.

    Parameters
    ----------
    fewer : Series
        By event: how many fewer there are with the snapshot.
    of : Processor
    seed, draws : int
        The same prices are drawn each time.
    """
    found = []
    for together in (False, True):
        net = draw(of, fewer.index, np.random.default_rng(seed), draws, together) @ fewer.to_numpy(float)
        found += [*np.percentile(net, RANGE), (net > 0).mean()]
    return Range(*corners(fewer, of), *map(float, found))


def shares_of_variance(fewer: pd.Series, of: Processor, seed: int = 0) -> pd.Series:
    """Return what share of the variance of the net cycles each price explains, all drawn independently.

    These are Sobol's first-order indices (`scipy.stats.sobol_indices`), after the estimator of Saltelli (2010).

    Parameters
    ----------
    fewer : Series
        By event: how many fewer there are with the snapshot.
    of : Processor
    seed : int

    Returns
    -------
    Series of float
        By event; they add to about 1. 0 for all where nothing has a range.
    """
    from scipy.stats import sobol_indices, uniform

    low, high = of.ends(fewer.index)
    if not ((high > low) & (fewer.to_numpy() != 0)).any():
        return pd.Series(0.0, fewer.index)
    count = fewer.to_numpy(float)

    def net(u: np.ndarray) -> np.ndarray:
        return of.quantile(fewer.index, u.T) @ count

    found = sobol_indices(func=net, n=_BASE, dists=[uniform()] * len(fewer), rng=np.random.default_rng(seed))
    return pd.Series(np.maximum(found.first_order, 0), fewer.index)

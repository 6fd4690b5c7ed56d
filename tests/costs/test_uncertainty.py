"""How sure an answer is: corners, draws, shares of variance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oosbench.costs import processor
from oosbench.costs.prices import Price
from oosbench.costs.primitives import CATEGORIES, EVENTS
from oosbench.costs.uncertainty import SAME_MACHINE, SAME_WORK, WORK, corners, draw, net_range, shares_of_variance

MEROM = processor("Merom")
EVENTS_DRAWN = pd.Index(["snapshot_copy", "snapshot_compare", "propagate", "p2m_lookup", "get_page"])


def test_every_category_is_some_kind_of_work():
    assert set(CATEGORIES) <= set(WORK)
    assert set(WORK) - set(CATEGORIES) <= set(EVENTS)


@pytest.mark.parametrize("together", [False, True])
def test_draws_stay_in_their_ranges_and_are_most_often_near_what_is_stated(together):
    drawn = draw(MEROM, EVENTS_DRAWN, np.random.default_rng(1), 20_000, together)
    low, high = MEROM.ends(EVENTS_DRAWN)
    assert ((drawn >= low) & (drawn <= high)).all()
    for i, event in enumerate(EVENTS_DRAWN):
        counts, edges = np.histogram(np.log(drawn[:, i]), 30)
        most = np.exp(edges[counts.argmax()])
        assert most == pytest.approx(MEROM.prices[event].cycles, rel=0.35), event
    again = draw(MEROM, EVENTS_DRAWN, np.random.default_rng(1), 20_000, together)
    assert (drawn == again).all()


def test_prices_that_move_together_correlate_as_told():
    drawn = draw(MEROM, EVENTS_DRAWN, np.random.default_rng(2), 40_000, True)
    ranks = pd.DataFrame(drawn, columns=EVENTS_DRAWN).corr("spearman")
    expected = {normal: 6 / np.pi * np.arcsin(normal / 2) for normal in (SAME_WORK, SAME_MACHINE)}  # of a normal pair
    assert ranks.loc["snapshot_copy", "snapshot_compare"] == pytest.approx(expected[SAME_WORK], abs=0.01)
    for one, other in (("snapshot_copy", "propagate"), ("propagate", "p2m_lookup"), ("p2m_lookup", "get_page")):
        assert ranks.loc[one, other] == pytest.approx(expected[SAME_MACHINE], abs=0.02)
    alone = pd.DataFrame(draw(MEROM, EVENTS_DRAWN, np.random.default_rng(2), 40_000)).corr("spearman").to_numpy()
    assert np.abs(alone - np.eye(5)).max() < 0.02


def test_corners_hold_all_draws():
    fewer = pd.Series({"snapshot_copy": -3, "propagate": 500, "p2m_lookup": 500})
    worst, best = corners(fewer, MEROM)
    p = MEROM.prices
    assert worst == -3 * p["snapshot_copy"].high + 500 * (p["propagate"].low + p["p2m_lookup"].low)
    assert best == -3 * p["snapshot_copy"].low + 500 * (p["propagate"].high + p["p2m_lookup"].high)
    found = net_range(fewer, MEROM, seed=4, draws=500)
    assert (found.worst, found.best) == (worst, best)
    assert worst < found.low_together < found.low < found.high < found.high_together < best


def test_shares_of_variance_are_those_of_the_exact_formula():
    of = MEROM.replace(propagate=Price(10, 0, 20), p2m_lookup=Price(10, 5, 15), snapshot_copy=Price(7, 7, 7))
    fewer = pd.Series({"propagate": 100, "p2m_lookup": 100, "snapshot_copy": -50})
    found = shares_of_variance(fewer, of)
    drawn = draw(of, fewer.index, np.random.default_rng(0), 400_000).var(axis=0) * fewer.to_numpy() ** 2
    assert found.to_numpy() == pytest.approx(drawn / drawn.sum(), abs=0.02)
    assert found["snapshot_copy"] == pytest.approx(0, abs=1e-9)

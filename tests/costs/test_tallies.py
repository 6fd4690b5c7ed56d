"""Tallies and sums."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from oosbench import Machine, open_trace
from oosbench.costs import WITH, Tally, cost, processor, tally
from oosbench.costs.primitives import CATEGORIES, EVENTS, same_guest
from oosbench.costs.worth import net
from oosbench.errors import CostError
from oosbench.shadow import counters as ctr

README = Path(__file__).parents[2] / "README.md"


def test_events_read_counters_that_are_there():
    counters = pd.Series({name: 2**i for i, name in enumerate(ctr.NAMES[:60])}).reindex(ctr.NAMES, fill_value=1)
    for event in EVENTS.values():
        assert event.category in CATEGORIES
        if event.count is not None:
            assert event.count(counters, 2) > 0


def test_only_one_trace_and_different_systems_can_be_compared(pair):
    other = tally(Machine(open_trace("sqlite", "4k"), WITH, keep_outcomes=False).run())
    with pytest.raises(CostError, match=r"oos-snapshot ran sqlite \(4k direct map\) .* only systems that ran the same"):
        net(pair[0], other, processor("Merom"))
    with pytest.raises(CostError, match="each system must be there once"):
        same_guest([pair[0], pair[0]])
    with pytest.raises(CostError, match="emulate: no event is called vmexit"):
        Tally.of(open_trace("sqlite"), "emulate", {"vmexit": 1})


def test_a_cost_is_the_sum_of_counters_times_prices(pair):
    table = cost(pair[1], "Merom")
    by_hand = sum(pair[1].events[event] * price.cycles for event, price in processor("Merom").prices.items())
    assert table.cycles["total"] == pytest.approx(by_hand, rel=1e-12)
    assert table.cycles[list(CATEGORIES)].sum() == pytest.approx(by_hand, rel=1e-12)
    assert table.us["total"] == pytest.approx(by_hand / 2660, rel=1e-12)
    assert table.cycles["snapshot copy"] == pytest.approx(
        146 * 512 + 4 * pair[1].events.snapshot_entry_write + 15 * pair[1].events.snapshot_lookup
    )
    assert table.attrs["system"] == "oos-snapshot"

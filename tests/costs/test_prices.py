"""Prices: sources told, wrong ones refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oosbench import recordings
from oosbench.costs import Processor, cost, processor, processors
from oosbench.costs.prices import TRUST, Price
from oosbench.costs.primitives import EVENTS
from oosbench.errors import CostError

PUBLISHED = pd.read_csv(recordings.data_folder() / "published_numbers.csv", index_col="id")
README = Path(__file__).parents[2] / "README.md"
PRICES = pd.read_csv(recordings.data_folder() / "prices.csv", keep_default_na=False)


def test_every_processor_prices_every_event_and_says_where_from():
    for one in processors().values():
        assert list(one.prices) == list(EVENTS)
        for price in one.prices.values():
            assert price.trust in TRUST
            assert (price.source == "no source") == (price.trust == "none")
            assert price.note


def test_prices_that_quote_a_published_number_are_that_number():
    quoted = PRICES[PRICES.trust.isin(["secondary", "memory"])]
    assert len(quoted) == 4 * 7
    for row in quoted.itertuples():
        assert float(row.cycles) == float(PUBLISHED.value[row.published])


def test_a_price_without_a_source_was_looked_for():
    searches = pd.read_csv(recordings.data_folder() / "price_searches.csv", index_col="event")
    assert set(searches.index) == set(PRICES.event[PRICES.trust == "none"])
    assert searches.notna().all(axis=None)
    assert len(PRICES[PRICES.trust == "none"]) == 30


def test_prices_of_reads_and_locked_instructions_hold_what_was_published():
    derived = PRICES[PRICES.published.isin(["cost-18", "cost-19", "cost-20"])]
    assert len(derived) == 14
    for row in derived.itertuples():
        assert float(row.low) <= float(PUBLISHED.value[row.published]) <= float(row.high), row.event


def test_exits_of_later_processors_are_derived_from_the_mean_ratio():
    def value(number: int) -> float:
        return float(PUBLISHED.value[f"exit-{number:02d}"])

    both = [(9, 1), (10, 2), (11, 3), (13, 4), (14, 5)]  # round trip and exit of one generation
    ratio = np.mean([value(trip) / value(alone) for trip, alone in both])
    for name, alone in (("Ivy Bridge", 6), ("Haswell", 7), ("Broadwell", 8)):
        assert processor(name).prices["vmexit_pf"].cycles == pytest.approx(value(alone) * ratio, abs=1)


def test_emulation_is_what_is_left_of_ptemod():
    ptemod, trip, later = (float(PUBLISHED.value[i]) for i in ("aa06-11", "aa06-33", "aa06-34"))
    assert processor("Prescott").prices["emulate_insn"].cycles == ptemod - trip
    assert processor("Merom").prices["emulate_insn"].cycles == pytest.approx((ptemod - trip) * later / trip, abs=1)


@pytest.mark.parametrize(
    ("event", "price", "told"),
    [
        ("snapshot_copy", -1, "price of snapshot_copy is -1"),
        ("snapshot_copy", float("nan"), "must be 0 or more"),
        ("snapshot_copy", "cheap", "must be 0 or more"),
        ("snapshot_copy", Price(5, 6, 7), "is 5, must lie in its range 6 to 7"),
        ("snapshot", 3, "no event is called snapshot"),
    ],
)
def test_an_impossible_price_is_refused(event, price, told):
    with pytest.raises(CostError, match=told):
        processor("Merom").replace(**{event: price})


def test_an_impossible_processor_is_refused():
    with pytest.raises(CostError, match="unknown processor 'Z80'; there are Prescott, Merom"):
        processor("Z80")
    with pytest.raises(CostError, match="ghz is 0, must be"):
        processor("Merom").replace(ghz=0)


def test_an_event_without_a_price_is_refused(pair):
    poor = Processor("poor", 1, {"propagate": Price(1, 1, 1)})
    with pytest.raises(CostError, match="processor poor: there is no price for vmexit_pf, "):
        cost(pair[0], poor)

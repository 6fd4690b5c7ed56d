"""What primitive events cost: prices in cycles, with their sources, by processor.

A `Price` has a range as well as a value, and says where it comes from and how far that can be trusted. Most have no
source at all: nobody published what a lookup in the p2m costs. The range is then wide, and the answers carry it along.
`data/prices.csv` holds them, `data/processors.csv` the processors; the words of trust are those of
`data/published_numbers.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from ..errors import CostError, did_you_mean
from ..recordings import data_folder
from .primitives import CATEGORIES, EVENTS, Tally

#: From "read in the source itself" to "no source". `measured` is on the machine that runs this.
TRUST = ("measured", "primary", "abstract", "secondary", "derived", "memory", "teaching", "estimate", "given", "none")


@dataclass(frozen=True, slots=True)
class Price:
    """What one event costs.

    Attributes
    ----------
    cycles, low, high : float
        The value to use, and the range it is thought to lie in.
    source : str
        Where it comes from, or "no source".
    year : str
        Of the source; empty if there is none.
    trust : str
        One of `TRUST`.
    note : str
    """

    cycles: float
    low: float
    high: float
    source: str = "given"
    year: str = ""
    trust: str = "given"
    note: str = ""

    def check(self, event: str) -> Price:
        """Return the price, if it is one.

        Raises
        ------
        CostError
            If it is negative or no number, or its range does not hold it.
        """
        numbers = (self.low, self.cycles, self.high)
        if not all(isinstance(n, int | float) and np.isfinite(n) and n >= 0 for n in numbers):
            raise CostError(f"price of {event} is {self.cycles!r} ({self.low!r} to {self.high!r}), must be 0 or more")
        if not self.low <= self.cycles <= self.high:
            raise CostError(f"price of {event} is {self.cycles:g}, must lie in its range {self.low:g} to {self.high:g}")
        return self


@dataclass(frozen=True)
class Processor:
    """Prices of one processor, and its clock.

    Attributes
    ----------
    name : str
    ghz : float
    prices : mapping of str to Price
        One for each of `oosbench.costs.primitives.EVENTS`.
    year : int
        When it came out.
    note : str
        Where the clock comes from.
    """

    name: str
    ghz: float
    prices: Mapping[str, Price]
    year: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not (isinstance(self.ghz, int | float) and np.isfinite(self.ghz) and self.ghz > 0):
            raise CostError(f"processor {self.name}: ghz is {self.ghz!r}, must be a number above 0")
        unknown = [event for event in self.prices if event not in EVENTS]
        if unknown:
            raise CostError(f"processor {self.name}: no event is called {', '.join(unknown)}; see primitives.EVENTS")
        for event, price in self.prices.items():
            price.check(event)

    def replace(self, name: str | None = None, ghz: float | None = None, **cycles: float | Price) -> Processor:
        """Return this processor with some prices changed.

        Parameters
        ----------
        name : str, optional
        ghz : float, optional
        **cycles : float or Price
            By event. A number is a price without a range, called "given".

        Raises
        ------
        CostError
            If there is no such event, or a price is negative or no number.

        Examples
        --------
        >>> processor("Merom").replace(snapshot_copy=300).prices["snapshot_copy"].cycles
        300
        """
        prices = {e: p if isinstance(p, Price) else Price(p, p, p) for e, p in cycles.items()}
        changed = name or (f"{self.name}, changed" if cycles or ghz is not None else self.name)
        return replace(self, name=changed, ghz=self.ghz if ghz is None else ghz, prices={**self.prices, **prices})

    def frame(self) -> pd.DataFrame:
        """Return the prices as a table: event, category, cycles, low, high, source, year, trust, note."""
        rows = [
            {"event": event, "category": EVENTS[event].category}
            | {name: getattr(price, name) for name in Price.__dataclass_fields__}
            for event, price in self.prices.items()
        ]
        return pd.DataFrame(rows)

    def vector(self, events: pd.Index) -> np.ndarray:
        """Return the prices of these events, in cycles, as an array.

        Raises
        ------
        CostError
            If one has no price.
        """
        missing = [event for event in events if event not in self.prices]
        if missing:
            raise CostError(f"processor {self.name}: there is no price for {', '.join(missing)}")
        return np.array([self.prices[event].cycles for event in events], float)

    def ends(self, events: pd.Index) -> tuple[np.ndarray, np.ndarray]:
        """Return the low and the high ends of the ranges of these events' prices."""
        self.vector(events)
        ends = np.array([(self.prices[event].low, self.prices[event].high) for event in events], float)
        return ends.reshape(-1, 2)[:, 0], ends.reshape(-1, 2)[:, 1]

    def quantile(self, events: pd.Index, u: np.ndarray) -> np.ndarray:
        """Return the prices at these quantiles of their ranges.

        A price lies in a triangle: most likely as stated, never out of range; over the logarithm, since a price may be
        off by a factor, but for one that may be nothing. Without a range it is what it is.

        Parameters
        ----------
        events : Index of str
        u : float64[n, len(events)]
            From 0 to 1.

        Returns
        -------
        float64[n, len(events)]
        """
        from scipy.stats import triang  # half a second to import, and the answer without ranges needs none

        found = np.tile(self.vector(events), (len(u), 1))
        for i, event in enumerate(events):
            price = self.prices[event]
            if price.low == price.high:
                continue
            over_log = price.low > 0
            ends = np.array([price.low, price.cycles, price.high], float)
            low, mode, high = np.log(ends) if over_log else ends
            width = high - low
            drawn = triang.ppf(u[:, i], min(max((mode - low) / width, 0), 1), low, width)
            found[:, i] = np.exp(drawn) if over_log else drawn
        return found


@cache
def _price_table() -> pd.DataFrame:
    return pd.read_csv(data_folder() / "prices.csv", dtype={"year": str}, keep_default_na=False)


@cache
def processors() -> Mapping[str, Processor]:
    """Return the processors there are prices for, oldest first, by name."""
    table = _price_table()
    found = {}
    for row in pd.read_csv(data_folder() / "processors.csv").itertuples():
        own = table[table.processor.isin(["*", row.processor])].sort_values("processor", kind="stable")
        prices = {
            p.event: Price(float(p.cycles), float(p.low), float(p.high), p.source, p.year, p.trust, p.note)
            for p in own.itertuples()
        }
        found[row.processor] = Processor(
            row.processor,
            float(row.ghz),
            {e: prices[e] for e in EVENTS if e in prices} | prices,
            int(row.year),
            row.note,
        )
    return found


def processor(name: str | Processor) -> Processor:
    """Return the processor called `name`; a `Processor` is returned as it is.

    Raises
    ------
    CostError
        If there are no prices for it; the message lists those there are.
    """
    if isinstance(name, Processor):
        return name
    found = processors().get(name)
    if found is None:
        raise CostError(f"unknown processor {name!r}; {did_you_mean(name, processors())}")
    return found


def cost(tally: Tally, of: str | Processor) -> pd.DataFrame:
    """Return what a run cost, by category.

    Parameters
    ----------
    tally : Tally
    of : str or Processor

    Returns
    -------
    DataFrame
        Indexed by `CATEGORIES` and "total": events, cycles, and µs at the processor's clock. Its `attrs` tell the
        trace, its digest, the system and the processor.

    Raises
    ------
    CostError
        If an event that happened has no price.
    """
    of = processor(of)
    happened = tally.events[tally.events > 0]
    cycles = pd.Series(happened.to_numpy() * of.vector(happened.index), happened.index)
    category = [EVENTS[event].category for event in happened.index]
    table = pd.DataFrame({"events": happened.groupby(category).sum(), "cycles": cycles.groupby(category).sum()})
    table = table.reindex(CATEGORIES, fill_value=0)
    table.loc["total"] = table.sum()
    table["us"] = table.cycles / (1000 * of.ghz)
    table.attrs = {"trace": tally.trace, "guest": tally.guest, "system": tally.system, "processor": of.name}
    return table

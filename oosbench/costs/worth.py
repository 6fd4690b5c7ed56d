"""What a snapshot is worth: the same guest with it and without it, the difference in cycles.

Both sides do the same but for content passes: with the snapshot they copy, compare and keep it up to date; without it
they derive every present entry anew. So the price of exits, of emulation, of walks cancels, and what decides are the
few prices of the hypervisor's own work. Nobody knows those well, so the answer has ranges (`uncertainty`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from ..machine import Progress, Result, run_each
from ..presets import Preset
from ..presets import preset as find_preset
from ..recordings import Recording
from ..traces import Trace
from .prices import Processor, cost, processor, processors
from .primitives import EVENTS, Tally, same_guest, tally
from .uncertainty import DRAWS, net_range, shares_of_variance

#: The patch, and the series before it: the machine that was really built without a snapshot.
WITH, WITHOUT = "oos-snapshot", "oos-fixups"


def fewer_events(without: Tally, with_it: Tally) -> pd.Series:
    """Return how many fewer events there are with the snapshot, where that is not nothing."""
    without, with_it = same_guest([without, with_it])
    fewer = without.events - with_it.events
    return fewer[fewer != 0]


def net(without: Tally, with_it: Tally, of: Processor) -> pd.Series:
    """Return the cycles saved by each event, from a run without the snapshot and one with it; losses are negative.

    Raises
    ------
    CostError
        If the two are not of the same guest, or an event that differs has no price.
    """
    fewer = fewer_events(without, with_it)
    return pd.Series(fewer.to_numpy() * of.vector(fewer.index), fewer.index, name=of.name)


def worth_of(
    without: Result,
    with_it: Result,
    of: Sequence[Processor],
    seed: int = 0,
    draws: int = DRAWS,
    pair: tuple[Tally, Tally] | None = None,
) -> pd.DataFrame:
    """Return the rows of `worth` for one guest, one row per processor.

    Each row draws its prices from the same `seed`, so that no range depends on what else is asked. `pair` are the
    tallies of both, if they are known: they take longer than what is done with them.
    """
    c = with_it.counters
    pair = pair or (tally(without), tally(with_it))
    rows = []
    for one in of:
        saved = float(net(*pair, one).sum())
        about = net_range(fewer_events(*pair), one, seed, draws)
        before = float(cost(pair[0], one).cycles["total"])
        rows.append(
            {
                "recording": with_it.trace.name,
                "compared": int(c.resync_compared),
                "dirty": int(c.resync_dirty),
                "snapshot_copies": int(c.snapshot_copies),
                "snapshot_writes": int(c.snapshot_writes),
                "propagations_avoided": int(pair[0].events.propagate - pair[1].events.propagate),
                "net_cycles": saved,
                "net_cycles_worst": about.worst,
                "net_cycles_best": about.best,
                "net_cycles_low": about.low,
                "net_cycles_high": about.high,
                "net_cycles_low_together": about.low_together,
                "net_cycles_high_together": about.high_together,
                "pays": about.pays,
                "pays_together": about.pays_together,
                "draws": draws,
                "net_us": saved / (1000 * one.ghz),
                "cycles_without": before,
                "share": saved / before if before else np.nan,
                "processor": one.name,
            }
        )
    return pd.DataFrame(rows)


def worth(
    sources: Iterable[str | Trace | Recording],
    of: Sequence[str | Processor] | None = None,
    *,
    without: str | Preset = WITHOUT,
    with_it: str | Preset = WITH,
    rng: np.random.Generator | None = None,
    draws: int = DRAWS,
    direct_map: str = "recorded",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Return what the snapshot is worth on each guest and processor.

    Parameters
    ----------
    sources : iterable of str, Trace or Recording
        See `oosbench.open_trace`.
    of : sequence of str or Processor, optional
        Default: all there are prices for.
    without, with_it : str or Preset
        What is set against what; by default the patch series before and after its third patch.
    rng : Generator, optional
        For the ranges; default: the same each time.
    draws : int
    direct_map, progress, cancelled
        As for `run_each`.

    Returns
    -------
    DataFrame
        One row per guest and processor:

        ======================== =================================================================================
        recording                name of the trace
        compared                 entries that resyncs compared with the snapshot
        dirty                    entries of them that differed
        snapshot_copies          pages copied
        snapshot_writes          single entries written to a snapshot
        propagations_avoided     entries that are derived without the snapshot and not with it
        net_cycles               cycles the snapshot saves; negative: it costs more than it saves
        net_cycles_worst, _best  with every price at its worst for the snapshot, and at its best: the corners
        net_cycles_low, _high    5th and 95th percentile over prices drawn independently
        net_cycles_low_together, the same over prices that move together (`oosbench.costs.uncertainty`)
        net_cycles_high_together
        pays, pays_together      share of the draws in which it saves
        draws                    how many there are of each
        net_us                   `net_cycles` at the processor's clock, in µs
        cycles_without           cycles that all of shadow paging costs without the snapshot, exits included
        share                    `net_cycles` over these; NaN where they are none
        processor                whose prices
        ======================== =================================================================================

    Raises
    ------
    CostError, PresetError
        Before anything runs, if there is no such processor or preset.
    """
    chosen = [processor(one) for one in (processors() if of is None else of)]
    pair = [find_preset(without), find_preset(with_it)]
    results = run_each(sources, pair, direct_map=direct_map, progress=progress, cancelled=cancelled)
    seed = 0 if rng is None else int(rng.integers(2**63))
    # Two results come for each source, in the order of the presets.
    return pd.concat([worth_of(before, next(results), chosen, seed, draws) for before in results], ignore_index=True)


def sensitivity(without: Tally, with_it: Tally, of: str | Processor) -> pd.DataFrame:
    """Return how the answer moves as one price goes from one end of its range to the other, all others as stated.

    Parameters
    ----------
    without, with_it : Tally
    of : str or Processor

    Returns
    -------
    DataFrame
        Indexed by event, the price that decides most first: `events` (how many fewer with the snapshot), `low` and
        `high` (net cycles with that price at either end), `swing` (their distance), `explains` (the share of the
        variance that it explains), `cycles` (the price), `flips_at` (the price at which nothing is saved, all others as
        stated; NaN if there is none above 0), `within` (whether that is in its range), `about`, `source` and `trust`.
        Its `attrs` tell the trace, the processor and `net_cycles`.

    Raises
    ------
    CostError
        As `net`.
    """
    of = processor(of)
    saved = net(without, with_it, of)
    less = fewer_events(without, with_it)
    prices = [of.prices[event] for event in saved.index]
    stated = of.vector(saved.index)
    low, high = of.ends(saved.index)
    flips_at = stated - saved.sum() / less
    table = pd.DataFrame(
        {
            "events": less,
            "low": saved.sum() + less * (low - stated),
            "high": saved.sum() + less * (high - stated),
            "explains": shares_of_variance(less, of),
            "cycles": stated,
            "flips_at": flips_at.where(flips_at >= 0),
            "within": (flips_at >= low) & (flips_at <= high),
            "about": [EVENTS[event].about for event in saved.index],
            "source": [price.source for price in prices],
            "trust": [price.trust for price in prices],
        }
    )
    table["swing"] = (table.high - table.low).abs()
    table = table.sort_values("swing", ascending=False, kind="stable")
    table.attrs = {"trace": with_it.trace, "processor": of.name, "net_cycles": float(saved.sum())}
    return table

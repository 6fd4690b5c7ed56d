"""What a snapshot is worth: the same guest with it and without it, the difference in cycles.

Both sides do the same but for content passes: with the snapshot they copy, compare and keep it up to date; without it
they derive every present entry anew. So the price of exits, of emulation, of walks cancels, and what decides are the
few prices that nobody ever published. Hence the range: prices are drawn at random from theirs, the same draw for both
sides, and the middle nine tenths of the answers are told.
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

#: The patch, and the same without its snapshot.
WITH, WITHOUT = "oos-snapshot", "oos-fixups"
DRAWS = 4000
RANGE = (5, 95)  # percentiles


def _fewer(without: Tally, with_it: Tally) -> pd.Series:
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
    fewer = _fewer(without, with_it)
    return pd.Series(fewer.to_numpy() * of.vector(fewer.index), fewer.index, name=of.name)


def net_draws(
    without: Tally, with_it: Tally, of: Processor, rng: np.random.Generator, draws: int = DRAWS
) -> np.ndarray:
    """Return the cycles saved for each of many prices at random.

    Returns
    -------
    float64[draws]
    """
    fewer = _fewer(without, with_it)
    return of.draw(fewer.index, rng, draws) @ fewer.to_numpy(float)


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
        low, high = np.percentile(net_draws(*pair, one, np.random.default_rng(seed), draws), RANGE)
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
                "net_cycles_low": float(low),
                "net_cycles_high": float(high),
                "net_us": saved / (1000 * one.ghz),
                "cycles_without": before,
                "share": saved / before,
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

        ==================== =====================================================================================
        recording            name of the trace
        compared             entries that resyncs compared with the snapshot
        dirty                entries of them that differed
        snapshot_copies      pages copied
        snapshot_writes      single entries written to a snapshot
        propagations_avoided entries that are derived without the snapshot and not with it
        net_cycles           cycles the snapshot saves; negative: it costs more than it saves
        net_cycles_low       and the range over the uncertainty of the prices,
        net_cycles_high      the 5th and the 95th percentile
        net_us               `net_cycles` at the processor's clock, in µs
        cycles_without       cycles that all of shadow paging costs without the snapshot, exits included
        share                `net_cycles` over these
        processor            whose prices
        ==================== =====================================================================================

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


def verdict(table: pd.DataFrame) -> str:
    """Return in one sentence what a table of `worth` says."""
    guests, machines, cases = table.recording.nunique(), table.processor.nunique(), len(table)
    of = f"{guests} guest{'s' * (guests != 1)} and {machines} processor{'s' * (machines != 1)}"
    on = f"all of {of}" if cases != 1 else f"{table.recording.iloc[0]} at the prices of {table.processor.iloc[0]}"
    saves = (table.net_cycles > 0).sum()
    surely = (table.net_cycles_low > 0).sum()
    least, most = (f"{share:.1%}" for share in (table.share.min(), table.share.max()))
    share = f"{least if least == most else f'{least} to {most}'} of what shadow paging costs there"
    if surely == cases:
        return f"The snapshot pays on {on}, whatever the prices within their ranges: it saves {share}."
    if saves == cases:
        return (
            f"The snapshot pays on {on}, {share}; in {cases - surely} of {cases} case{'s' * (cases != 1)} "
            "prices at the wrong end of their ranges could turn that round."
        )
    if cases == 1:
        adds = f"it adds {-table.share.iloc[0]:,.1%} to what shadow paging costs there"
        return f"The snapshot does not pay on {on}: {adds}."
    return f"The snapshot pays in {saves} of {cases} cases of {of}, in {surely} whatever the prices: {share}."


def sensitivity(without: Tally, with_it: Tally, of: str | Processor) -> pd.DataFrame:
    """Return how the answer moves as one price goes from one end of its range to the other, all others as stated.

    Returns
    -------
    DataFrame
        Indexed by event, the price that decides most first: `events` (how many fewer with the snapshot), `low` and
        `high` (net cycles with that price at either end), `swing` (their distance), `about`, `source` and `trust`. Its
        `attrs` tell the trace, the processor and `net_cycles`.

    Raises
    ------
    CostError
        As `net`.
    """
    of = processor(of)
    saved = net(without, with_it, of)
    less = _fewer(without, with_it)
    prices = [of.prices[event] for event in saved.index]
    table = pd.DataFrame(
        {
            "events": less,
            "low": saved.sum() + less * [price.low - price.cycles for price in prices],
            "high": saved.sum() + less * [price.high - price.cycles for price in prices],
            "about": [EVENTS[event].about for event in saved.index],
            "source": [price.source for price in prices],
            "trust": [price.trust for price in prices],
        }
    )
    table["swing"] = (table.high - table.low).abs()
    table = table.sort_values("swing", ascending=False, kind="stable")
    table.attrs = {"trace": with_it.trace, "processor": of.name, "net_cycles": float(saved.sum())}
    return table

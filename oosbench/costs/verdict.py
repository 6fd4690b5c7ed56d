"""What a table of `worth` says, in sentences that its numbers make."""

from __future__ import annotations

import pandas as pd


def cycles_told(cycles: float) -> str:
    """Return a number of cycles as people say it: 4.2 M, 0.26 M, 3,120."""
    if abs(cycles) < 10_000:
        return f"{cycles:,.0f}"
    return f"{cycles / 1e6:.{1 if abs(cycles) >= 0.995e6 else 2}f} M"


def _share(of: pd.Series) -> str:
    least, most = (f"{share:.1%}" for share in (of.min(), of.max()))
    return f"{least if least == most else f'{least} to {most}'} of what shadow paging costs there"


def _of_draws(pays: pd.Series, draws: int) -> str:
    """Return in how many of the draws it pays, never rounded to all or none."""
    least = pays.min()
    if least in (0, 1):
        return f"all {draws:,}" if least else f"none of {draws:,}"
    return f"{'at least ' if len(pays) > 1 else ''}{min(max(least, 0.001), 0.999):.1%} of {draws:,}"


def _odds(table: pd.DataFrame) -> str:
    """Return in how many draws the snapshot pays, independent and together."""
    alone, together = (_of_draws(table[name], int(table.draws.iloc[0])) for name in ("pays", "pays_together"))
    return f"in {alone} draws of independent prices and in {together} in which prices move together"


def _corner(table: pd.DataFrame) -> str:
    worst = table.loc[table.net_cycles_worst.idxmin()]
    costs = (table.net_cycles_worst < 0).sum()
    if len(table) == 1:
        what = "costs" if costs else "still saves"
        return f"with every price at its worst it {what} {cycles_told(abs(worst.net_cycles_worst))} cycles"
    if not costs:
        return f"with every price at its worst it still saves, {cycles_told(worst.net_cycles_worst)} cycles at least"
    where = f"most on {worst.recording}, {cycles_told(-worst.net_cycles_worst)} cycles"
    return f"with every price at its worst it costs in {costs} of {len(table)} cases, {where}"


def price_lists(table: pd.DataFrame) -> int:
    """Return how many different lists of the prices that decide are behind a table of `worth`.

    Processors that differ in the price of an exit alone give the same net cycles, and are one list.
    """
    parts = table.groupby("processor", sort=False)[["net_cycles", "net_cycles_worst", "net_cycles_best"]]
    return len({tuple(part.to_numpy().round(3).ravel()) for _, part in parts})


def verdict(table: pd.DataFrame) -> str:
    """Return what a table of `oosbench.costs.worth` says, and what that rests on.

    Parameters
    ----------
    table : DataFrame
        Rows without any cost, of guests that did nothing, say nothing.
    """
    table = table[table.share.notna()]
    if not len(table):
        return "Nothing happened that costs anything, so there is nothing to save."
    guests, machines, cases = table.recording.nunique(), table.processor.nunique(), len(table)
    saves = int((table.net_cycles > 0).sum())
    if cases == 1:
        row = table.iloc[0]
        on = f"{row.recording} at the prices of {row.processor}"
        if saves:
            saved = f"it saves {cycles_told(row.net_cycles)} cycles, {_share(table.share)}"
            return f"The snapshot pays on {on}, as stated: {saved}. It does so {_odds(table)}; {_corner(table)}."
        adds = f"it adds {-row.share:,.1%} to what shadow paging costs there"
        return f"The snapshot does not pay on {on}: {adds}. It pays {_odds(table)}; {_corner(table)}."
    of = f"{guests} guest{'s' * (guests != 1)} and {machines} processor{'s' * (machines != 1)}"
    lists = price_lists(table)
    behind = ""
    if lists < machines:
        behind = (
            f" Of the hypervisor's own work there {'is' if lists == 1 else 'are'} {lists} price "
            f"list{'s' * (lists != 1)} behind the {machines} processors; else they differ in what an exit costs."
        )
    if saves == cases:
        head = f"The snapshot pays on all of {of}, at the prices as stated: it saves {_share(table.share)}."
        return f"{head} It does so {_odds(table)}; {_corner(table)}.{behind}"
    head = f"The snapshot pays in {saves} of {cases} cases of {of}, at the prices as stated: {_share(table.share)}."
    return f"{head} It pays {_odds(table)}; {_corner(table)}.{behind}"

"""What resyncs find, and what they have to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ._style import BLANK, FAINT, INK, MARKERS, PALETTE, figure_of_rows, label_rows, legend_below


def _with_snapshot(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each trace, the row of one preset that kept a snapshot."""
    return table[table.dirty.notna() & (table.compared > 0)].drop_duplicates("trace")


def dirty_ratio(table: pd.DataFrame) -> Figure:
    """Draw what share of the entries compared at resync was dirty.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.headline`; one bar for each trace that ran with a snapshot.
    """
    known = _with_snapshot(table)
    figure, axes = figure_of_rows(
        len(known), "How much a resync finds changed", "entries that differ from the snapshot, of all entries compared"
    )
    percent = 100 * known.dirty_ratio.astype(float).to_numpy()
    axes.barh(np.arange(len(known)), percent, height=0.6, color=PALETTE[0])
    label_rows(axes, known.trace.tolist())
    for y, row in enumerate(known.itertuples()):
        told = f"{percent[y]:.1f} %  ({row.dirty:,} of {row.compared:,})"
        if "found_nothing" in known and pd.notna(row.found_nothing):
            told += f"; {100 * row.found_nothing:.0f} % of resyncs find nothing"
        axes.annotate(
            told, (percent[y], y), (4, 0), textcoords="offset points", va="center", fontsize=9, color=INK, bbox=BLANK
        )
    axes.set_xlim(0, max(percent.max(initial=0) * 3.1, 1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} %"))
    axes.set_xlabel("dirty entries", fontsize=9.5, color=INK)
    return figure


def dirty_ratio_text(table: pd.DataFrame) -> str:
    """Say what `dirty_ratio` shows."""
    known = _with_snapshot(table)
    shares = [f"{row.trace} {row.dirty_ratio:.1%}" for row in known.itertuples()]
    return f"Bar chart: share of the entries compared at resync that were dirty: {', '.join(shares) or 'no data'}."


def resync_work(table: pd.DataFrame) -> Figure:
    """Draw how many shadow entries resyncs derived anew, by preset.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.headline`; a row of the chart for each trace, a marker for each preset that resyncs.
    """
    working = table[table.propagated > 0]
    traces = working.trace.drop_duplicates().tolist()
    figure, axes = figure_of_rows(
        len(traces), "What a resync has to do", "shadow entries derived anew at resync (logarithmic)"
    )
    place = {trace: y for y, trace in enumerate(traces)}
    for trace, y in place.items():
        here = working.propagated[working.trace == trace]
        axes.plot([here.min(), here.max()], [y, y], color=FAINT, linewidth=3, zorder=1)
        if len(here) > 1:
            middle = np.sqrt(here.min() * here.max())
            told = f"× {here.max() / here.min():.1f}"
            axes.text(middle, y - 0.14, told, ha="center", va="bottom", fontsize=9, color=INK)
    taken: set[tuple[str, int]] = set()
    for i, (name, part) in enumerate(working.groupby("preset", sort=False)):
        points = list(zip(part.trace, part.propagated, strict=True))
        axes.scatter(
            part.propagated,
            [place[trace] for trace in part.trace],
            s=[16 if point in taken else 64 for point in points],  # what lies on another is seen inside it
            color=PALETTE[i % len(PALETTE)],
            edgecolors="white",
            linewidths=0.6,
            marker=MARKERS[i % len(MARKERS)],
            label=name,
            zorder=2 + i,
        )
        taken.update(points)
    label_rows(axes, traces)
    if traces:
        axes.set_xscale("log")
        axes.set_xlim(working.propagated.min() / 1.8, working.propagated.max() * 1.8)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        legend_below(axes)
    return figure


def resync_work_text(table: pd.DataFrame) -> str:
    """Say what `resync_work` shows."""
    working = table[table.propagated > 0]
    told = [
        f"{trace}: " + ", ".join(f"{row.preset} {row.propagated:,}" for row in part.itertuples())
        for trace, part in working.groupby("trace", sort=False)
    ]
    return f"Dot chart: shadow entries derived anew at resync. {'; '.join(told) or 'No data'}."

"""What the snapshot saves, against how much resyncs find dirty."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from ._style import INK, MARKERS, PALETTE, figure_of_rows, legend_below


def _points(table: pd.DataFrame) -> pd.DataFrame:
    known = table[(table.compared > 0) & table.share.notna()]
    return known.assign(dirty_ratio=known.dirty / known.compared)


def saving(table: pd.DataFrame) -> Figure:
    """Draw the share saved against the share of compared entries that were dirty: a point for each recording.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.costs.worth`, of at most five processors.
    """
    points = _points(table)
    figure, axes = figure_of_rows(8, "Does a dirtier guest save less?", "a point for each recording")
    for i, (name, part) in enumerate(points.groupby("processor", sort=False)):
        style = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)]}
        axes.scatter(part.dirty_ratio, part.share, s=44, label=name, zorder=3, **style)
    near = 0.04 * (points.dirty_ratio.max() or 1), 0.05 * (points.share.max() or 1)
    apart: list[tuple[float, float]] = []
    for row in points.drop_duplicates("recording").sort_values("share").itertuples():
        # A name that would lie on another stands above its point.
        crowded = any(abs(row.dirty_ratio - x) < 2 * near[0] and abs(row.share - y) < near[1] for x, y in apart)
        apart.append((row.dirty_ratio, row.share))
        place = {"textcoords": "offset points", "va": "bottom" if crowded else "center", "fontsize": 9, "color": INK}
        axes.annotate(
            row.recording, apart[-1], (0, 5) if crowded else (6, 0), ha="right" if crowded else "left", **place
        )
    axes.grid(axis="y", color="#d0d0d0", linewidth=0.6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(0.05))
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.0f} %"))
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=min(0, points.share.min() if len(points) else 0))
    axes.margins(x=0.12)
    axes.set_xlabel("dirty, of the entries compared", fontsize=9.5, color=INK)
    axes.set_ylabel("saved, of all that shadow paging costs", fontsize=9.5, color=INK)
    legend_below(axes, labelled=True)
    return figure


def saving_text(table: pd.DataFrame) -> str:
    """Say what `saving` shows."""
    points = _points(table)
    told = [f"{row.recording} {row.dirty_ratio:.1%} dirty, {row.share:.1%} saved" for row in points.itertuples()]
    ranks = points.drop_duplicates("recording")[["dirty_ratio", "share"]].corr("spearman").iloc[0, 1]
    order = f" Rank correlation {ranks:.2f}." if len(points) > 2 else ""
    return f"Scatter chart: {'; '.join(told) or 'no data'}.{order}"

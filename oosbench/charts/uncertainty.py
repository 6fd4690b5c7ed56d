"""How sure the answer is: corners, draws together, draws apart."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ._style import INK, MARKERS, PALETTE, figure_of_rows, label_rows, legend_below

#: Of each range: what it is called, its ends in a table of `worth`, how wide its bar is.
_RANGES = (
    ("every price at its worst, or at its best", ("net_cycles_worst", "net_cycles_best"), 1.5),
    ("nine tenths of prices that move together", ("net_cycles_low_together", "net_cycles_high_together"), 5),
    ("nine tenths of independent prices", ("net_cycles_low", "net_cycles_high"), 11),
)


def _rows(table: pd.DataFrame) -> list[str]:
    several = table.processor.nunique() > 1
    return [f"{row.recording} · {row.processor}" if several else row.recording for row in table.itertuples()]


def uncertainty(table: pd.DataFrame) -> Figure:
    """Draw the share that the snapshot saves, and three ranges around it.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.costs.worth`; a row of the chart for each of its rows.
    """
    names = _rows(table)
    figure, axes = figure_of_rows(
        len(names), "How sure is that?", "cycles saved, of all that shadow paging costs without the snapshot"
    )
    y = range(len(names))
    for i, (label, ends, width) in enumerate(_RANGES):
        low, high = (table[end] / table.cycles_without for end in ends)
        axes.hlines(y, low, high, color=PALETTE[i], linewidth=width, label=label, zorder=2 + i)
    axes.scatter(table.share, y, s=34, color="white", edgecolors=INK, marker=MARKERS[0], label="as stated", zorder=9)
    axes.axvline(0, color=INK, linewidth=0.8)
    label_rows(axes, names)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.0f} %"))
    axes.set_xlabel("saved; left of zero the snapshot costs more than it saves", fontsize=9.5, color=INK)
    legend_below(axes, ncols=2, labelled=True)
    return figure


def uncertainty_text(table: pd.DataFrame) -> str:
    """Say what `uncertainty` shows."""
    told = []
    for name, row in zip(_rows(table), table.to_dict("records"), strict=True):
        ranges = [
            f"{row[low] / row['cycles_without']:.1%} to {row[high] / row['cycles_without']:.1%}"
            for _, (low, high), _ in _RANGES
        ]
        told.append(f"{name} {row['share']:.1%}, corners {ranges[0]}, together {ranges[1]}, independent {ranges[2]}")
    return f"Range chart of the share saved. {'; '.join(told) or 'No data'}."

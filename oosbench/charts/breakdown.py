"""Where the cycles go: by category of work, and over the time of a trace."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from ._style import INK, MARKERS, PALETTE, WIDTH, figure_of_rows, label_rows, legend_below

#: Categories with a colour of their own, in the order of the bars; all others are "rest".
_SHOWN = {
    "exits": ("exits", "#56b4e9", ""),
    "emulation": ("emulation", "#de8f05", ""),
    "walks": ("walks and look-ups", "#d0d0d0", "..."),
    "propagate": ("derive", "#d55e00", "///"),
    "snapshot copy": ("snapshot copy", "#0173b2", ""),
    "compare": ("compare", "#029e73", "\\\\\\"),
    "references": ("references", "#cc78bc", ""),
}
_REST = ("rest", "#f2f2f2", "")


def _stacked(table: pd.DataFrame) -> pd.DataFrame:
    """Return shares: a row for each recording and system, a column for each category shown."""
    names = {name: shown[0] for name, shown in _SHOWN.items()}
    grouped = table.assign(shown=table.category.map(names).fillna(_REST[0]))
    wide = grouped.groupby(["recording", "system", "shown"], sort=False).share.sum().unstack("shown")
    order = table[["recording", "system"]].drop_duplicates()
    return wide.reindex(pd.MultiIndex.from_frame(order))[[*names.values(), _REST[0]]]


def breakdown(table: pd.DataFrame) -> Figure:
    """Draw what each system costs, stacked by category of work.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.costs.breakdown`; a bar for each recording and system.
    """
    wide = _stacked(table)
    figure, axes = figure_of_rows(
        len(wide), "Where the cycles go", "of all that the recording's first system costs; numbers: 4 % and more"
    )
    left = np.zeros(len(wide))
    for name, colour, hatch in (*_SHOWN.values(), _REST):
        share = wide[name].fillna(0).to_numpy()
        axes.barh(
            range(len(wide)), share, 0.66, left, label=name, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5
        )
        for y, part in enumerate(share):
            if part >= 0.04:
                told = {"fontsize": 8.5, "ha": "center", "va": "center", "color": "black"}
                axes.text(
                    left[y] + part / 2, y, f"{100 * part:.0f}", bbox={"fc": "white", "ec": "none", "pad": 0.6}, **told
                )
        left += share
    label_rows(axes, [f"{recording}: {system}" for recording, system in wide.index])
    axes.set_xlim(0, max(1, left.max(initial=1)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.0f} %"))
    legend_below(axes, ncols=3)
    return figure


def breakdown_text(table: pd.DataFrame) -> str:
    """Say what `breakdown` shows."""
    told = [
        f"{recording}, {system}: " + ", ".join(f"{name} {share:.1%}" for name, share in row.items() if share >= 0.001)
        for (recording, system), row in _stacked(table).iterrows()
    ]
    return f"Stacked bar chart of the cost of shadow paging. {'; '.join(told) or 'No data'}."


def timeline(table: pd.DataFrame) -> Figure:
    """Draw what shadow paging costs over the time of a trace.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.costs.timeline`, of one recording; above each stretch by itself, below all up to there.
    """
    figure = Figure(figsize=(WIDTH, 4.6), dpi=96, layout="constrained")
    name = table.recording.iloc[0] if len(table) else "no data"
    figure.suptitle(f"What {name} costs, over its time", x=0.01, ha="left", fontsize=12, color=INK, fontweight="bold")
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, column, label in ((above, "cycles", "cycles a stretch"), (below, "total", "cycles so far")):
        for i, (system, part) in enumerate(table.groupby("system", sort=False)):
            line = {"color": PALETTE[i % len(PALETTE)], "linewidth": 1.4, "linestyle": ("-", (0, (4, 1.5)))[i % 2]}
            axes.plot(part.line, part[column], label=system, marker=MARKERS[i % 5], markevery=12, markersize=4, **line)
        axes.set_ylabel(label, fontsize=9.5, color=INK)
        axes.yaxis.set_major_formatter(EngFormatter())
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK, labelsize=9.5)
    below.xaxis.set_major_formatter(EngFormatter())
    below.set_xlabel("line of the trace", fontsize=9.5, color=INK)
    legend_below(below, labelled=True, dashed=True)
    return figure


def timeline_text(table: pd.DataFrame) -> str:
    """Say what `timeline` shows."""
    told = []
    for system, part in table.groupby("system", sort=False):
        dearest = part.loc[part.cycles.idxmax()]
        told.append(f"{system} {part.total.iloc[-1]:,.0f} cycles in all, most before line {dearest.line:,.0f}")
    name = table.recording.iloc[0] if len(table) else "nothing"
    return f"Line chart of the cost of {name} over its time: {'; '.join(told) or 'no data'}."

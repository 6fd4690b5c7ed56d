"""Small multiples: the same measures of the same presets, a row for each trace."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ._style import FAINT, INK, PALETTE, WIDTH

#: Columns of `oosbench.headline` that are shown, and what people call them.
MEASURES = {
    "faults": "page faults",
    "emulated_writes": "emulated writes",
    "resyncs": "resyncs",
    "propagated": "derived at resync",
}
_BAR, _HEAD = 0.24, 0.62  # inches


def _short(value: float) -> str:
    """Return a number in at most five characters."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:,.0f}"


def multiples(table: pd.DataFrame) -> Figure:
    """Draw what each preset did on each trace: bars to be compared along a column.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.headline`.
    """
    traces = table.trace.drop_duplicates().tolist()
    presets = table.preset.drop_duplicates().tolist()
    each = _HEAD + _BAR * len(presets)
    figure = Figure(figsize=(WIDTH, 0.5 + each * len(traces)), dpi=96, layout="constrained")
    figure.suptitle("What each preset did", x=0.01, ha="left", fontsize=12, color=INK, fontweight="bold")
    grid = figure.subplots(len(traces), len(MEASURES), squeeze=False, sharey=True)
    for row, trace in zip(grid, traces, strict=True):
        here = table[table.trace == trace].set_index("preset").reindex(presets)
        for axes, (measure, label) in zip(row, MEASURES.items(), strict=True):
            values = here[measure].astype(float)
            axes.barh(range(len(presets)), values, height=0.62, color=PALETTE[0])
            most = max(values.max(), 1)
            for y, value in enumerate(values):
                axes.annotate(
                    _short(value), (value, y), (3, 0), textcoords="offset points", va="center", fontsize=8, color=INK
                )
            axes.set_xlim(0, 1.75 * most)
            axes.set_xticks([])
            axes.set_title(label, loc="left", fontsize=9, color=INK)
            axes.set_ylim(len(presets) - 0.5, -0.5)
            axes.set_yticks(range(len(presets)), presets)
            axes.tick_params(colors=INK, length=0, labelsize=8.5)
            axes.spines[["top", "right", "bottom"]].set_visible(False)
            axes.spines["left"].set_color(FAINT)
        told = row[0].annotate(
            trace, (0, 1), (0, 20), xycoords="axes fraction", textcoords="offset points", color=INK, weight="bold"
        )
        told.set_in_layout(False)  # it may be longer than a column is wide
    return figure


def multiples_text(table: pd.DataFrame) -> str:
    """Say what `multiples` shows."""
    told = []
    for trace, part in table.groupby("trace", sort=False):
        rows = [
            f"{row.preset} {', '.join(f'{getattr(row, measure):,} {label}' for measure, label in MEASURES.items())}"
            for row in part.itertuples()
        ]
        told.append(f"{trace}: {'; '.join(rows)}")
    return f"Small multiples of bars. {'. '.join(told)}."

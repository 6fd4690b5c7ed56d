"""What a trace is made of: its lines by kind."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..traces import Summary
from ._style import BLANK, INK, PALETTE, figure_of_rows, label_rows

#: What the operations are called where people read them; accesses have names already.
SPELLED = {
    "POKE": "memory at the beginning",
    "P2M": "changes of the memory map",
    "CR3": "CR3 loads",
    "WRITE": "stores of a value",
    "WRITEHL": "stores in two halves",
    "INVLPG": "INVLPGs",
    "WP": "CR0.WP set or cleared",
    "NX": "EFER.NX set or cleared",
    "PSE": "CR4.PSE set or cleared",
    "BLOW": "shadows thrown away",
    "AUDIT": "audits",
}


def kinds(summary: Summary) -> Figure:
    """Draw how many lines of a trace there are of each kind.

    Parameters
    ----------
    summary : Summary
    """
    counts = summary.kinds()
    figure, axes = figure_of_rows(len(counts), f"What {summary.name} is made of", "lines of the trace, by kind")
    y = np.arange(len(counts))
    axes.barh(y, counts.lines, height=0.6, color=PALETTE[0])
    for row in counts.itertuples():
        axes.annotate(
            f"{row.lines:,}", (row.lines, row.Index), (4, 0), textcoords="offset points", va="center", fontsize=9,
            color=INK, bbox=BLANK,
        )  # fmt: skip
    label_rows(axes, [SPELLED.get(kind, kind) for kind in counts.kind])
    axes.set_xlim(0, max(counts.lines.max() * 1.15, 1) if len(counts) else 1)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return figure


def kinds_text(summary: Summary) -> str:
    """Say what `kinds` shows."""
    told = [f"{row.lines:,} {SPELLED.get(row.kind, row.kind)}" for row in summary.kinds().itertuples()]
    return f"Bar chart of the lines of {summary.name} by kind: {', '.join(told) or 'none'}."

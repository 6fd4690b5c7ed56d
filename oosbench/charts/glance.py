"""A trace at a glance: what a workload is, before any machine runs it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from ..traces import Summary, Trace
from ..traces.events import CR3, INVLPG, POKE
from ._style import FAINT, INK, PALETTE, WIDTH

_BINS = 120
_STYLES = ("-", "--", ":", "-.")  # of L1 to L4


def glance(trace: Trace, summary: Summary | None = None) -> Figure:
    """Draw page tables over time, the stores to them, and the flushes.

    Parameters
    ----------
    trace : Trace
    summary : Summary, optional
        Of this trace, if it is at hand.
    """
    summary = summary or trace.summary()
    # What is in memory at the beginning happens at no time: the axis begins with the first event.
    first = int(np.argmax(np.append(trace.events.op, CR3) != POKE))
    rows = max(len(trace.events) - first, 1)
    edges = first + np.linspace(0, rows, min(_BINS, rows) + 1)
    figure = Figure(figsize=(WIDTH, 5.2), dpi=96, layout="constrained")
    tables, stores, flushes = figure.subplots(3, 1, sharex=True)
    per_bin = f"per {edges[1] - edges[0]:,.0f} lines"
    _draw(tables, "page tables", [_alive(summary, level, edges) for level in range(1, 5)], edges, _levels())
    counted = [np.histogram(summary.stores.row[summary.stores.level == level], edges)[0] for level in range(1, 5)]
    _draw(stores, f"stores to them\n{per_bin}", counted, edges, _levels())
    counted = [np.histogram(np.flatnonzero(trace.events.op == op), edges)[0] for op in (CR3, INVLPG)]
    _draw(flushes, f"flushes\n{per_bin}", counted, edges, ["CR3 loads", "INVLPG"])
    flushes.set_xlabel("line of the trace", fontsize=9.5, color=INK)
    flushes.set_xlim(edges[0], edges[-1])
    flushes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    figure.suptitle(f"{summary.name} at a glance", x=0.01, ha="left", fontsize=12, color=INK, fontweight="bold")
    figure.align_ylabels()
    return figure


def _levels() -> list[str]:
    return [f"L{level}" for level in range(1, 5)]


def _alive(summary: Summary, level: int, edges: np.ndarray) -> np.ndarray:
    """Return how many tables of a level there are at the end of each bin."""
    mine = summary.tables[summary.tables.level == level]
    born = np.histogram(np.maximum(mine.born, edges[0]), edges)[0]
    died = np.histogram(mine.died[mine.died >= 0], edges)[0]
    return np.cumsum(born - died)


def _draw(axes: Axes, label: str, counts: list[np.ndarray], edges: np.ndarray, names: list[str]) -> None:
    """Draw counts by bin as steps, on a logarithmic scale that has room for zero, and name those there are."""
    shown = 0
    for i, (name, count) in enumerate(zip(names, counts, strict=True)):
        if count.any():
            axes.stairs(count, edges, baseline=None, color=PALETTE[i], linestyle=_STYLES[i], linewidth=1.4, label=name)
            shown += 1
    top = max((int(count.max(initial=0)) for count in counts), default=0)
    if top > 20:
        axes.set_yscale("symlog", linthresh=1)
        axes.set_yticks([0, *(10**k for k in range(int(np.log10(top)) + 1))])
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, top * 1.3 + 0.5)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    axes.set_ylabel(label, fontsize=9.5, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, length=0, labelsize=9.5)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    if shown:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.04), frameon=False, fontsize=9.5, handlelength=2.4)
    else:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", fontsize=9.5, color=INK)


def glance_text(trace: Trace, summary: Summary | None = None) -> str:
    """Say what `glance` shows."""
    summary = summary or trace.summary()
    made = np.bincount(summary.tables.level, minlength=5)
    stored = np.bincount(summary.stores.level, minlength=5)
    tables = ", ".join(f"{made[i]:,} of level {i} with {stored[i]:,} stores" for i in range(1, 5) if made[i])
    return (
        f"Line chart over the {len(trace.events):,} lines of {summary.name}: page tables ({tables or 'none'}), "
        f"{summary.ops['CR3']:,} CR3 loads and {summary.ops['INVLPG']:,} INVLPGs."
    )

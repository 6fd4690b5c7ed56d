"""What the snapshot saves, when it stops paying, and which price decides."""

from __future__ import annotations

from textwrap import shorten
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from ._style import FAINT, INK, MARKERS, PALETTE, figure_of_rows, label_rows, legend_below

#: Titles and subtitles; `quick` draws the same charts.
BREAK_EVEN = (
    "When a snapshot stops paying",
    "below a curve it saves, above it costs; bands: prices at random, nine tenths of them",
)
TORNADO = ("Which price decides", "net cycles saved, with one price from one end of its range to the other")
GUESTS = "recorded guests"
ENDS = ("price at its low end", "price at its high end")
_MOST = 9  # prices that a tornado shows


class Axis(NamedTuple):
    """An axis: what it is called, where it ends, and where its labels stand."""

    label: str
    limits: tuple[float, float]
    ticks: tuple[float, ...]


COMPARED = Axis(
    "entries compared per snapshot: entries present times content passes (logarithmic)",
    (4, 4096),
    (4, 16, 64, 256, 1024, 4096),
)
DIRTY = Axis("dirty, of those compared", (-0.1, 1.3), (0, 0.2, 0.4, 0.6, 0.8, 1, 1.2))


def _percent(axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.0f} %"))


def source(trust: str) -> str:
    """Return what is said of a price that can be trusted so much."""
    return "no source" if trust == "none" else trust


def form(name: str) -> str:
    """Return what the curve of a processor is called."""
    return f"{name}: closed form"


def net_label(table: pd.DataFrame) -> str:
    """Return what the axis of a tornado is called."""
    return f"net cycles saved ({table.attrs['trace']} on {table.attrs['processor']})"


def placed(guests: pd.DataFrame) -> pd.DataFrame:
    """Return where each recording stands: `recording`, entries `compared` per snapshot, and their `dirty_ratio`.

    One of which nothing was compared stands nowhere.
    """
    stand = guests[guests.compared > 0].drop_duplicates("recording")
    return pd.DataFrame(
        {
            "recording": stand.recording,
            "compared": stand.compared / stand.snapshot_copies,
            "dirty_ratio": stand.dirty / stand.compared,
        }
    )


def out_of_sight(curves: pd.DataFrame) -> str:
    """Return what is said in place of curves of which nothing can be seen; nothing, if something can."""
    least, most = DIRTY.limits
    if curves.dirty_ratio.max() < least:
        return "at these prices it costs at every share of dirty entries"
    if curves.dirty_ratio.min() > most:
        return "at these prices it saves at every share of dirty entries"
    return ""


def decisive(table: pd.DataFrame, most: int = _MOST) -> pd.DataFrame:
    """Return the prices of `sensitivity` that a tornado shows, the decisive ones first, named in short."""
    shown = table[table.swing > 0].head(most)
    return shown.assign(about=[shorten(about.partition(":")[0], 42, placeholder=" …") for about in shown.about])


def worth(table: pd.DataFrame) -> Figure:
    """Draw what share of the cost of shadow paging the snapshot saves.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.costs.worth`, of at most five processors: a row of the chart for each guest, in it a marker and a
        range for each processor.
    """
    guests = table.recording.drop_duplicates().tolist()
    figure, axes = figure_of_rows(
        2 * len(guests),
        "What the snapshot saves",
        "cycles saved, of all that shadow paging costs without it; bars: prices at random in their ranges",
    )
    parts = list(table.groupby("processor", sort=False))
    for i, (name, part) in enumerate(parts):
        y = np.array([guests.index(guest) for guest in part.recording]) + 0.68 * ((i + 0.5) / len(parts) - 0.5)
        colour = PALETTE[i % len(PALETTE)]
        low, high = (part[end] / part.cycles_without for end in ("net_cycles_low", "net_cycles_high"))
        axes.hlines(y, low, high, color=colour, linewidth=2)
        axes.scatter(part.share, y, s=44, color=colour, marker=MARKERS[i % len(MARKERS)], label=name, zorder=3)
    axes.axvline(0, color=INK, linewidth=0.8)
    label_rows(axes, guests)
    _percent(axes.xaxis)
    axes.set_xlabel("saved; left of zero the snapshot costs more than it saves", fontsize=9.5, color=INK)
    legend_below(axes, labelled=True)
    return figure


def worth_text(table: pd.DataFrame) -> str:
    """Say what `worth` shows."""
    told = [
        f"{guest}: " + ", ".join(f"{row.processor} {row.share:.1%}" for row in part.itertuples())
        for guest, part in table.groupby("recording", sort=False)
    ]
    return f"Dot chart: what the snapshot saves of the cost of shadow paging. {'; '.join(told) or 'No data'}."


def break_even(
    curves: pd.DataFrame, simulated: pd.DataFrame | None = None, guests: pd.DataFrame | None = None
) -> Figure:
    """Draw at which share of dirty entries a snapshot stops paying.

    Parameters
    ----------
    curves : DataFrame
        From `oosbench.costs.breakeven.curves`: the closed form and its range.
    simulated : DataFrame, optional
        From `oosbench.costs.breakeven.simulated`: what the machines found.
    guests : DataFrame, optional
        From `oosbench.costs.worth`: each recording stands where its compared and dirty entries put it.
    """
    figure, axes = figure_of_rows(10, *BREAK_EVEN)
    names = curves.processor.drop_duplicates().tolist()
    for i, name in enumerate(names):
        colour, part = PALETTE[i % len(PALETTE)], curves[curves.processor == name]
        axes.fill_between(part.compared, part.low, part.high, color=colour, alpha=0.13, linewidth=0)
        axes.plot(part.compared, part.dirty_ratio, color=colour, linewidth=2, label=form(name))
        if simulated is not None:
            found = simulated[simulated.processor == name]
            marker = MARKERS[i % len(MARKERS)]
            axes.scatter(
                found.compared, found.dirty_ratio, s=34, marker=marker, facecolor="white", edgecolor=colour,
                label=f"{name}: simulated", zorder=3,
            )  # fmt: skip
    if guests is not None:
        stand = placed(guests)
        x, y = stand.compared, stand.dirty_ratio
        axes.scatter(x, y, s=60, color=INK, marker="*", label=GUESTS, zorder=4)
        # Those that stand beside each other get their names on different sides.
        for turn, i in enumerate(np.argsort(x.to_numpy())):
            left = turn % 2 == 0 and turn < len(x) - 1
            axes.annotate(
                stand.recording.iloc[i],
                (x.iloc[i], y.iloc[i]),
                (2, 8) if left else (8, -3),
                textcoords="offset points",
                ha="right" if left else "left",
                fontsize=9,
                color=INK,
            )
    axes.set_xscale("log", base=2)
    axes.set(xlim=COMPARED.limits, ylim=DIRTY.limits, xticks=COMPARED.ticks, yticks=DIRTY.ticks)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    _percent(axes.yaxis)
    axes.set_xlabel(COMPARED.label, fontsize=9.5)
    axes.set_ylabel(DIRTY.label, fontsize=9.5)
    axes.text(0.5, 0.9, out_of_sight(curves), transform=axes.transAxes, ha="center", fontsize=9.5, color=INK)
    legend_below(axes, labelled=True)
    return figure


def break_even_text(
    curves: pd.DataFrame, simulated: pd.DataFrame | None = None, guests: pd.DataFrame | None = None
) -> str:
    """Say what `break_even` shows."""
    told = []
    for name, part in curves.groupby("processor", sort=False):
        ratio = np.interp([32, 512], part.compared, part.dirty_ratio)
        seen = f"{ratio[0]:.0%} dirty at 32 entries compared, {ratio[1]:.0%} at 512"
        told.append(f"{name} {out_of_sight(part) or seen}")
    text = f"Line chart: where a snapshot stops paying. {'; '.join(told)}."
    if guests is not None:
        places = [f"{row.recording} {row.dirty_ratio:.1%} at {row.compared:.0f}" for row in placed(guests).itertuples()]
        text += f" Recorded guests: {'; '.join(places)}."
    return text


def tornado(table: pd.DataFrame, most: int = _MOST) -> Figure:
    """Draw how far each price alone moves the answer.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.costs.sensitivity`.
    most : int
        How many prices to draw, the decisive ones first.
    """
    shown = decisive(table, most)
    figure, axes = figure_of_rows(len(shown), *TORNADO)
    y = np.arange(len(shown))
    base = float(table.attrs["net_cycles"])
    for i, (end, label) in enumerate(zip(("low", "high"), ENDS, strict=True)):
        axes.barh(y, shown[end] - base, left=base, height=0.6, color=PALETTE[i], label=label, hatch=("", "//")[i],
                  edgecolor="white")  # fmt: skip
    axes.axvline(base, color=INK, linewidth=1)
    axes.axvline(0, color=INK, linewidth=0.8, linestyle=":")
    label_rows(axes, [f"{row.about}\n({source(row.trust)})" for row in shown.itertuples()])
    axes.tick_params(axis="y", labelsize=8.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / 1e6:g} M"))
    axes.set_xlabel(net_label(table), fontsize=9.5, color=INK)
    legend_below(axes, ncols=2, labelled=True)
    return figure


def tornado_text(table: pd.DataFrame) -> str:
    """Say what `tornado` shows."""
    told = [
        f"{row.about} ({source(row.trust)}): {row.low:,.0f} to {row.high:,.0f}" for row in table.head(3).itertuples()
    ]
    return f"Tornado chart: net cycles saved as one price goes through its range. {'; '.join(told)}."

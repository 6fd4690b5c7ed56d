"""Charts: frame in, Figure out. No pyplot and no global settings, so that threads may draw.

Each chart has a companion ``…_text`` that says in a sentence what it shows, for readers who cannot see it.
"""

from __future__ import annotations

import base64
import html
import io

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

WIDTH = 7.2  # inches: 691 pixels at 96 dpi, which fits a page of 760
_ROW = 0.42  # inches a row of a chart takes

# The colours of seaborn's colour-blind palette that stand out against white by 3:1 or more.
_PALETTE = [sns.color_palette("colorblind")[i] for i in (0, 3, 2, 4, 7)]
_MARKERS = "osD^v"
_INK, _FAINT = "#333333", "#d0d0d0"
_BLANK = {"facecolor": "white", "edgecolor": "none", "pad": 1}


def _figure(rows: int, title: str, subtitle: str) -> tuple[Figure, Axes]:
    """Return a figure with room for so many rows, and its axes, in the style of all charts."""
    height = 1.55 + _ROW * max(rows, 2)
    figure = Figure(figsize=(WIDTH, height), dpi=96, layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"{title}\n", loc="left", fontsize=12, color=_INK, fontweight="bold")
    axes.text(0, 1.03, subtitle, transform=axes.transAxes, fontsize=9.5, color=_INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)
    axes.tick_params(colors=_INK, length=0, labelsize=9.5)
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _rows(axes: Axes, names: list[str]) -> None:
    """Label the rows, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.45, -0.55)


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
    figure, axes = _figure(
        len(known), "How much a resync finds changed", "entries that differ from the snapshot, of all entries compared"
    )
    percent = 100 * known.dirty_ratio.astype(float).to_numpy()
    axes.barh(np.arange(len(known)), percent, height=0.6, color=_PALETTE[0])
    _rows(axes, known.trace.tolist())
    for y, row in enumerate(known.itertuples()):
        told = f"{percent[y]:.1f} %  ({row.dirty:,} of {row.compared:,})"
        if "found_nothing" in known and pd.notna(row.found_nothing):
            told += f"; {100 * row.found_nothing:.0f} % of resyncs find nothing"
        axes.annotate(
            told, (percent[y], y), (4, 0), textcoords="offset points", va="center", fontsize=9, color=_INK, bbox=_BLANK
        )
    axes.set_xlim(0, max(percent.max(initial=0) * 3.1, 1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} %"))
    axes.set_xlabel("dirty entries", fontsize=9.5, color=_INK)
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
    figure, axes = _figure(
        len(traces), "What a resync has to do", "shadow entries derived anew at resync (logarithmic)"
    )
    place = {trace: y for y, trace in enumerate(traces)}
    for trace, y in place.items():
        here = working.propagated[working.trace == trace]
        axes.plot([here.min(), here.max()], [y, y], color=_FAINT, linewidth=3, zorder=1)
        if len(here) > 1:
            middle = np.sqrt(here.min() * here.max())
            told = f"× {here.max() / here.min():.1f}"
            axes.text(middle, y - 0.14, told, ha="center", va="bottom", fontsize=9, color=_INK)
    for i, (name, part) in enumerate(working.groupby("preset", sort=False)):
        axes.scatter(
            part.propagated,
            [place[trace] for trace in part.trace],
            s=52,
            color=_PALETTE[i % len(_PALETTE)],
            marker=_MARKERS[i % len(_MARKERS)],
            label=name,
            zorder=2,
        )
    _rows(axes, traces)
    if traces:
        axes.set_xscale("log")
        axes.set_xlim(working.propagated.min() / 1.8, working.propagated.max() * 1.8)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.1), ncols=3, frameon=False, fontsize=9.5)
    return figure


def resync_work_text(table: pd.DataFrame) -> str:
    """Say what `resync_work` shows."""
    working = table[table.propagated > 0]
    told = [
        f"{trace}: " + ", ".join(f"{row.preset} {row.propagated:,}" for row in part.itertuples())
        for trace, part in working.groupby("trace", sort=False)
    ]
    return f"Dot chart: shadow entries derived anew at resync. {'; '.join(told) or 'No data'}."


def as_svg(figure: Figure) -> bytes:
    """Return a figure as SVG; the same figure gives the same bytes."""
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "oosbench"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def as_png(figure: Figure, dpi: int = 192) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


class Html(str):
    """A piece of HTML that a notebook shows as such."""

    def _repr_html_(self) -> str:
        return str(self)


def as_html(figure: Figure, text: str) -> Html:
    """Return a figure as an ``<img>`` with alternative text, sharp on screens of twice the density."""
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    data = base64.b64encode(as_png(figure)).decode()
    return Html(
        f'<img alt="{html.escape(text, quote=True)}" width="{width}" height="{height}" '
        f'style="max-width: 100%; height: auto; background: white" src="data:image/png;base64,{data}">'
    )

"""A few numbers of several kinds, side by side: published and modelled, say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ._style import FAINT, INK, MARKERS, PALETTE, figure_of_rows, label_rows, legend_below

_APART = 0.15  # rows, from one marker of a row to the next


def pairs(
    names: Iterable[str],
    series: Mapping[str, Iterable[float]],
    title: str,
    subtitle: str,
    style: str,
    logarithmic: bool = False,
    spans: tuple[str, Iterable[float], Iterable[float]] | None = None,
) -> Figure:
    """Draw a row for each name, in it a marker for each series.

    Parameters
    ----------
    names : iterable of str
    series : mapping of str to numbers
        At most five, as many numbers as names; NaN for what is not known.
    title, subtitle : str
    style : str
        How a number is written at the axis.
    logarithmic : bool
    spans : tuple, optional
        A line behind the markers of each row: what it is called, and its ends. Default: from the least to the most.
    """
    names = list(names)
    values = {label: np.asarray(list(numbers), float) for label, numbers in series.items()}
    figure, axes = figure_of_rows(len(names), title, subtitle)
    everything = np.array(list(values.values()))
    called, low, high = spans or (None, np.nanmin(everything, axis=0), np.nanmax(everything, axis=0))
    axes.hlines(range(len(names)), list(low), list(high), color=FAINT, linewidth=3, label=called, zorder=1)
    for i, (label, numbers) in enumerate(values.items()):
        # What is equal stands one below the other.
        y = np.arange(len(names)) + _APART * (i - (len(values) - 1) / 2)
        axes.scatter(numbers, y, s=40, color=PALETTE[i], marker=MARKERS[i], label=label, zorder=2, clip_on=False)
    label_rows(axes, names)
    if logarithmic:
        axes.set_xscale("log")
        wide = np.nanmax(everything) > 100 * np.nanmin(everything)
        axes.xaxis.set_major_locator(LogLocator(numticks=6) if wide else LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
    elif np.nanmin(everything) >= 0:
        axes.set_xlim(left=0)
    else:
        axes.axvline(0, color=INK, linewidth=0.8)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: style.format(x)))
    axes.tick_params(colors=INK)
    legend_below(axes)
    return figure


def pairs_text(names: Iterable[str], series: Mapping[str, Iterable[float]], what: str, style: str) -> str:
    """Say what `pairs` shows."""
    columns = [["not known" if np.isnan(x) else style.format(x) for x in numbers] for numbers in series.values()]
    told = [
        f"{name}: " + ", ".join(f"{label} {x}" for label, x in zip(series, row, strict=True))
        for name, *row in zip(names, *columns, strict=True)
    ]
    return f"Dot chart: {what}. {'; '.join(told)}."

"""A sweep: a number along one axis, or over two."""

from __future__ import annotations

import math

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ._style import FAINT, INK, MARKERS, PALETTE, WIDTH, figure_of_rows, legend_below

_EVEN = 12  # values of an axis up to which each gets the same room
_COLOURS = matplotlib.colormaps["cividis"]
_STYLES = ("-", "--", ":", "-.")


def lines(table: pd.DataFrame, x: str, label: str, style: str) -> Figure:
    """Draw a number along an axis: a colour for each workload, a line for each preset.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.sweeps.metrics.surface` along `x`.
    x : str
    label, style : str
        What the number is called, and how it is written: of `oosbench.sweeps.METRICS`.
    """
    figure, axes = figure_of_rows(8, f"{_sentence(label)} by {x}", _each(table))
    values, place, even = _places(table[x])
    presets = list(dict.fromkeys(table.preset))
    workloads = list(dict.fromkeys(table.workload))
    for (workload, preset), part in table.groupby(["workload", "preset"], sort=False):
        part = part.assign(place=[place[value] for value in part[x]]).sort_values("place")
        i, j = workloads.index(workload), presets.index(preset)
        colour = PALETTE[i % len(PALETTE)]
        if (part.high > part.low).any():
            axes.fill_between(part.place, part.low, part.high, color=colour, alpha=0.13, linewidth=0)
        axes.plot(
            part.place,
            part.value,
            color=colour,
            linestyle=_STYLES[j % len(_STYLES)],
            marker=MARKERS[i % len(MARKERS)],
            markersize=5.5 if even else 3,
            linewidth=1.8 if even else 1,
            label=_series(workload, preset, table),
        )
    deep = _ticks(axes, "x", values, even)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: style.format(y)))
    axes.set_xlabel(x, fontsize=9.5, color=INK)
    if len(table) and table.low.min() >= 0:
        axes.set_ylim(bottom=0)
    if len(table):
        several = len(presets) > 1
        legend_below(axes, ncols=2 if several else 3, labelled=True, dashed=several, deep=deep)
    return figure


def lines_text(table: pd.DataFrame, x: str, label: str, style: str) -> str:
    """Say what `lines` shows."""
    told = []
    for (workload, preset), part in table.groupby(["workload", "preset"], sort=False):
        ends = part.iloc[[part.value.argmin(), part.value.argmax()]]
        least, most = (f"{style.format(row.value)} at {x} {_spell(row[x])}" for _, row in ends.iterrows())
        told.append(f"{_series(workload, preset, table)} from {least} to {most}")
    return f"Line chart: {label} by {x}. {'; '.join(told) or 'No data'}."


def heatmap(table: pd.DataFrame, x: str, y: str, label: str, style: str) -> Figure:
    """Draw a number over two axes: a field for each workload and preset, all on one scale of colours.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.sweeps.metrics.surface` along `x` and `y`.
    x, y : str
    label, style : str
        As for `lines`.
    """
    parts = list(table.groupby(["workload", "preset"], sort=False))
    across = min(max(len(parts), 1), 2)
    down = math.ceil(max(len(parts), 1) / across)
    (xs, x_place, x_even), (ys, y_place, y_even) = _places(table[x]), _places(table[y])
    high = 0.9 + (0.34 * min(max(len(ys), 3), 12) if y_even else 3.0)
    figure = Figure(figsize=(WIDTH, 0.8 + high * down), dpi=96, layout="constrained")
    figure.suptitle(f"{_sentence(label)} by {x} and {y}", x=0.01, ha="left", fontsize=12, color=INK, fontweight="bold")
    fields = figure.subplots(down, across, squeeze=False).ravel()
    low, top = (table.value.min(), table.value.max()) if len(table) else (0, 1)
    scale = matplotlib.colors.Normalize(low, top if top > low else low + 1)
    for axes, ((workload, preset), part) in zip(fields, parts, strict=False):
        at = [x_place[value] for value in part[x]], [y_place[value] for value in part[y]]
        if x_even and y_even:
            cells = np.full((len(ys), len(xs)), np.nan)
            cells[at[1], at[0]] = part.value
            axes.imshow(cells, cmap=_COLOURS, norm=scale, aspect="auto", origin="lower")
            _write(axes, cells, scale, style, across)
        else:
            axes.scatter(*at, c=part.value, cmap=_COLOURS, norm=scale, s=34, edgecolor="white", linewidth=0.4)
        _ticks(axes, "x", xs, x_even, across)
        _ticks(axes, "y", ys, y_even)
        axes.set_title(_series(workload, preset, table), loc="left", fontsize=9.5, color=INK)
        axes.set_xlabel(x, fontsize=9.5, color=INK)
        axes.set_ylabel(y, fontsize=9.5, color=INK)
        axes.tick_params(colors=INK, length=0, labelsize=9.5)
        axes.spines[:].set_visible(False)
    for axes in fields[len(parts) :]:
        axes.set_visible(False)
    colours = matplotlib.cm.ScalarMappable(scale, _COLOURS)
    bar = figure.colorbar(colours, ax=list(fields), format=FuncFormatter(lambda v, _: style.format(v)), pad=0.02)
    bar.ax.tick_params(colors=INK, length=0, labelsize=9)
    bar.outline.set_visible(False)
    return figure


def heatmap_text(table: pd.DataFrame, x: str, y: str, label: str, style: str) -> str:
    """Say what `heatmap` shows."""
    told = []
    for (workload, preset), part in table.groupby(["workload", "preset"], sort=False):
        ends = part.iloc[[part.value.argmin(), part.value.argmax()]]
        least, most = (
            f"{style.format(row.value)} at {x} {_spell(row[x])}, {y} {_spell(row[y])}" for _, row in ends.iterrows()
        )
        told.append(f"{_series(workload, preset, table)} from {least} to {most}")
    return f"Heat map: {label} by {x} and {y}. {'; '.join(told) or 'No data'}."


def _sentence(label: str) -> str:
    return label[:1].upper() + label[1:]


def _series(workload: str, preset: str, table: pd.DataFrame) -> str:
    """Return what tells a series from the others: the workload, the preset, or both."""
    several = [name for name, column in ((workload, "workload"), (preset, "preset")) if table[column].nunique() > 1]
    return ", ".join(several) or f"{workload}, {preset}"


def _each(table: pd.DataFrame) -> str:
    most = int(table.points.max()) if len(table) else 1
    return f"each the mean of {most} points; bands: from the least to the most" if most > 1 else "each one point"


def _places(values: pd.Series) -> tuple[list, dict, bool]:
    """Return the values of an axis, numbers in order and words as given; where each stands; whether it is by rank."""
    found = sorted(values.unique(), key=lambda value: (1, 0) if isinstance(value, str) else (0, value))
    words = any(isinstance(value, str | bool | np.bool_) for value in found)
    even = words or len(found) <= _EVEN
    return found, {value: i if even else value for i, value in enumerate(found)}, even


def _ticks(axes: Axes, side: str, values: list, even: bool, across: int = 1) -> int:
    """Label an axis; return how many lines that takes, for labels too long to stand beside each other."""
    if not even:
        return 1
    told = [_spell(value) for value in values]
    room = (WIDTH - 1.2) / across / len(told) if told else WIDTH  # inches
    longest = 0.09 * (2 + max(map(len, told), default=0))
    lines = math.ceil(longest / room) if side == "x" else 1
    getattr(axes, f"set_{side}ticks")(range(len(told)), [i % lines * "\n" + word for i, word in enumerate(told)])
    return lines


def _spell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value:g}"


def _write(axes: Axes, cells: np.ndarray, scale: matplotlib.colors.Normalize, style: str, across: int) -> None:
    """Write the numbers into their cells, if there is room."""
    if cells.shape[1] * across > 12:
        return
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value):
            dark = scale(value) < 0.5
            told = style.format(value)
            axes.text(column, row, told, ha="center", va="center", fontsize=8, color="white" if dark else "black")

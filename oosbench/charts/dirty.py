"""What content passes find: how much is dirty, why they were made, in how many runs it lies, how old the table is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullLocator

from ..machine.dirty import SHARES, against, bin_name, by_cause, steps, structure
from ._style import FAINT, INK, MARKERS, PALETTE, WIDTH, figure_of_rows

_LINES = ("-", "--", "-.", ":")
_LEGEND = {"frameon": False, "fontsize": 9.5, "handlelength": 3}
_HATCHES = ("", "..", "//", "xx")
_COLOURS = (FAINT, PALETTE[0], PALETTE[2], PALETTE[1])
_MORE = {"age": "events since the table went out of sync", "writes": "stores that it took without an exit"}


def _look(i: int) -> dict[str, object]:
    """Return what the i-th recording looks like: colour, line and marker."""
    return {"color": PALETTE[i % 5], "marker": MARKERS[i % 5], "linestyle": _LINES[i % 4], "linewidth": 1.6}


def _percent(axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.0f} %"))


def _plain(axes: Axes) -> None:
    """Take away what distracts."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=INK, length=0, labelsize=9)
    axes.set_axisbelow(True)


def _multiples(count: int, row: float, title: str, subtitle: str) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many axes, two beside each other, each row of a height in inches."""
    rows = max(-(-count // 2), 1)
    figure = Figure(figsize=(WIDTH, 0.75 + row * rows), dpi=96, layout="constrained")
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=12, color=INK, fontweight="bold")
    figure.text(0.01, 1 - 0.38 / figure.get_figheight(), subtitle, va="center", fontsize=9.5, color=INK)
    every = figure.subplots(rows, 2, squeeze=False).ravel().tolist()
    for axes in every[count:]:
        axes.set_axis_off()
    return figure, every[:count]


# --- how much ------------------------------------------------------------------------------------------------------


def dirty_ecdf(passes: pd.DataFrame) -> Figure:
    """Draw for each recording which share of its passes found at most so much dirty.

    Parameters
    ----------
    passes : DataFrame
        From `oosbench.machine.dirty.chosen`.
    """
    figure, axes = figure_of_rows(
        6, "How much one pass finds dirty", "share of passes in which at most so much of what was compared is dirty"
    )
    lines = steps(passes)
    for i, (name, part) in enumerate(lines.groupby("trace", sort=False)):
        x, y = np.append(part.ratio, 1.0), np.append(part.passes, 1.0)
        # A marker at every tenth of the axis, beginning a little later for each line.
        at = np.unique(np.searchsorted(x, np.arange(0.02 * i, 1, 0.1), side="right").clip(1) - 1)
        axes.step(x, y, where="post", label=name, markevery=at.tolist(), markersize=5, **_look(i))
    axes.set_xlim(-0.005, 1)
    axes.set_ylim(0, 1.03)
    axes.tick_params(pad=7)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    _percent(axes.xaxis)
    _percent(axes.yaxis)
    axes.set_xlabel("dirty, of the entries compared", fontsize=9.5, color=INK)
    axes.set_ylabel("passes", fontsize=9.5, color=INK)
    if len(passes):
        axes.legend(loc="lower right", **_LEGEND)
    return figure


def dirty_ecdf_text(passes: pd.DataFrame) -> str:
    """Say what `dirty_ecdf` shows."""
    told = [
        f"{name} {(part.ratio == 0).mean():.0%} find nothing, nine in ten at most {part.ratio.quantile(0.9):.0%}"
        for name, part in passes.groupby("trace", sort=False)
    ]
    return f"Distribution of the share of dirty entries by pass: {'; '.join(told) or 'no data'}."


# --- why -----------------------------------------------------------------------------------------------------------


def dirty_causes(passes: pd.DataFrame) -> Figure:
    """Draw for each recording and cause which share of its passes found nothing, a little, or much dirty.

    Parameters
    ----------
    passes : DataFrame
        From `oosbench.machine.dirty.chosen`.
    """
    counts = by_cause(passes)
    parts = list(counts.groupby("trace", sort=False))
    most = max((len(part) for _, part in parts), default=1)
    figure, every = _multiples(
        len(parts), 0.75 + 0.3 * most, "Why passes are made, and what they find", "share of the passes of each cause"
    )
    for axes, (name, part) in zip(every, parts, strict=True):
        y, left = np.arange(len(part)), np.zeros(len(part))
        for share, colour, hatch in zip(SHARES, _COLOURS, _HATCHES, strict=True):
            width = (part[share] / part.passes).to_numpy()
            axes.barh(y, width, left=left, height=0.66, color=colour, hatch=hatch, edgecolor="white", label=share)
            left += width
        axes.set_yticks(y, [f"{row.cause}  ({row.passes:,})" for row in part.itertuples()])
        axes.set_ylim(most - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_locator(MultipleLocator(0.5))
        _percent(axes.xaxis)
        axes.set_title(name, loc="left", fontsize=9.5, color=INK)
        _plain(axes)
    if every:
        figure.legend(
            *every[0].get_legend_handles_labels(), loc="outside lower left", ncols=4, alignment="left",
            title="dirty, of what was compared", title_fontsize=9.5, frameon=False, fontsize=9.5,
        )  # fmt: skip
    return figure


def dirty_causes_text(passes: pd.DataFrame) -> str:
    """Say what `dirty_causes` shows."""
    told = [
        f"{name}: "
        + ", ".join(
            f"{row.cause} {row.passes:,} passes, {row.nothing / row.passes:.0%} nothing" for row in part.itertuples()
        )
        for name, part in by_cause(passes).groupby("trace", sort=False)
    ]
    return f"Bar charts of how much passes find dirty, by cause. {'; '.join(told) or 'No data'}."


# --- in how many runs ----------------------------------------------------------------------------------------------


def dirty_runs(passes: pd.DataFrame) -> Figure:
    """Draw for each recording how many dirty entries there are in how many runs of adjacent ones.

    Parameters
    ----------
    passes : DataFrame
        From `oosbench.machine.dirty.chosen`.
    """
    import seaborn as sns  # for this chart alone

    blues = sns.light_palette(PALETTE[0], as_cmap=True)
    counts = structure(passes)
    parts = list(counts.groupby("trace", sort=False))
    top, side = (int(counts[of].max()) if len(counts) else 0 for of in ("dirty", "runs"))
    figure, every = _multiples(
        len(parts),
        0.85 + 0.2 * (side + 1),
        "How dirty entries lie",
        "passes with so many dirty entries, in so many runs",
    )
    for axes, (name, part) in zip(every, parts, strict=True):
        grid = part.pivot(index="runs", columns="dirty", values="passes")
        grid = grid.reindex(index=range(side, -1, -1), columns=range(top + 1))
        shown = np.log(grid.astype(float))  # a few cells hold nearly all
        told = grid.map(lambda n: "" if np.isnan(n) else f"{n:,.0f}").to_numpy()
        sns.heatmap(
            shown, ax=axes, cmap=blues, vmin=-0.7, annot=told, fmt="", annot_kws={"fontsize": 7}, cbar=False,
            xticklabels=[bin_name(k) for k in grid.columns], yticklabels=[bin_name(k) for k in grid.index],
            linewidths=0.5, linecolor=FAINT,
        )  # fmt: skip
        axes.set_xticks(axes.get_xticks(), axes.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor")
        axes.tick_params(axis="y", rotation=0)
        axes.set_xlabel("dirty entries", fontsize=9, color=INK)
        axes.set_ylabel("runs", fontsize=9, color=INK)
        axes.set_title(name, loc="left", fontsize=9.5, color=INK)
        axes.tick_params(colors=INK, length=0, labelsize=7.5)
    return figure


def dirty_runs_text(passes: pd.DataFrame) -> str:
    """Say what `dirty_runs` shows."""
    told = []
    for name, part in passes[passes.dirty > 0].groupby("trace", sort=False):
        alone = (part.runs == 1).mean()
        told.append(
            f"{name} {len(part):,} passes, {alone:.0%} one run, {part.dirty.sum() / part.runs.sum():.1f} entries a run"
        )
    return f"Heat maps of dirty entries against runs of adjacent ones: {'; '.join(told) or 'no data'}."


# --- against what --------------------------------------------------------------------------------------------------


def dirty_against(passes: pd.DataFrame) -> Figure:
    """Draw how many entries were dirty, against the age of the table and against the stores it took.

    Parameters
    ----------
    passes : DataFrame
        From `oosbench.machine.dirty.chosen`.
    """
    figure, every = _multiples(
        2, 3.1, "Older tables, and tables stored to more often", "dirty entries of a pass, mean of five passes or more"
    )
    for axes, (what, label) in zip(every, _MORE.items(), strict=True):
        for i, (name, part) in enumerate(against(passes, what).groupby("trace", sort=False)):
            axes.plot(part.up_to, part.dirty, label=name, markersize=4.5, **_look(i))
        axes.set_xscale("log", base=2)
        axes.set_yscale("symlog", base=2, linthresh=1)
        axes.set_ylim(0, 2 ** np.ceil(np.log2(axes.get_ylim()[1])))
        axes.xaxis.set_major_locator(LogLocator(2, numticks=8))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.set_xlabel(f"up to so many {label}", fontsize=9, color=INK)
        axes.grid(color=FAINT, linewidth=0.6)
        _plain(axes)
    every[0].set_ylabel("dirty entries", fontsize=9.5, color=INK)
    if len(passes):
        named = every[0].get_legend_handles_labels()
        figure.legend(*named, loc="outside lower left", ncols=5, **_LEGEND)
    return figure


def dirty_against_text(passes: pd.DataFrame) -> str:
    """Say what `dirty_against` shows."""
    told = []
    for name, part in passes.groupby("trace", sort=False):
        varied = [what for what in _MORE if part[what].nunique() > 1 and part.dirty.nunique() > 1]
        related = [f"{part[what].corr(part.dirty, 'spearman'):.2f} with {what}" for what in varied]
        told.append(f"{name} {', '.join(related) or 'always the same'}")
    return f"Line charts of dirty entries. Rank correlation with age and with stores: {'; '.join(told) or 'no data'}."

"""What all charts look like."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

WIDTH = 7.2  # inches: 691 pixels at 96 dpi, which fits a page of 760
_ROW = 0.42  # inches a row of a chart takes
_LONG = 40  # characters of a name beside a chart

# The colours of seaborn's colour-blind palette that stand out against white by 3:1 or more.
PALETTE = [to_rgb(colour) for colour in ("#0173b2", "#d55e00", "#029e73", "#cc78bc", "#949494")]
MARKERS = "osD^v"
INK, FAINT = "#333333", "#d0d0d0"
# Those of the page that a chart stands in, dark or light; for what is drawn as SVG by hand.
PAGE_INK, PAGE_FAINT = f"var(--jp-ui-font-color1, {INK})", f"var(--jp-border-color2, {FAINT})"
BLANK = {"facecolor": "white", "edgecolor": "none", "pad": 1}


def figure_of_rows(rows: int, title: str, subtitle: str) -> tuple[Figure, Axes]:
    """Return a figure with room for so many rows, and its axes, in the style of all charts."""
    height = 1.55 + _ROW * max(rows, 2)
    figure = Figure(figsize=(WIDTH, height), dpi=96, layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"{title}\n", loc="left", fontsize=12, color=INK, fontweight="bold")
    axes.annotate(
        subtitle, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", fontsize=9.5, color=INK
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=INK, length=0, labelsize=9.5)
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def legend_below(axes: Axes, ncols: int = 3, labelled: bool = False, dashed: bool = False, deep: int = 1) -> None:
    """Put the legend below the axes, as far from them however tall they are.

    `labelled` if the axis has a label; `dashed` if lines differ in their dashes, which takes room to be seen; `deep` is
    how many lines the labels of its ticks take.
    """
    down = ScaledTranslation(0, (-0.46 if labelled else -0.28) - 0.15 * (deep - 1), axes.figure.dpi_scale_trans)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(-0.02, 0),
        bbox_transform=axes.transAxes + down,
        ncols=ncols,
        handlelength=3.6 if dashed else None,
        frameon=False,
        fontsize=9.5,
    )


def shortened(name: str) -> str:
    """Return the end of a name that would leave no room for the chart: paths may be long."""
    return name if len(name) <= _LONG else f"…{name[1 - _LONG :]}"


def label_rows(axes: Axes, names: list[str]) -> None:
    """Label the rows, the first on top."""
    axes.set_yticks(range(len(names)), map(shortened, names))
    axes.set_ylim(len(names) - 0.45, -0.55)

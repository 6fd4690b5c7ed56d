"""How fast the engine is, and how that changes as things grow."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from ._style import FAINT, INK, MARKERS, PALETTE, WIDTH
from .pairs import pairs, pairs_text

_UNITS = {"events": "events", "memory": "guest memory, GiB", "vcpus": "vCPUs", "slots": "slots a vCPU"}


def _rows(traces: pd.DataFrame) -> tuple[list[str], dict[str, pd.Series]]:
    names = [f"{row.trace} · {row.preset}" for row in traces.itertuples()]
    return names, {"oosbench": traces.walks_per_event, "original C code": traces.original_walks}


def speed(traces: pd.DataFrame) -> Figure:
    """Draw what an event costs in yardstick walks, and what it cost the original C code.

    Parameters
    ----------
    traces : DataFrame
        `oosbench.speed.Bench.traces`.
    """
    names, series = _rows(traces)
    subtitle = "an event, in walks of a yardstick timed beside it"
    return pairs(names, series, "How fast the engine is", subtitle, "{:g}")


def speed_text(traces: pd.DataFrame) -> str:
    """Say what `speed` shows."""
    names, series = _rows(traces)
    return pairs_text(names, series, "yardstick walks an event", "{:.1f}")


def growth(found: pd.DataFrame) -> Figure:
    """Draw the cost of an event, and memory, against what grows.

    Parameters
    ----------
    found : DataFrame
        From `oosbench.speed.growth`; a panel for each axis.
    """
    axes_of = list(dict.fromkeys(found.axis))
    figure = Figure(figsize=(WIDTH, 0.6 + 2.2 * len(axes_of)), dpi=96, layout="constrained")
    figure.suptitle("What an event costs as things grow", x=0.01, ha="left", fontsize=12, color=INK, fontweight="bold")
    for axes, name in zip(figure.subplots(len(axes_of), 1, squeeze=False)[:, 0], axes_of, strict=True):
        here = found[found.axis == name]
        axes.plot(here.value, here.ns_per_event, color=PALETTE[0], marker=MARKERS[0], clip_on=False)
        axes.set_xscale("log", base=10 if name == "events" else 2)
        axes.set_ylim(0, 1.25 * here.ns_per_event.max())
        spelled = EngFormatter() if name == "events" else "{:,}".format
        axes.set_xticks(here.value, [spelled(x) for x in here.value])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
        axes.set_ylabel("ns an event", fontsize=9.5, color=INK)
        axes.set_xlabel(_UNITS[name], fontsize=9.5, color=INK)
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(FAINT)
        axes.tick_params(colors=INK, length=0, labelsize=9.5)
    return figure


def growth_text(found: pd.DataFrame) -> str:
    """Say what `growth` shows."""
    told = []
    for name, here in found.groupby("axis", sort=False):
        points = ", ".join(f"{row.value:,}: {row.ns_per_event:.0f}" for row in here.itertuples())
        told.append(f"{_UNITS[name]}: {points}")
    return f"Line charts: ns an event. {'; '.join(told)}."

"""The files of the main job, of a sweep and of a published figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..output import whole_files
from ..shadow import counters as ctr
from ..sweeps import METRICS
from ..sweeps.metrics import surface, varied

if TYPE_CHECKING:  # drawing is loaded by what draws
    from matplotlib.figure import Figure


def write_comparison(folder: Path, table: pd.DataFrame, counters: pd.DataFrame, resyncs: pd.DataFrame) -> list[Path]:
    """Write tables and charts into a folder; return the files.

    ``summary.csv`` is the table, ``counters.csv`` every counter (long form: trace, preset, group, counter,
    value), ``resyncs.csv`` every content pass. The charts come as SVG and PNG.
    """
    from .. import charts

    group = {name: kind for kind in ("perfc", "oracle", "model") for name in getattr(ctr, kind.upper())}
    long = counters.melt(["trace", "preset"], var_name="counter", value_name="value")
    long.insert(2, "group", long.counter.map(group))
    contents = {
        "summary.csv": table.to_csv(index=False).encode(),
        "counters.csv": long.to_csv(index=False).encode(),
        "resyncs.csv": resyncs.to_csv(index=False).encode(),
    }
    for name, draw in (("dirty_ratio", charts.dirty_ratio), ("resync_work", charts.resync_work)):
        contents |= _pictures(name, draw(table))
    return _write(folder, contents)


def sweep_chart(frame: pd.DataFrame, name: str, along: Sequence[str]) -> tuple[Figure, str]:
    """Return the chart of a metric along one axis or over two, and what it says.

    Parameters
    ----------
    frame : DataFrame
        From `oosbench.sweep`.
    name : str
        Of `oosbench.sweeps.METRICS`.
    along : sequence of str
        One axis, or two.

    Raises
    ------
    DesignError
        If there is no such metric, or no such axis.
    """
    from .. import charts

    drawn = surface(frame, name, along)
    told = (*along, METRICS[name].about, METRICS[name].style)
    if len(along) == 2:
        return charts.heatmap(drawn, *told), charts.heatmap_text(drawn, *told)
    return charts.lines(drawn, *told), charts.lines_text(drawn, *told)


def write_sweep(folder: Path, frame: pd.DataFrame, table: pd.DataFrame) -> list[Path]:
    """Write the tables of a sweep, and a chart of every metric, into a folder; return the files.

    ``points.csv`` has every axis and counter, ``summary.csv`` what varies and every metric. The charts are drawn along
    the first axis that varies, or over the first two.
    """
    contents = {"points.csv": frame.to_csv(index=False).encode(), "summary.csv": table.to_csv(index=False).encode()}
    along = [axis for axis in varied(frame) if axis != "seed"][:2]
    for name in METRICS if along else ():
        figure, _ = sweep_chart(frame, name, along)
        contents |= _pictures(name, figure)
    return _write(folder, contents)


def write_figure(folder: Path, name: str, figure: Figure, table: pd.DataFrame) -> list[Path]:
    """Write a figure as SVG and PNG, and the table behind it, into a folder; return the files."""
    return _write(folder, {f"{name}.csv": table.to_csv(index=False).encode()} | _pictures(name, figure))


def _pictures(name: str, figure: Figure) -> dict[str, bytes]:
    from .. import charts

    return {f"{name}.svg": charts.as_svg(figure), f"{name}.png": charts.as_png(figure)}


def _write(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write files into a folder; none takes its place before all are written."""
    paths = [folder / name for name in contents]
    with whole_files(paths) as files:
        for file, data in zip(files, contents.values(), strict=True):
            file.write(data)
    return paths

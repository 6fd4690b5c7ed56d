"""What to look at in a sweep: one number for each of its points, and tables of that for charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..costs import Processor, processor
from ..costs.primitives import counted
from ..errors import DesignError
from ..presets import DEFAULT, axes, preset

PROCESSOR = "Core 2 6420"  # whose prices are taken if nobody says otherwise
_OF_SNAPSHOT = ("snapshot", "lazy_snapshot", "line_compare")  # the axes that are nothing without a snapshot


class Metric(NamedTuple):
    """Something to look at.

    Attributes
    ----------
    about : str
    style : str
        How its numbers are written.
    of : callable
        From counters (a column each) and a processor to one number per row; NaN where it makes no sense.
    """

    about: str
    style: str
    of: Callable[[pd.DataFrame, Processor], pd.Series]


def _counter(name: str) -> Callable[[pd.DataFrame, Processor], pd.Series]:
    return lambda frame, of: frame[name]


def _dirty_ratio(frame: pd.DataFrame, of: Processor) -> pd.Series:
    return (frame.resync_dirty / frame.resync_compared).where(frame.snapshot_copies > 0)


def _cycles(frame: pd.DataFrame, of: Processor) -> pd.Series:
    happened = pd.DataFrame(counted(frame, frame.vcpus))
    return happened @ of.vector(happened.columns)


def _saved(frame: pd.DataFrame, of: Processor) -> pd.Series:
    cycles = _cycles(frame, of)
    same = ["guest", *(axis for axis in axes(preset(DEFAULT)) if axis not in _OF_SNAPSHOT)]
    without = frame[same].assign(without=cycles)[frame.snapshot == "off"].drop_duplicates(same)
    before = frame[same].merge(without, "left", same).without.set_axis(frame.index)
    return (1 - cycles / before).where(frame.snapshot != "off")


#: By name.
METRICS = {
    "dirty_ratio": Metric("dirty, of all entries compared", "{:.1%}", _dirty_ratio),
    "resyncs": Metric("resyncs", "{:,.0f}", _counter("shadow_resync")),
    "compared": Metric("entries compared at resync", "{:,.0f}", _counter("resync_compared")),
    "propagated": Metric("entries derived anew at resync", "{:,.0f}", _counter("resync_propagated")),
    "evictions": Metric("tables that lost their slot to another", "{:,.0f}", _counter("shadow_unsync_evict")),
    "emulated_writes": Metric("emulated writes", "{:,.0f}", _counter("emul_writes")),
    "faults": Metric("page faults taken by the hypervisor", "{:,.0f}", _counter("shadow_fault")),
    "cycles": Metric("cycles of all that shadow paging does", "{:,.3g}", _cycles),
    "saved": Metric("cycles saved, of those without a snapshot", "{:.1%}", _saved),
}


def metric(frame: pd.DataFrame, name: str, of: str | Processor = PROCESSOR) -> pd.Series:
    """Return a metric of each point.

    Parameters
    ----------
    frame : DataFrame
        From `oosbench.sweep` or `Store.frame`.
    name : str
        Of `METRICS`. "saved" sets each point against the one without a snapshot (``oos-fixups``) that is alike in
        everything else, so the sweep must have that preset too.
    of : str or Processor
        Whose prices "cycles" and "saved" are in.

    Returns
    -------
    Series of float
        NaN for points that failed, and where there is no such number.

    Raises
    ------
    DesignError
        If there is no such metric.
    """
    if name not in METRICS:
        raise DesignError(f"there is no metric {name!r}; there are {', '.join(METRICS)}")
    of, right = processor(of), frame[frame.error == ""]
    if right.empty:  # there are no counters
        return pd.Series(np.nan, frame.index, name=name)
    counted = {column: column.removesuffix("_counted") for column in right if column.endswith("_counted")}
    found = METRICS[name].of(right.drop(columns=list(counted.values())).rename(columns=counted), of)
    return found.astype(float).replace([np.inf, -np.inf], np.nan).reindex(frame.index).rename(name)


def surface(frame: pd.DataFrame, name: str, along: Sequence[str], of: str | Processor = PROCESSOR) -> pd.DataFrame:
    """Return a metric by workload, preset, and the axes it is to be drawn along.

    Returns
    -------
    DataFrame
        Columns workload, preset, those of `along`, then value (the mean), low, high and points, of all points that are
        alike in them: of several seeds, say. Rows of which nothing is known are left out.

    Raises
    ------
    DesignError
        If the sweep has no such axis, there is no such metric, or points of several versions of oosbench are mixed.
    """
    for axis in along:
        if axis not in frame:
            raise DesignError(f"this sweep has no axis {axis!r}")
    made_by = frame["oosbench"].unique() if "oosbench" in frame else ()
    if len(made_by) > 1:
        raise DesignError(f"these points are of {len(made_by)} versions: {', '.join(made_by)}; choose those of one")
    by = ["workload", "preset", *along]
    values = frame[by].assign(value=metric(frame, name, of)).dropna(subset="value")
    found = values.groupby(by, sort=False, dropna=False).value
    return found.agg(value="mean", low="min", high="max", points="size").reset_index()


def varied(frame: pd.DataFrame) -> list[str]:
    """Return the axes and parameters that are not the same in all points of a workload and preset."""
    told = [
        name for name in frame.columns[: frame.columns.get_loc("error")] if name not in ("workload", "preset", "guest")
    ]
    several = frame.groupby(["workload", "preset"], sort=False)[told].nunique().max()
    return [name for name in told if several[name] > 1]


def summary(frame: pd.DataFrame, of: str | Processor = PROCESSOR) -> pd.DataFrame:
    """Return a table to read: workload, preset, what varies, every metric, and the error of points that failed."""
    told = frame[["workload", "preset", *varied(frame)]]
    table = told.assign(**{name: metric(frame, name, of) for name in METRICS})
    return table.assign(error=frame.error) if frame.error.ne("").any() else table

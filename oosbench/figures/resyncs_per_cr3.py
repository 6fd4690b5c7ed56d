"""Resyncs per CR3 load, in the rows of xenalyze, so that a real dump can be laid beside.

Counted is what xenalyze counts (`shadow_resync_process`, `hvm_cr_write_postprocess`): the records RESYNC_FULL and
RESYNC_ONLY between the exit for a CR3 load and the entry after it. So a page brought back into sync counts, and so does
one of another vCPU that is refreshed and stays out of sync; what an eviction, a fault or the linking of a table brings
back between two loads does not. xenalyze prints a row for 0 to 16 and one for more; with three slots a vCPU there can
be at most three of its own, and three for each other vCPU.

The recordings have one vCPU; two generated guests have two, a process each or one that they share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .. import recordings
from ..charts import pairs, pairs_text
from ..guests import generate
from ..machine import Result, run_each
from ..traces.events import CR3
from .published import value

CALIBRATED = "nothing"
PREDICTED = "the whole histogram"
TRUST = "primary for the rows (xenalyze); no histogram was published"
MISSES = "nobody published such a histogram: there is nothing to compare with but one's own dump"

_EVENTS = 60_000


def most() -> int:
    """Return RESYNCS_MAX of xenalyze: from so many on it counts no further."""
    return int(value("xen-par-13"))


def histogram(result: Result) -> np.ndarray:
    """Return how many CR3 loads had so many resyncs: 0, 1, … and in the last place `most` or more.

    Returns
    -------
    int64[18]
        Their sum is the number of CR3 loads.
    """
    events = result.trace.events
    loads = events.line[events.op == CR3]
    each = pd.Series(result.resyncs.line).value_counts().reindex(loads, fill_value=0).to_numpy()
    return np.bincount(np.minimum(each, most()), minlength=most() + 1)


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per guest: CR3 loads by resyncs, columns "0" to "16" and "17+"."""
    two = [
        replace(generate(family, _EVENTS, vcpus=2, seed=1), name=f"{family}, 2 vCPUs")
        for family in ("fork_exec", "threads")
    ]
    guests = [*recordings.studied(), *two]
    columns = [*map(str, range(most())), f"{most()}+"]
    rows = []
    for i, result in enumerate(run_each(guests, ["oos-snapshot"])):
        rows.append({"guest": result.trace.name} | dict(zip(columns, histogram(result).tolist(), strict=True)))
        if progress is not None:
            progress(i + 1, len(guests))
    return pd.DataFrame(rows)


def _series(frame: pd.DataFrame) -> tuple[list[str], dict[str, pd.Series]]:
    wide = frame.set_index("guest")
    share = 100 * wide.div(wide.sum(axis=1), axis=0)
    parts = {"none": share["0"], "1": share["1"], "2": share["2"], "3": share["3"]}
    return list(wide.index), parts | {"more": share.iloc[:, 4:].sum(axis=1)}


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the share of CR3 loads by the number of resyncs."""
    return pairs(
        *_series(frame),
        "Resyncs per CR3 load",
        "share of CR3 loads, by the pages that the load brings up to date",
        "{:g} %",
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    return pairs_text(*_series(frame), "CR3 loads by resyncs", "{:.1f} %")

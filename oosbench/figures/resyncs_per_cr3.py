"""Resyncs per CR3 load, in the 17 buckets of xenalyze, so that a real dump can be laid beside.

Counted are pages brought back into sync, for whatever cause, from one CR3 load of a vCPU (left out) to the next one of
the same (included), by the vCPU that did it; the last bucket is 16 and more. xenalyze counts RESYNC_FULL records so.
Refreshes of pages that stay out of sync are no resyncs. Nobody published such a histogram: there is nothing to compare
with but one's own dump. With three slots a load itself brings at most three pages back.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .. import recordings
from ..charts import pairs, pairs_text
from ..events import CR3
from ..experiment import run_each
from ..result import Result

CALIBRATED = "nothing"
PREDICTED = "the whole histogram"
TRUST = "primary for the buckets (xenalyze); no histogram was published"

BUCKETS = 17  # xen-par-13


def histogram(result: Result) -> np.ndarray:
    """Return how many CR3 loads fall into each bucket.

    Returns
    -------
    int64[17]
        Their sum is the number of CR3 loads.
    """
    events = result.trace.events
    found = np.zeros(BUCKETS, np.int64)
    passes = result.resyncs[~result.resyncs.stays_oos]
    for v in range(result.trace.vcpus):
        loads = events.line[(events.op == CR3) & (events.vcpu == v)]
        mine = passes.line[passes.vcpu == v].to_numpy()
        interval = np.searchsorted(loads, mine)  # of the load at this line or the next after it
        each = np.bincount(interval[interval < len(loads)], minlength=len(loads))
        found += np.bincount(np.minimum(each, BUCKETS - 1), minlength=BUCKETS)
    return found


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per recording: CR3 loads by resyncs, columns "0" to "15" and "16+"."""
    names = recordings.bundled().index
    columns = [*map(str, range(BUCKETS - 1)), f"{BUCKETS - 1}+"]
    rows = []
    for i, result in enumerate(run_each(names, ["oos-snapshot"])):
        rows.append({"recording": result.trace.name} | dict(zip(columns, histogram(result).tolist(), strict=True)))
        if progress is not None:
            progress(i + 1, len(names))
    return pd.DataFrame(rows)


def _series(frame: pd.DataFrame) -> tuple[list[str], dict[str, pd.Series]]:
    wide = frame.set_index("recording")
    share = 100 * wide.div(wide.sum(axis=1), axis=0).T
    used = share.index[: max(np.flatnonzero(share.sum(axis=1))) + 1]
    return list(used), {name: share.loc[used, name] for name in share}


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the share of CR3 loads by the number of resyncs."""
    return pairs(
        *_series(frame),
        "Resyncs per CR3 load",
        "share of CR3 loads, by pages brought back since the one before",
        "{:g} %",
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    wide = frame.set_index("recording")
    none = 100 * wide["0"] / wide.sum(axis=1)
    return pairs_text(list(wide.index), {"no resync": none}, "CR3 loads", "{:.0f} %")

"""What content passes find, counted: by recording, by cause, by run structure, by age.

A *pass* is a row of `oosbench.resyncs_frame`: a look at a table that was out of sync. Frame in, tidy frame out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..shadow.content import CAUSES as CAUSES

ALL = "all"
#: How much of what a pass compared was dirty: from more than the number before, up to this one.
SHARES = {"nothing": 0.0, "up to 5 %": 0.05, "up to 25 %": 0.25, "more": 1.0}


def chosen(resyncs: pd.DataFrame, cause: str = ALL, compared: int = 1) -> pd.DataFrame:
    """Return the passes to look at, each with its share of dirty entries in a column ``ratio``.

    Parameters
    ----------
    resyncs : DataFrame
        From `oosbench.resyncs_frame`.
    cause : str
        One of `CAUSES`, or "all".
    compared : int
        How many entries a pass has to have compared, at least 1: a pass without any has no share.

    Raises
    ------
    ValueError
        If there is no such cause.
    """
    if cause not in (ALL, *CAUSES):
        raise ValueError(f"no cause {cause!r}; there are {', '.join((ALL, *CAUSES))}")
    rows = resyncs[resyncs.compared >= max(compared, 1)]
    if cause != ALL:
        rows = rows[rows.cause == cause]
    return rows.assign(ratio=rows.dirty / rows.compared).reset_index(drop=True)


def table(passes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per trace and cause, and one for all causes of a trace that has several.

    Parameters
    ----------
    passes : DataFrame
        From `chosen`.

    Returns
    -------
    DataFrame
        Columns: trace, cause, passes, found_nothing (share of them), compared, dirty, dirty_ratio, and of those that
        found something dirty: runs (a pass, mean), run (length, mean), age and writes (median).
    """
    rows = []
    for trace, part in passes.groupby("trace", sort=False):
        causes = [cause for cause in CAUSES if (part.cause == cause).any()]
        parts = [(cause, part[part.cause == cause]) for cause in causes]
        rows += [_row(trace, *one) for one in ([(ALL, part)] if len(parts) > 1 else []) + parts]
    return pd.DataFrame(rows, columns=list(_row("", ALL, passes[:0])))


def _row(trace: str, cause: str, part: pd.DataFrame) -> dict[str, object]:
    found = part[part.dirty > 0]
    return {
        "trace": trace,
        "cause": cause,
        "passes": len(part),
        "found_nothing": (part.dirty == 0).mean(),
        "compared": int(part.compared.sum()),
        "dirty": int(part.dirty.sum()),
        "dirty_ratio": part.dirty.sum() / part.compared.sum() if len(part) else np.nan,
        "runs": found.runs.mean(),
        "run": found.dirty.sum() / found.runs.sum() if len(found) else np.nan,
        "age": found.age.median(),
        "writes": found.writes.median(),
    }


def by_cause(passes: pd.DataFrame) -> pd.DataFrame:
    """Return how many passes of each trace and cause found how much.

    Returns
    -------
    DataFrame
        Columns: trace, cause, passes, and one for each of `SHARES`.
    """
    edges = [-1.0, *SHARES.values()]
    share = pd.cut(passes.ratio, edges, labels=list(SHARES))
    keys = [passes.trace, passes.cause.astype(str)]
    counts = pd.crosstab(keys, share, dropna=False).reindex(columns=list(SHARES), fill_value=0)
    counts.columns = list(SHARES)
    counts.insert(0, "passes", counts.sum(axis=1))
    counts = counts[counts.passes > 0].reset_index()
    place = [list(passes.trace.drop_duplicates()).index(trace) for trace in counts.trace]
    order = np.lexsort([[CAUSES.index(cause) for cause in counts.cause], place])
    return counts.iloc[order].reset_index(drop=True)


def steps(passes: pd.DataFrame) -> pd.DataFrame:
    """Return how the share of dirty entries is distributed: trace, ratio, and which share of passes has no more."""
    frames = []
    for trace, part in passes.groupby("trace", sort=False):
        counts = part.ratio.value_counts().sort_index()
        frames.append(pd.DataFrame({"trace": trace, "ratio": counts.index, "passes": counts.cumsum() / len(part)}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["trace", "ratio", "passes"])


def power(values: pd.Series) -> pd.Series:
    """Return for each number the k of its bin: 0 for 0 and 1, then from more than 2**(k-1) up to 2**k."""
    return np.ceil(np.log2(np.maximum(values, 1))).astype(int)


def bin_name(k: int) -> str:
    """Return the numbers of bin k as they are written on an axis, 0 left out."""
    low, high = 2 ** (k - 1) + 1 if k else 1, 2**k
    return f"{high:,}" if low >= high else f"{low:,}–{high:,}"


def structure(passes: pd.DataFrame) -> pd.DataFrame:
    """Return how many passes found so many dirty entries in so many runs; those that found none are left out.

    Returns
    -------
    DataFrame
        Columns: trace, dirty, runs (bins, as `power` numbers them), passes.
    """
    found = passes[passes.dirty > 0]
    bins = found.assign(dirty=power(found.dirty), runs=power(found.runs))
    return bins.groupby(["trace", "dirty", "runs"], sort=False).size().rename("passes").reset_index()


def against(passes: pd.DataFrame, what: str, least: int = 5) -> pd.DataFrame:
    """Return how many entries were dirty, by bins of something.

    Parameters
    ----------
    passes : DataFrame
    what : {"age", "writes"}
    least : int
        Bins of fewer passes are left out: the mean of one or two says nothing.

    Returns
    -------
    DataFrame
        Columns: trace, what, up_to (the end of the bin), passes, dirty (mean), low, high (quartiles).
    """
    bins = passes.assign(up_to=2 ** power(passes[what])).groupby(["trace", "up_to"], sort=False).dirty
    frame = pd.DataFrame({"passes": bins.size(), "dirty": bins.mean(), "low": bins.quantile(0.25)})
    frame["high"] = bins.quantile(0.75)
    frame = frame[frame.passes >= least].reset_index().sort_values("up_to", kind="stable")
    frame.insert(1, "what", what)
    return frame.sort_values("trace", key=lambda c: pd.Categorical(c, passes.trace.unique()).codes, kind="stable")


def averages(passes: pd.DataFrame) -> pd.DataFrame:
    """Return `against` age and `against` stores, one below the other."""
    return pd.concat([against(passes, what) for what in ("age", "writes")], ignore_index=True)


def sentence(passes: pd.DataFrame, resyncs: pd.DataFrame) -> str:
    """Say what the passes that were chosen found."""
    told = f"{len(passes):,} of {len(resyncs):,} passes"
    if passes.empty:
        return f"{told}."
    compared, found = int(passes.compared.sum()), int(passes.dirty.sum())
    return f"{told}; {found:,} of {compared:,} entries compared were dirty, {found / compared:.1%}."

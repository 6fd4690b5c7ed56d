"""How close a generated guest is to a recorded one: what both do to their page tables, statistic by statistic.

Where the families do not fit, and why:

* Of `fork_exec`, fewer tables are gone before any resync than of the recorded shell loop. A real child that calls exec,
  and a real `true`, live for less than a scheduling quantum and never see a flush; here a program has some work to do.
* Epochs without a store are too many where a program is interrupted often: going to the kernel's root and back are
  two CR3 loads with nothing in between, and a real kernel does without them if nobody else has something to do.
* Runs of hundreds of entries come from huge pages that are split and from whole arenas given back. No family has huge
  pages, so the longest runs of `demand_paging` and `cow_storm` are those of a heap that is thrown away.
* A fit is to these statistics alone. That a parameter has the value of the real program, nobody says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..guests import FITTED, Workload
from ..machine import Machine
from ..recordings import open_trace
from ..traces import Trace

EVENTS = 200_000


class Profile(NamedTuple):
    """What a guest does to its page tables, as far as a shadow MMU that lets them go out of sync cares.

    Attributes
    ----------
    dirty : int64[...]
        By resync (content pass) on a machine of preset ``oos-snapshot``: dirty entries.
    runs : int64[...]
        By L1 table and CR3 epoch: how many stretches of adjacent entries were stored to.
    length : int64[...]
        The lengths of these.
    tables : int64[...]
        By CR3 epoch in which one was stored to: L1 tables stored to.
    many : float
        Share of these epochs with more than 3 tables, the number of out-of-sync slots.
    lost : float
        Share of tables that went out of sync and were gone before any resync.
    idle : float
        Share of CR3 epochs in which no L1 table was stored to.
    """

    dirty: np.ndarray
    runs: np.ndarray
    length: np.ndarray
    tables: np.ndarray
    many: float
    lost: float
    idle: float


#: What the fields of `Profile` are called in tables.
LABELS = {
    "dirty": "dirty entries per resync",
    "runs": "runs per table and epoch",
    "length": "entries per run",
    "tables": "L1 tables stored to per epoch",
    "many": "epochs with more than 3 tables",
    "lost": "tables gone before any resync",
    "idle": "epochs without a store",
}
DISTRIBUTIONS = ("dirty", "runs", "length", "tables")
SHARES = ("many", "lost", "idle")


def profile(trace: Trace) -> Profile:
    """Return the profile of a trace."""
    summary = trace.summary()
    result = Machine(trace, "oos-snapshot", keep_outcomes=False).run()
    live = summary.epochs[~summary.epochs.destroyed]
    unsynced = int(result.counters.shadow_unsync)
    return Profile(
        result.resyncs.dirty.to_numpy(np.int64),
        live.runs.to_numpy(np.int64),
        summary.runs.to_numpy(np.int64),
        summary.flushes.to_numpy(np.int64),
        float((summary.flushes > 3).mean()) if len(summary.flushes) else 0.0,
        1 - int(result.counters.shadow_resync) / unsynced if unsynced else 0.0,
        1 - len(summary.flushes) / max(int(summary.ops["CR3"]), 1),
    )


def distances(a: Profile, b: Profile) -> pd.DataFrame:
    """Return how far two profiles are apart.

    Returns
    -------
    DataFrame
        By statistic: ``ks``, the largest difference between the two distribution functions (0 to 1), of shares their
        difference; ``wasserstein``, the mean distance between the two distributions in doublings, that is of
        ``log2(1 + x)``, missing for shares. A statistic of which one side has nothing is 1 apart.
    """
    from scipy import stats  # a second to load, for what few ask

    rows = {}
    for name in DISTRIBUTIONS:
        x, y = getattr(a, name), getattr(b, name)
        if len(x) and len(y):
            ks = stats.ks_2samp(x, y, method="asymp").statistic
            rows[name] = (float(ks), float(stats.wasserstein_distance(np.log2(1 + x), np.log2(1 + y))))
        else:
            rows[name] = (float(len(x) != len(y)), np.nan)
    for name in SHARES:
        rows[name] = (abs(getattr(a, name) - getattr(b, name)), np.nan)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["ks", "wasserstein"])


def loss(a: Profile, b: Profile) -> float:
    """Return one number for how far two profiles are apart: the sum of their `distances`, 0 to 7."""
    return float(distances(a, b).ks.sum())


def _told(values: np.ndarray | float) -> str:
    """Return a distribution as median, nine tenths, largest; a share in percent."""
    if np.isscalar(values):
        return f"{values:.0%}"
    return " / ".join(f"{x:,.0f}" for x in np.quantile(values, [0.5, 0.9, 1.0])) if len(values) else "none"


def fidelity(
    names: Iterable[str] = tuple(FITTED), events: int = EVENTS, progress: Callable[[str], None] | None = None
) -> pd.DataFrame:
    """Set generated guests beside the recorded ones that they were fitted to.

    Parameters
    ----------
    names : iterable of str
        Of recordings: see `oosbench.guests.FITTED`.
    events : int
        To generate of each.
    progress : callable, optional
        Called with the name of each before it is done.

    Raises
    ------
    GuestError
        If nothing was fitted to a recording.

    Returns
    -------
    DataFrame
        One row per recording and statistic: recording, family, statistic, recorded, generated (as text: median, 90 %,
        largest), ks, wasserstein (see `distances`).
    """
    parts = []
    for name in names:
        if progress is not None:
            progress(name)
        made = profile(Workload.like(name, seed=1).trace(events))  # (the fit saw seed 0)
        real = profile(open_trace(name))
        table = distances(real, made)
        table.insert(0, "generated", [_told(getattr(made, s)) for s in table.index])
        table.insert(0, "recorded", [_told(getattr(real, s)) for s in table.index])
        table.insert(0, "statistic", [LABELS[s] for s in table.index])
        table.insert(0, "family", FITTED[name].family)
        table.insert(0, "recording", name)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def told(table: pd.DataFrame) -> str:
    """Return the table of `fidelity` as text."""
    lines = []
    for (name, family), part in table.groupby(["recording", "family"], sort=False):
        lines += [
            f"{name} and a guest of the family {family}",
            f"  {'(median / 90 % / largest)':<32}{'recorded':>18}{'generated':>18}{'KS':>7}{'Wasserstein':>13}",
        ]
        for row in part.itertuples():
            apart = "" if np.isnan(row.wasserstein) else f"{row.wasserstein:.2f}"
            lines.append(f"  {row.statistic:<32}{row.recorded:>18}{row.generated:>18}{row.ks:>7.2f}{apart:>13}")
        lines.append("")
    return "\n".join(lines).rstrip()

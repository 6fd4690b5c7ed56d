"""Why a guest exits: an Ubuntu boot under EPT and under shadow paging, as two students counted (Linux 5.11, 2021).

Of the exits that page tables cause, their shadow run has nine tenths for control registers, nearly all CR3 loads. The
recordings here were made without page-table isolation and without PCID, and load CR3 only to switch processes; a
generated guest with isolation shows what it does. A boot's other exits (CPUID, I/O, interrupts) are not modelled, nor
is EPT, which has none of these three but the faults of its own tables.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from .. import recordings
from ..charts import pairs, pairs_text
from ..experiment import run_each
from ..guests import generate
from ..published import value

CALIBRATED = "nothing"
PREDICTED = "the shares of page faults, control registers and INVLPG, with isolation and without"
TRUST = "student"

_PUBLISHED = {"page fault": "kvm-08", "control register": "kvm-20", "INVLPG": "kvm-18"}
_COUNTERS = {"page fault": ["shadow_fault"], "control register": ["cr3_loads", "vmexit_cr"], "INVLPG": ["invlpgs"]}
_EVENTS = 60_000


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per guest: how many exits of the three kinds, and their shares."""
    rows = [("Ubuntu boot (published)", {kind: value(row) for kind, row in _PUBLISHED.items()})]
    guests = [*recordings.bundled().index, generate("system_calls", _EVENTS, levels=4, seed=1)]
    for i, guest in enumerate(guests):
        (result,) = run_each([guest], ["oos-snapshot"])
        counts = {kind: float(result.counters[names].sum()) for kind, names in _COUNTERS.items()}
        rows.append((f"{result.trace.name}, isolated" if i == len(guests) - 1 else result.trace.name, counts))
        if progress is not None:
            progress(i + 1, len(guests))
    frame = pd.DataFrame([{"guest": name} | counts for name, counts in rows])
    total = frame[list(_PUBLISHED)].sum(axis=1)
    for kind in _PUBLISHED:
        frame[f"{kind} share"] = frame[kind] / total
    return frame


def _series(frame: pd.DataFrame) -> dict[str, pd.Series]:
    return {kind: 100 * frame[f"{kind} share"] for kind in _PUBLISHED}


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the shares of the three kinds of exits by guest."""
    return pairs(
        frame.guest, _series(frame), "Why a guest exits", "share of the exits that page tables cause", "{:g} %"
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    return pairs_text(frame.guest, _series(frame), "Shares of exits", "{:.0f} %")

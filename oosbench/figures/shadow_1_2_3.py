"""Shadow-1, Shadow-2, Shadow-3: three generations of Xen's shadow code, on demand paging and on bursts of writes.

George Dunlap's blog (27 August 2008) has no numbers, only an order: Shadow-1, which resyncs everything at the next
fault, was passable on Linux and a disaster on Windows, where each page faulted costs an unsync, a write and a resync;
Shadow-2, which emulates every write, is cheap for demand paging but batches nothing; Shadow-3 is to be good at both.
The guests are two families of this project, not the blog's, in each paging mode; Shadow-1 here has Shadow-3's
mechanisms. What comes out is the order of the blog for 32-bit and 64-bit guests. With PAE, where a kernel stores an
entry in two halves and each is emulated, Shadow-2 costs more than Shadow-1 on demand paging too (the blog names no
mode).
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from ..charts import pairs, pairs_text
from ..costs import cost, tally
from ..guests import generate
from ..machine import run_each

CALIBRATED = "nothing"
PREDICTED = "the cost of each over the best, on two kinds of guests"
TRUST = "primary for the order (the blog has no numbers)"
MISSES = "with PAE Shadow-2 is not cheap for demand paging, in the model"

PROCESSOR = "Core 2 6420"
NAMES = {"shadow1": "Shadow-1", "emulate": "Shadow-2", "oos-snapshot": "Shadow-3"}
GUESTS = {"demand paging": "demand_paging", "bursts": "fork_exec"}
MODES = {2: "32bit", 3: "PAE", 4: "64bit"}
_EVENTS = 60_000


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per kind of guest, mode and generation: cycles a page fault, resyncs, and the ratio to the best.

    Counted are page faults that the guest's kernel handles, which are the same for all generations.
    """
    rows = []
    for i, (kind, family) in enumerate(GUESTS.items()):
        for levels, mode in MODES.items():
            trace = generate(family, _EVENTS, levels=levels, seed=1)
            for result in run_each([trace], list(NAMES)):
                cycles = cost(tally(result), PROCESSOR).cycles["total"] / result.counters.fault_guest
                generation = NAMES[result.preset.name]
                rows.append((kind, mode, generation, cycles, int(result.counters.shadow_resync)))
        if progress is not None:
            progress(i + 1, len(GUESTS))
    frame = pd.DataFrame(rows, columns=["kind", "mode", "generation", "cycles_per_fault", "resyncs"])
    best = frame.groupby(["kind", "mode"]).cycles_per_fault.transform("min")
    frame["ratio"] = frame.cycles_per_fault / best
    return frame


def _series(frame: pd.DataFrame) -> tuple[list[str], dict[str, pd.Series]]:
    rows = frame.assign(row=frame.kind + ", " + frame["mode"])
    wide = rows.pivot(index="row", columns="generation", values="ratio").loc[rows.row.unique()]
    return list(wide.index), {name: wide[name] for name in NAMES.values()}


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the cost of each generation over the best."""
    return pairs(
        *_series(frame),
        "Three generations of shadow code",
        "cost of shadow paging over the best of the three (logarithmic)",
        "{:g} ×",
        True,
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    return pairs_text(*_series(frame), "Cost over the best of three", "{:.2f}")

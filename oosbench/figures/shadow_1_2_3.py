"""Shadow-1, Shadow-2, Shadow-3: three generations of Xen's shadow code, on demand paging and on bursts of writes.

George Dunlap's blog (27 August 2008) has no numbers, only an order: Shadow-1, which resyncs everything at the next
fault, was passable on Linux and a disaster on Windows, where each page faulted costs an unsync, a write and a resync;
Shadow-2, which emulates every write, is cheap for demand paging but batches nothing; Shadow-3 is to be good at both.
The guests are two families of this project, not the blog's; Shadow-1 here has Shadow-3's mechanisms.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from ..charts import pairs, pairs_text
from ..costs import cost
from ..experiment import run_each
from ..guests import generate
from ..primitives import tally

CALIBRATED = "nothing"
PREDICTED = "the cost of each over the best, on two kinds of guests"
TRUST = "primary for the order (the blog has no numbers)"

PROCESSOR = "Core 2 6420"
NAMES = {"shadow1": "Shadow-1", "emulate": "Shadow-2", "oos-snapshot": "Shadow-3"}
GUESTS = {"demand paging": "working_set", "bursts": "fork_exec"}
_EVENTS = 60_000


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per kind of guest and generation: cycles an event, resyncs, and the ratio to the best."""
    rows = []
    for i, (kind, family) in enumerate(GUESTS.items()):
        trace = generate(family, _EVENTS, levels=3, seed=1)
        for result in run_each([trace], list(NAMES)):
            cycles = cost(tally(result), PROCESSOR).cycles["total"] / result.counters.events
            rows.append((kind, NAMES[result.preset.name], cycles, int(result.counters.shadow_resync)))
        if progress is not None:
            progress(i + 1, len(GUESTS))
    frame = pd.DataFrame(rows, columns=["kind", "generation", "cycles_per_event", "resyncs"])
    frame["ratio"] = frame.cycles_per_event / frame.groupby("kind").cycles_per_event.transform("min")
    return frame


def _series(frame: pd.DataFrame) -> tuple[list[str], dict[str, pd.Series]]:
    wide = frame.pivot(index="kind", columns="generation", values="ratio").loc[list(GUESTS)]
    return list(wide.index), {name: wide[name] for name in NAMES.values()}


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the cost of each generation over the best."""
    return pairs(
        *_series(frame),
        "Three generations of shadow code",
        "cost of shadow paging over the best of the three",
        "{:g} ×",
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    return pairs_text(*_series(frame), "Cost over the best of three", "{:.2f}")

"""The Windows DDK build of the series' cover letter, 20 June 2008: six guests, before and after out-of-sync tables.

The guest is a mix of process creation and Windows' working sets, the same in all three paging modes. Its time is that
of a native build and that of shadow paging: ``native / vcpus + k * cycles / vcpus``, where cycles are the model's for a
generated guest, per leaf entry that it changes, and k says how many of them a DDK build changes. One cell gives both
unknowns: its time before and its time after.

What is not there: nobody recorded a DDK build, a guest's own time differs by mode (PAE and 64-bit tables are larger),
and with two processors neither the guest nor the shadow lock scales as this assumes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..charts import pairs, pairs_text
from ..costs import cost
from ..experiment import run_each
from ..guests import generate
from ..primitives import tally
from ..published import value
from ..summary import followed
from ..trace import Trace

CALIBRATED = "native time and page-table writes of a build, on the cell PAE with 1 vCPU (before and after)"
PREDICTED = "before, after and change of the other five cells"
TRUST = "primary"

PROCESSOR = "Core 2 6420"
#: Mode, vCPUs, and the published rows of the time before and after.
CELLS = (
    ("32bit", 2, 1, "xen-oos-01", "xen-oos-02"),
    ("PAE", 3, 1, "xen-oos-04", "xen-oos-05"),
    ("64bit", 4, 1, "xen-oos-07", "xen-oos-08"),
    ("32bit", 2, 2, "xen-oos-10", "xen-oos-11"),
    ("PAE", 3, 2, "xen-oos-13", "xen-oos-14"),
    ("64bit", 4, 2, "xen-oos-16", "xen-oos-17"),
)
_CALIBRATION = 1  # its place among them
_EVENTS = 60_000
_SEEDS = (1, 2, 3)


def guest(levels: int, vcpus: int, seed: int) -> Trace:
    """Return a generated guest: half of it starts programs, half of it is Windows' way of using memory."""
    others = {"demand_paging": 0, "ping_pong": 0}
    return generate("mix", _EVENTS, levels=levels, vcpus=vcpus, seed=seed, fork_exec=1, working_set=1, **others)


def _per_entry(levels: int, vcpus: int) -> tuple[float, float]:
    """Return the cycles of shadow paging per leaf entry that the guest changes, before and after."""
    spent = np.zeros(2)
    changed = 0
    for seed in _SEEDS:
        trace = guest(levels, vcpus, seed)
        _, stores = followed(trace.events, trace.levels, trace.vcpus, trace.guest_pages)
        changed += np.count_nonzero((stores.level == 1) & (stores.changed == 1))
        for i, result in enumerate(run_each([trace], ["emulate", "oos-snapshot"])):
            spent[i] += cost(tally(result), PROCESSOR).cycles["total"]
    return spent[0] / changed, spent[1] / changed


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per cell: times before and after (s) and the change (%), published and modelled, and the error.

    `error` is the modelled change less the published one, in percentage points; it is zero where it was calibrated.
    """
    modelled = []
    for i, (_, levels, vcpus, _, _) in enumerate(CELLS):
        modelled.append(_per_entry(levels, vcpus))
        if progress is not None:
            progress(i + 1, len(CELLS))
    before, after = (np.array([value(cell[i]) for cell in CELLS]) for i in (3, 4))
    cycles = np.array(modelled)
    vcpus = np.array([cell[2] for cell in CELLS])
    c = _CALIBRATION
    k = vcpus[c] * (before[c] - after[c]) / (cycles[c, 0] - cycles[c, 1])  # seconds per cycle an entry
    native = vcpus[c] * before[c] - k * cycles[c, 0]
    times = (native + k * cycles) / vcpus[:, None]
    frame = pd.DataFrame(
        {
            "guest": [f"{mode}, {n} vCPU" for mode, _, n, _, _ in CELLS],
            "before": before,
            "after": after,
            "change": 100 * (after / before - 1),
            "model_before": times[:, 0],
            "model_after": times[:, 1],
            "model_change": 100 * (times[:, 1] / times[:, 0] - 1),
        }
    )
    frame["error"] = frame.model_change - frame.change
    frame["calibrated"] = np.arange(len(CELLS)) == c
    return frame


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the change of each cell, published and modelled."""
    return pairs(
        frame.guest, {"published": frame.change, "model": frame.model_change}, "The DDK build of 2008",
        "change of build time with out-of-sync tables; PAE, 1 vCPU was calibrated", "{:g} %",
    )  # fmt: skip


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    return pairs_text(
        frame.guest, {"published": frame.change, "model": frame.model_change}, "Change of DDK build time", "{:.1f} %"
    )

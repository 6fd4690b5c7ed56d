"""The Windows DDK build of the series' cover letter, 20 June 2008: six guests, before and after out-of-sync tables.

The guest is a mix of process creation and Windows' working sets, the same in all three paging modes. Its time is that
of a native build and that of shadow paging: ``native / vcpus + k * cycles / vcpus``, where cycles are the model's for a
generated guest, per leaf entry that it changes, and k says how many of them a DDK build changes. One cell gives both
unknowns: its time before and its time after. Beside it stands what comes out if vCPUs wait for each other whenever one
works on shadows (``native / vcpus + k * cycles``): the lock that they share lies between the two.

Nobody recorded a DDK build, so the choice of guest is a guess. How much hangs on it is told by the range: the same with
every other family that exists in all modes, each calibrated on the same cell (without `adversary`, which is no
workload). Some come nearer than the mix; to take one for that would be to tune.

What comes out: every cell gains, and PAE, on which the model is calibrated, gains most, as published. The order of the
others is not the published one: there 64-bit with one vCPU is third of six, here it is fifth, and 32-bit and 64-bit are
a tenth of a point apart. Emulation costs a PAE guest four times what it costs the others, for two reasons that weigh
about the same: its kernels store an entry in two halves, each of which is emulated; and of the two zeros that clear one
the second, at no entry's beginning, resets the heuristic by which a table being cleared is let go of, which so never
happens. Out of sync all modes cost alike. How much 32-bit and 64-bit guests gain is not reproduced, nor how much less
two vCPUs gain: here a tenth of a point, there three to twelve. If vCPUs wait for each other, two gain more than one,
which is the wrong way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..charts import pairs, pairs_text
from ..costs import cost, tally
from ..guests import FAMILIES, generate
from ..machine import run_each
from ..traces import Trace
from ..traces.summary import followed
from .agreement import cells
from .published import value

CALIBRATED = "native time and page-table writes of a build, on the cell PAE with 1 vCPU (before and after)"
PREDICTED = "before, after and change of the other five cells"
TRUST = "primary (mail 0/4 of the series)"
MISSES = (
    "the size of the gain of 32-bit and 64-bit guests, and which of the two is larger; that two vCPUs gain far less"
)
UNIT = "percentage points"

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


def _per_entry(traces: Iterable[Trace]) -> tuple[float, float]:
    """Return the cycles of shadow paging per leaf entry that these guests change, before and after."""
    spent = np.zeros(2)
    changed = 0
    for trace in traces:
        _, stores = followed(trace.events, trace.levels, trace.vcpus, trace.guest_pages)
        changed += np.count_nonzero((stores.level == 1) & (stores.changed == 1))
        for i, result in enumerate(run_each([trace], ["emulate", "oos-snapshot"])):
            spent[i] += cost(tally(result), PROCESSOR).cycles["total"]
    return spent[0] / changed, spent[1] / changed


def _times(per_entry: np.ndarray, waiting: bool = False) -> np.ndarray:
    """Return the times of all cells, before and after, from cycles per entry, after calibration on one of them."""
    vcpus = np.array([cell[2] for cell in CELLS])[:, None]
    before, after = (value(row) for row in CELLS[_CALIBRATION][3:])
    most, least = per_entry[_CALIBRATION]
    k = (before - after) / (most - least)  # seconds per cycle an entry; the cell has one vCPU
    return (before - k * most) / vcpus + k * per_entry / (1 if waiting else vcpus)


def _change(times: np.ndarray) -> np.ndarray:
    return 100 * (times[:, 1] / times[:, 0] - 1)


def families(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return the modelled change (%) of each cell, a row, if the guest is one family of workloads, a column."""
    names = [name for name, one in FAMILIES.items() if one.levels == (2, 3, 4) and name not in ("mix", "adversary")]
    found = {}
    for i, name in enumerate(names):
        guests = ([generate(name, _EVENTS, levels=cell[1], vcpus=cell[2], seed=1)] for cell in CELLS)
        found[name] = _change(_times(np.array([_per_entry(traces) for traces in guests])))
        if progress is not None:
            progress(i + 1, len(names))
    return pd.DataFrame(found, index=[_name(cell) for cell in CELLS])


def _name(cell: tuple[str, int, int, str, str]) -> str:
    return f"{cell[0]}, {cell[2]} vCPU"


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per cell: times before and after (s) and the change (%), published and modelled, and the error.

    `error` is the modelled change less the published one, in percentage points; it is zero where it was calibrated.
    `model_waiting` is the change if vCPUs wait for each other; `least` and `most` are the range of `families`.
    """
    steps = len(CELLS) + 1
    modelled = []
    for i, (_, levels, vcpus, _, _) in enumerate(CELLS):
        modelled.append(_per_entry(guest(levels, vcpus, seed) for seed in _SEEDS))
        if progress is not None:
            progress(i + 1, steps)
    per_entry = np.array(modelled)
    before, after = (np.array([value(cell[i]) for cell in CELLS]) for i in (3, 4))
    times = _times(per_entry)
    others = families()
    frame = pd.DataFrame(
        {
            "guest": others.index,
            "before": before,
            "after": after,
            "change": 100 * (after / before - 1),
            "model_before": times[:, 0],
            "model_after": times[:, 1],
            "model_change": _change(times),
            "model_waiting": _change(_times(per_entry, waiting=True)),
            "least": others.max(axis=1).to_numpy(),
            "most": others.min(axis=1).to_numpy(),
        }
    )
    frame["error"] = frame.model_change - frame.change
    frame["calibrated"] = np.arange(len(CELLS)) == _CALIBRATION
    if progress is not None:
        progress(steps, steps)
    return frame


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the change of each cell beside the published one; see `agreement.cells`."""
    return cells(
        frame.guest, frame.change, frame.model_change, frame.calibrated.map({True: "calibrated", False: "predicted"})
    )


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the change of each cell, published and modelled, and the range of other guests."""
    return pairs(
        [f"{row.guest}\n(calibrated)" if row.calibrated else row.guest for row in frame.itertuples()],
        {
            "published": frame.change,
            "model": frame.model_change,
            "model, vCPUs that wait": frame.model_waiting.where(~frame.guest.str.contains("1 vCPU")),
        },
        "The DDK build of 2008: change of build time",
        "left is faster; lines: the model with each other family of workloads, calibrated alike",
        "{:g} %",
        spans=("model, other families", frame.most, frame.least),
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    shown = {
        "published": frame.change,
        "model": frame.model_change,
        "other families from": frame.most,
        "to": frame.least,
    }
    return pairs_text(frame.guest, shown, "Change of DDK build time", "{:.1f} %")

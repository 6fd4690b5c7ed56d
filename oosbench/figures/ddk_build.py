"""The build of the Windows Server 2003 DDK with which the out-of-sync series was sent, before and after.

Calibrated: native time and the factor k on one cell, PAE with 1 vCPU, from its time before and its time after.
Predicted: both times and the change of the other five cells.
Trust: primary (mail 0/4 of the series, 20 June 2008); no time of the snapshot patch alone was ever published.
Not reproduced: the size of the gain in other modes (nobody recorded how Windows writes its tables; it does not fork);
that every mode gains less with two vCPUs (the model runs one vCPU at a time, so that none ever waits for another).

The time of a build is taken to be *native + k × cycles of shadow paging / clock*, native the same in all modes. The
guest is the one fitted to the recorded compiler, since a build runs compilers; it was chosen before its result was
known. Its cycles are those for each page fault that it handles itself, so that every cell does the same work. With two
vCPUs each does half of it, the hypervisor's part included; beside that stands what comes out if one vCPU at a time can
work on shadows, so that only the native time is halved.

The range is that of all other families that exist in every mode, each calibrated on the same cell; `adversary`, which
is no workload, is left out. Some come nearer than the guest that was chosen: to take one for that would be to tune.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .. import published
from ..charts._style import INK, MARKERS, PALETTE, figure_of_rows, label_rows
from ..costs import processor
from ..experiment import Progress, run_each
from ..guests import FAMILIES, FITTED, generate
from ._run import CORE2, cycles, told

TITLE = "Windows DDK build"
CALIBRATED, PREDICTED, TRUST, NOT_REPRODUCED = told(__doc__)

BEFORE, AFTER = "emulate", "oos-snapshot"
GUEST = FITTED["gcc"]
EVENTS = 100_000
MODES = {2: "32bit", 3: "PAE", 4: "64bit"}
#: By levels and vCPUs: the published time before, the time after, and the change.
CELLS = {
    (2, 1): ("xen-oos-01", "xen-oos-02", "xen-oos-03"),
    (3, 1): ("xen-oos-04", "xen-oos-05", "xen-oos-06"),
    (4, 1): ("xen-oos-07", "xen-oos-08", "xen-oos-09"),
    (2, 2): ("xen-oos-10", "xen-oos-11", "xen-oos-12"),
    (3, 2): ("xen-oos-13", "xen-oos-14", "xen-oos-15"),
    (4, 2): ("xen-oos-16", "xen-oos-17", "xen-oos-18"),
}
CALIBRATION = (3, 1)
COLUMNS = (
    ("mode", "guest", "{}"),
    ("vcpus", "vCPUs", "{}"),
    ("before_s", "before, s", "{:.0f}"),
    ("model_before_s", "model, s", "{:.0f}"),
    ("after_s", "after, s", "{:.0f}"),
    ("model_after_s", "model, s ", "{:.0f}"),
    ("change", "change, %", "{:.1f}"),
    ("model_change", "model, % ", "{:.1f}"),
    ("error", "error, points", "{:+.1f}"),
    ("locked_change", "if locked, %", "{:.1f}"),
    ("low", "families, % from", "{:.1f}"),
    ("high", "to", "{:.1f}"),
)


def _rates(family: str, parameters: dict[str, float], progress: Progress | None) -> dict[tuple[int, int], np.ndarray]:
    """Return for each cell the seconds of shadow paging per guest fault, before and after."""
    found = {}
    for levels, vcpus in CELLS:
        trace = generate(family, EVENTS, levels=levels, vcpus=vcpus, seed=0, **parameters)
        runs = run_each([trace], [BEFORE, AFTER], progress=progress)
        found[levels, vcpus] = np.array([cycles(run) / run.counters.fault_guest for run in runs])
        found[levels, vcpus] /= 1e9 * processor(CORE2).ghz
    return found


def _times(
    rates: dict[tuple[int, int], np.ndarray], locked: bool = False
) -> tuple[dict[tuple[int, int], np.ndarray], float]:
    """Return for each cell the model's time before and after, and the native time, calibrated on one cell."""
    before, after = (published.value(number) for number in CELLS[CALIBRATION][:2])
    rate = rates[CALIBRATION]
    k = (before - after) / (rate[0] - rate[1])
    native = before - k * rate[0]
    return {
        (levels, vcpus): native / vcpus + k * each / (1 if locked else vcpus) for (levels, vcpus), each in rates.items()
    }, native


def _change(times: np.ndarray) -> float:
    return 100 * (times[1] / times[0] - 1)


def table(progress: Progress | None = None) -> pd.DataFrame:
    """Return published and predicted times.

    Returns
    -------
    DataFrame
        One row per cell: `mode`, `vcpus`; published `before_s`, `after_s` and `change` (%); of the model
        `model_before_s`, `model_after_s`, `model_change`, its `error` in percentage points, `locked_change` if one
        vCPU at a time can work on shadows; `low` and `high`, the least and the greatest change of the other families;
        `calibrated`, whether the cell was calibrated on. Its `attrs` have the `native_s` that follows, and `families`,
        the change of each family in each cell.
    """
    rates = _rates(GUEST.family, GUEST.parameters, progress)
    times, native = _times(rates)
    locked, _ = _times(rates, locked=True)
    families = pd.DataFrame(
        {
            name: {cell: _change(each) for cell, each in _times(_rates(name, {}, progress))[0].items()}
            for name, family in FAMILIES.items()
            if family.levels == tuple(MODES) and name != "adversary"
        }
    )
    rows = []
    for cell, numbers in CELLS.items():
        before, after, change = (published.value(number) for number in numbers)
        rows.append(
            {
                "mode": MODES[cell[0]],
                "vcpus": cell[1],
                "before_s": before,
                "model_before_s": times[cell][0],
                "after_s": after,
                "model_after_s": times[cell][1],
                "change": change,
                "model_change": _change(times[cell]),
                "error": _change(times[cell]) - change,
                "locked_change": _change(locked[cell]),
                "low": families.loc[cell].min(),
                "high": families.loc[cell].max(),
                "calibrated": cell == CALIBRATION,
            }
        )
    frame = pd.DataFrame(rows)
    frame.attrs = {"native_s": float(native), "families": families.to_dict()}
    return frame


def verdict(table: pd.DataFrame) -> dict[str, bool]:
    """Say which parts of the published ordering the model has."""
    change = table.set_index(["mode", "vcpus"]).model_change
    return {
        "every cell gains": bool((change < 0).all()),
        "PAE gains most": all(change.xs(vcpus, level="vcpus").idxmin() == "PAE" for vcpus in (1, 2)),
        "each mode gains less with 2 vCPUs": all(change[mode, 2] > change[mode, 1] for mode in MODES.values()),
    }


def _names(table: pd.DataFrame) -> list[str]:
    return [
        f"{row.mode}, {row.vcpus} vCPU{'s' * (row.vcpus > 1)}" + (" (calibrated)" if row.calibrated else "")
        for row in table.itertuples()
    ]


def chart(table: pd.DataFrame) -> Figure:
    """Draw the change of each cell, published and predicted."""
    figure, axes = figure_of_rows(
        len(table),
        "DDK build: change of elapsed time by the series",
        "lines: the model with the other families of workloads, calibrated alike",
    )
    y = np.arange(len(table))
    axes.hlines(y, table.low, table.high, color=PALETTE[4], linewidth=2, alpha=0.5, label="model, other families")
    shown = {"change": "published", "model_change": "model", "locked_change": "model, one vCPU at a time on shadows"}
    for i, (column, label) in enumerate(shown.items()):
        x = table[column].where(table.vcpus > 1) if column == "locked_change" else table[column]
        axes.scatter(x, y + 0.17 * (i - 1), s=44, color=PALETTE[i], marker=MARKERS[i], label=label, zorder=3)
    axes.axvline(0, color=INK, linewidth=0.8)
    label_rows(axes, _names(table))
    axes.set_xlabel("change of elapsed time, %; left is faster", fontsize=9.5, color=INK)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=2, frameon=False, fontsize=9.5)
    return figure


def chart_text(table: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    told = [
        f"{name} {row.change:.1f} % published, {row.model_change:.1f} % model"
        for name, row in zip(_names(table), table.itertuples(), strict=True)
    ]
    held = ", ".join(f"{what}: {'yes' if so else 'no'}" for what, so in verdict(table).items())
    return f"Dot chart: change of the DDK build's time. {'; '.join(told)}. In the model {held}."

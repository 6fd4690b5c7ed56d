"""Where the cycles go: by category of work, and over the time of a trace.

What shadow paging costs is the hypervisor's own work and the exits to it. The walks of the processor are not in it: a
machine without a hypervisor makes those too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from ..machine import Machine, Progress, Result
from ..presets import Preset, preset
from ..recordings import Recording, open_trace
from ..traces import Trace
from .prices import Processor, cost, processor
from .primitives import CATEGORIES, Tally, counted, tally
from .worth import WITH, WITHOUT


def breakdown(results: Iterable[Result | Tally], of: str | Processor = "Core 2 6420") -> pd.DataFrame:
    """Return what each run cost, by category.

    Parameters
    ----------
    results : iterable of Result or Tally
        From `oosbench.run_each`, or what `tally` makes of them.
    of : str or Processor

    Returns
    -------
    DataFrame
        Tidy: recording, system, category (of `CATEGORIES`), cycles, and share: of all that the recording's first system
        costs; NaN where that is nothing.

    Raises
    ------
    CostError
        If there is no such processor, or an event that happened has no price.
    """
    of = processor(of)
    rows = []
    for one in (result if isinstance(result, Tally) else tally(result) for result in results):
        cycles = cost(one, of).cycles
        rows += [(one.trace, one.system, category, cycles[category]) for category in CATEGORIES]
    table = pd.DataFrame(rows, columns=["recording", "system", "category", "cycles"])
    whole = table.groupby(["recording", "system"], sort=False).cycles.sum().groupby("recording", sort=False).first()
    table["share"] = table.cycles / table.recording.map(whole).replace(0, np.nan)
    return table


def timeline(
    source: str | Trace | Recording,
    of: str | Processor = "Core 2 6420",
    presets: Sequence[str | Preset] = (WITHOUT, WITH),
    *,
    windows: int = 100,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Return what each stretch of a trace cost.

    Parameters
    ----------
    source : str, Trace or Recording
        See `oosbench.open_trace`.
    of : str or Processor
    presets : sequence of str or Preset
    windows : int
        Stretches of as many lines each.
    progress, cancelled
        As for `oosbench.run_each`.

    Returns
    -------
    DataFrame
        Tidy: recording, system, line (behind the stretch), cycles of the stretch, and total, those up to there.

    Raises
    ------
    CostError
        If there is no such processor.
    """
    of, trace = processor(of), open_trace(source)
    ends = np.unique(np.linspace(0, len(trace.events), windows + 1).astype(int))[1:]
    frames = []
    for name in presets:
        machine, totals = Machine(trace, preset(name), keep_outcomes=False, keep_resyncs=False), []
        for end in ends:
            counts = counted(machine.run(cancelled=cancelled, stop=int(end)).counters, trace.vcpus)
            totals.append(np.fromiter(counts.values(), float) @ of.vector(list(counts)))
            if progress is not None:
                progress(f"{trace.name} · {machine.preset.name}", int(end), len(trace.events))
        found = {"line": ends, "cycles": np.diff(totals, prepend=0), "total": totals}
        frames.append(pd.DataFrame({"recording": trace.name, "system": machine.preset.name} | found))
    return pd.concat(frames, ignore_index=True)


def side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Return a breakdown of one recording with two systems as people compare it.

    Returns
    -------
    DataFrame
        A row for each category that costs something, the dearest first, and their total: `category`, the cycles of
        both systems by name, `saved`, and `share`: saved, of all that the first costs.
    """
    first, second = table.system.drop_duplicates()
    wide = table.pivot(index="category", columns="system", values="cycles")[[first, second]]
    wide = wide[wide.max(axis=1) > 0].sort_values(first, ascending=False)
    wide.loc["all"] = wide.sum()
    wide["saved"] = wide[first] - wide[second]
    wide["share"] = wide.saved / wide.loc["all", first]
    return wide.rename_axis(columns=None).reset_index()

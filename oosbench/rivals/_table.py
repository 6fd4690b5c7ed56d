"""All rivals on one guest: tallies, and the table of what they cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pandas as pd

from ..costs import Processor, Tally, cost, processor, tally
from ..costs.primitives import CATEGORIES, same_guest
from ..machine import Machine, Progress
from ..presets import IDEAS, preset
from ..recordings import Recording, open_source, open_trace
from ..traces import Trace
from .ideal import ideal
from .kvm import kvm
from .nested import WORST, misses, nested

#: The systems that are presets of the machine, oldest first; behind them what no system has.
SHADOWS = (
    "shadow1",
    "emulate",
    "oos-snapshot+policy=threshold(8)",
    "oos",
    "oos-fixups",
    "oos-snapshot-untrusted",
    "oos-snapshot",
    "oos-array",
    *IDEAS,
)


def tallies(
    source: str | os.PathLike | Trace | Recording,
    *,
    direct_map: str = "recorded",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Tally]:
    """Run one guest on every system, and yield what each did.

    Parameters
    ----------
    source : str, path, Trace or Recording
        See `oosbench.open_trace`.
    direct_map, progress, cancelled
        As for `oosbench.run_each`.

    Raises
    ------
    TraceError, RecordingError, OSError
        If it cannot be used.
    """
    opened = open_source(source)
    trace = open_trace(opened, direct_map)
    touches = misses(opened, trace)

    def told(label: str) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(f"{trace.name} · {label}", done, total)

    for name in SHADOWS:
        reference = name == "oos-snapshot"
        result = Machine(trace, preset(name), keep_outcomes=reference).run(told(name), cancelled)
        yield tally(result)
        if reference:
            least = ideal(result)
    if trace.levels == 4:
        yield kvm(trace, told("kvm"), cancelled)
    yield nested(trace, touches)
    yield nested(trace, touches, WORST, "nested, no walk cache")
    yield least


def rivals(
    source: str | os.PathLike | Trace | Recording,
    of: str | Processor = "Core 2 6420",
    *,
    direct_map: str = "recorded",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Return what every system does with one guest, and what that costs.

    Parameters
    ----------
    source, direct_map, progress, cancelled
        As for `tallies`.
    of : str or Processor
        Whose prices.

    Returns
    -------
    DataFrame
        One row per system: `recording`, `system`, `processor`; counted: `vm_exits`, `emulated` (instructions), `copied`
        (pages), `compared` (entries, or lines), `derived` (entries); in all: `cycles`, as `oosbench.costs.worth` counts
        them, `us`, `times_least` (over the ideal's cycles); then the cycles of each category, named as in
        `oosbench.costs.primitives.CATEGORIES`; and `counts`, what the system counts under names of its own, or None.

    Raises
    ------
    CostError
        Before anything runs, if there is no such processor; later, if an event has no price.
    """
    of = processor(of)
    rows = []
    found = same_guest(tallies(source, direct_map=direct_map, progress=progress, cancelled=cancelled))
    for one in found:
        table = cost(one, of)
        count = one.events
        rows.append(
            {
                "recording": one.trace,
                "system": one.system,
                "processor": of.name,
                "vm_exits": int(table.events["exits"]),
                "emulated": int(count.emulate_insn),
                "copied": int(count.snapshot_copy),
                "compared": int(count.snapshot_compare + count.line_compare),
                "derived": int(count.propagate),
                "cycles": float(table.cycles["total"]),
                "us": float(table.us["total"]),
            }
            | {category: float(table.cycles[category]) for category in CATEGORIES}
            | {"counts": dict(one.own) or None}
        )
    frame = pd.DataFrame(rows)
    frame.insert(frame.columns.get_loc("us") + 1, "times_least", frame.cycles / frame.cycles.iloc[-1])
    return frame

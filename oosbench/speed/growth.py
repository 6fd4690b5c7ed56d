"""How the cost of an event grows: with the events, the guest's memory, its vCPUs, the slots of each.

The first two should cost nothing: state is kept in arrays, and found by a number. Slots are looked through at every
CR3 load, and those of all vCPUs when a new table is linked high up in the tree. So they were in the original.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from time import process_time
from timeit import repeat

import pandas as pd

from ..errors import BadInput
from ..guests import generate
from ..machine import Cancelled, Machine
from ..traces import Trace
from ..traces.events import POKE
from .bench import ORIGINAL, Progress, bench_trace

#: What grows, and how far. Memory in GiB.
GROWTHS = {
    "events": tuple(10**k for k in range(5, 9)),
    "memory": tuple(2**k for k in range(0, 11, 2)),
    "vcpus": (1, 2, 4, 8, 16, 32, 64),
    "slots": (2, 4, 8, 16, 32, 64),
}
_PAGES_OF_GIB = 2**18
_EVENTS = 300_000


def growth(
    axes: Iterable[str] = tuple(GROWTHS),
    preset: str = "oos-snapshot",
    *,
    most_events: int = 10**8,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Time replays of which one thing grows.

    Parameters
    ----------
    axes : iterable of str
        Of `GROWTHS`.
    preset : str
    most_events : int
        Where the growth of events ends: 10⁸ take about ten seconds.
    progress, cancelled
        As for `oosbench.run_each`.

    Returns
    -------
    DataFrame
        One row per point: axis, value, events, ns_per_event, setup_ms (building the machine), resident_mb (what the
        machine added to the memory in use).

    Raises
    ------
    BadInput
        If there is no such axis.
    """
    axes = list(axes)
    for axis in axes:
        if axis not in GROWTHS:
            raise BadInput(f"no axis is called {axis!r}; there are {', '.join(GROWTHS)}")
    points = [(a, value) for a in axes for value in GROWTHS[a] if a != "events" or value <= most_events]
    Machine(bench_trace(ORIGINAL[0]), preset).run(stop=1)  # so that nothing is compiled while the clock runs
    rows = []
    for done, (axis, value) in enumerate(points):
        if cancelled is not None and cancelled():
            raise Cancelled(f"stopped after {done} of {len(points)} points")
        if progress is not None:
            progress(f"{axis} {value:,}", done, len(points))
        trace, on, events = _point(axis, value, preset)
        rows.append({"axis": axis, "value": value} | _measure(trace, on, events))
    return pd.DataFrame(rows)


def _point(axis: str, value: int, preset: str) -> tuple[Trace, str, int]:
    """Return what to replay, on what, and how many events of it."""
    if axis == "vcpus":
        # Each vCPU runs a program of its own: the work of an event stays the same.
        return generate("working_set", _EVENTS, vcpus=value, pages=2**17), preset, _EVENTS
    trace = bench_trace(ORIGINAL[0])
    if axis == "memory":
        return replace(trace, guest_pages=value * _PAGES_OF_GIB), preset, _EVENTS
    if axis == "slots":
        return bench_trace(ORIGINAL[1]), f"{preset}+oos_slots={value}", _EVENTS
    return trace, preset, value


def _measure(trace: Trace, preset: str, events: int) -> dict[str, float]:
    """Time so many events of a trace, from its beginning again where it ends."""
    first = int((trace.events.op != POKE).argmax())  # the memory is written once
    gc.collect()
    before = _resident()
    machine: Machine | None = None

    def build() -> None:
        nonlocal machine
        machine = Machine(trace, preset, keep_outcomes=False, keep_resyncs=False)
        machine.run(stop=first)

    setup = _best(build, 1)

    def run() -> None:
        left = events
        while left > 0:
            machine.row = first
            stop = min(first + left, len(trace.events))
            machine.run(stop=stop)
            left -= stop - first

    best = _best(run, 3 if events <= 10**7 else 1)
    return {
        "events": events,
        "ns_per_event": 1e9 * best / events,
        "setup_ms": 1e3 * setup,
        "resident_mb": (_resident() - before) / 1e6,
    }


def _best(run: Callable[[], None], times: int) -> float:
    """Return the least processor time that `run` took, in seconds: long runs are not charged for their neighbours."""
    return min(repeat(run, number=1, repeat=times, timer=process_time))


def _resident() -> int:
    """Return the bytes of memory in use by this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

"""Processes of one machine: traces moved into frames of their own, and put together turn by turn (`splice`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..errors import TraceError, UsageError
from ..traces import Trace
from ..traces.events import ACCESS, CR3, EVENT, INVLPG, NX, P2M, P2M_TYPES, POKE, PSE, WP, WRITE, WRITEHL
from ..x86 import FRAME_MASK, MAX_FRAMES, PAGE_SIZE, P, entry_size, unsigned

ALIGNMENT = 1024  # frames: the largest large page, 4 MiB
SWITCHES = (WP, NX, PSE)
_OF_VCPU = (ACCESS, WRITE, WRITEHL, INVLPG, *SWITCHES)
_HALF_FRAMES = 2**20  # frames that the first half of an 8-byte entry can name
_LOW = 0xFFFFFFFF


def rows_of(op: int, vcpu=0, address=0, value=0) -> np.ndarray:
    """Return EVENT[n] of one op; what is given broadcasts."""
    vcpu, address, value = np.broadcast_arrays(np.atleast_1d(vcpu), address, value)
    events = np.zeros(len(vcpu), EVENT)
    events["op"], events["vcpu"], events["address"], events["value"] = op, vcpu, address, value
    if op == POKE:
        # Spelled out: 2-level traces take a store for 4 bytes wide otherwise.
        events["width"], events["spelled"] = 8, 1
    return events


@dataclass(eq=False)
class Process:
    """A trace on its way into a machine that it shares.

    Attributes
    ----------
    name : str
    events : EVENT[n]
        Moved into its frames.
    gap : EVENT[n]
        Those that make devices of the frames behind its memory, up to the next trace's.
    head, row : int
        How many POKEs the events begin with; where its next turn begins.
    roots : dict of int to int
        By vCPU: the CR3 in force.
    switches : dict of int to list of int
        By vCPU with paging on: WP, NX, PSE as this trace wants them.
    """

    name: str
    events: np.recarray
    gap: np.ndarray
    head: int = 0
    row: int = 0
    roots: dict[int, int] = field(default_factory=dict)
    switches: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.head = self.row = int(np.argmax(np.append(self.events.op, CR3) != POKE))


def started(levels: int) -> tuple[int, int, int]:
    """Return WP, NX and PSE as the first CR3 load of a vCPU leaves them."""
    return 1, int(levels > 2), 1


def processes_of(traces: Iterable[Trace]) -> tuple[list[Process], tuple[int, int, int, int]]:
    """Return the traces moved into frames of their own, and the mode of the machine that holds them all."""
    traces = list(traces)
    if not traces:
        raise UsageError("traces is empty, must hold at least one trace")
    for i, trace in enumerate(traces):
        if not isinstance(trace, Trace):
            raise UsageError(f"traces[{i}] is a {type(trace).__name__}, must be a Trace; see open_trace")
        trace.validate()
        if trace.levels != traces[0].levels:
            told = f"{trace.name} has {trace.levels} levels and {traces[0].name} has {traces[0].levels}"
            raise TraceError(f"{told}; traces on one machine must have the same")
        _check_paging(trace)
    levels = traces[0].levels
    bases, total = [], 0
    for trace in traces:
        bases.append(-(-total // ALIGNMENT) * ALIGNMENT)
        total = bases[-1] + trace.guest_pages
    most = min(MAX_FRAMES[levels], _HALF_FRAMES) if levels == 3 else MAX_FRAMES[levels]
    if total > most:
        names = ", ".join(trace.name for trace in traces)
        raise TraceError(f"{names}: guest_pages of all is {total:,}, must be at most {most:,} for {levels} levels")
    processes = []
    for i, (trace, base) in enumerate(zip(traces, bases, strict=True)):
        gap = np.arange(base + trace.guest_pages, bases[i + 1] if i + 1 < len(traces) else total)
        behind = rows_of(P2M, 0, gap, P2M_TYPES.index("mmio"))
        processes.append(Process(trace.name, _moved(trace, base, total), behind))
    mode = (levels, max(t.vcpus for t in traces), total, sum(t.shadow_pages for t in traces))
    return processes, mode


def _check_paging(trace: Trace) -> None:
    """Refuse a trace in which a vCPU does something before its first CR3 load."""
    events = trace.events
    of_vcpu = np.isin(events.op, _OF_VCPU)
    for v in range(trace.vcpus):
        loads = np.flatnonzero((events.op == CR3) & (events.vcpu == v))
        first = loads[0] if len(loads) else len(events)
        early = np.flatnonzero(of_vcpu[:first] & (events.vcpu[:first] == v))
        if len(early):
            raise TraceError(
                f"{trace.name}, line {events.line[early[0]]}: vcpu {v} does something before its first CR3 load; "
                "a trace that shares a machine must have paging on by then"
            )


def _moved(trace: Trace, base: int, total: int) -> np.recarray:
    """Return the events of a trace whose memory begins at frame `base` of a machine of `total` frames."""
    events = trace.events.copy()
    physical = (events.op == POKE) | (events.op == CR3)
    events.address[physical] += base * PAGE_SIZE
    events.address[events.op == P2M] += base
    stores = np.isin(events.op, (POKE, WRITE, WRITEHL))
    length = np.where(events.op == WRITEHL, 8, events.width.astype(np.int64))
    size = entry_size(trace.levels)
    offset = -events.address % size  # bytes of the store before the first entry that begins in it
    values = events.value.copy()
    for nth in range(8 // size):
        at = offset + nth * size
        whole = stores & (at + size <= length)
        half = stores & ~whole & (at + 4 <= length)
        for rows, limit in ((whole, MAX_FRAMES[trace.levels]), (half, _HALF_FRAMES)):
            rows = np.flatnonzero(rows)
            shift = 8 * at[rows]
            entry = values[rows] >> shift
            if size == 4 or limit == _HALF_FRAMES:
                entry &= _LOW
            new, fits = _relocated(entry, trace.guest_pages, base, total, limit)
            if not fits.all():
                worst = events[rows[np.argmin(fits)]]
                raise TraceError(
                    f"{trace.name}, line {worst.line}: the frame in {unsigned(worst.value):#x} cannot be moved and "
                    f"stay below {limit:#x}, on a machine of {total:,} pages"
                )
            values[rows] += (new - entry) << shift
    events.value[:] = values
    return events


def _relocated(entry: np.ndarray, pages: int, base: int, total: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return entries (int64[n]) of a trace of `pages` frames moved, and whether each fits below frame `limit`."""
    frame = (entry >> 12) & FRAME_MASK
    above = -(-(total - pages) // ALIGNMENT) * ALIGNMENT
    by = np.where(frame < pages, base, np.where(frame < total, above, 0))
    by[entry & P == 0] = 0
    return entry + (by << 12), (by == 0) | (frame + by < limit)


def weave(
    processes: list[Process], mode: tuple[int, int, int, int], turns: list[tuple[Process, int]]
) -> tuple[list[np.ndarray], list[tuple[Process, int] | None]]:
    """Put processes together.

    Parameters
    ----------
    processes : list of Process
        Before their first turn.
    mode : tuple of int
    turns : list of (Process, int)
        Who goes on, and up to which of its rows.

    Returns
    -------
    parts : list of EVENT[n]
    origin : list of (Process, int) or None
        Whose each part is, and the row it begins with; None for switches.
    """
    now: dict[int, list[int]] = {}  # by vCPU with paging on: WP, NX, PSE
    parts = [process.events[: process.head] for process in processes] + [process.gap for process in processes]
    origin: list[tuple[Process, int] | None] = [(process, 0) for process in processes] + [None] * len(processes)

    def switch(process: Process, vcpu: int, load: bool) -> None:
        """Give a vCPU what the process wants of it."""
        wanted = process.switches[vcpu]
        for op, value, is_now in zip(SWITCHES, wanted, now[vcpu], strict=True):
            if value != is_now:
                parts.append(rows_of(op, vcpu, 0, value))
                origin.append(None)
        now[vcpu] = list(wanted)
        if load:
            parts.append(rows_of(CR3, vcpu, process.roots[vcpu]))
            origin.append(None)

    def go_on(process: Process, row: int) -> None:
        if row > process.row:
            parts.append(process.events[process.row : row])
            origin.append((process, process.row))
        process.row = row

    before = None
    for process, stop in turns:
        for vcpu in process.roots if process is not before else ():
            switch(process, vcpu, load=True)
        before = process
        turn = process.events[process.row : stop]
        controls = process.row + np.flatnonzero(np.isin(turn.op, (CR3, *SWITCHES)))
        for row, event in zip(controls.tolist(), process.events[controls].tolist(), strict=True):
            event = dict(zip(EVENT.names, event, strict=True))
            vcpu = event["vcpu"]
            if event["op"] != CR3:
                which = SWITCHES.index(event["op"])
                process.switches[vcpu][which] = now[vcpu][which] = event["value"]
                continue
            if vcpu not in process.roots:
                # Alone it would turn paging on here; it must find the vCPU as if it did.
                process.switches[vcpu] = list(started(mode[0]))
                if vcpu in now:
                    go_on(process, row)
                    switch(process, vcpu, load=False)
                else:
                    now[vcpu] = list(started(mode[0]))
            process.roots[vcpu] = event["address"]
        go_on(process, stop)
    return parts, origin

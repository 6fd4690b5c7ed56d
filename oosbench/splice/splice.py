"""Traces made out of traces: a part of one, several one after the other, several that take turns.

`concatenate` and `interleave` make processes of one machine out of traces. Each has frames of its own, from a multiple
of 4 MiB on, so that large pages stay aligned; its virtual addresses stay, and its tables bring its own mappings along.
So every root, every POKE and every stored value that could be a present entry is moved:

* A value is taken for an entry if its P bit is set, whatever it is stored to; data that nobody interprets may be
  moved too. In 2-level paging 8 bytes are two entries. Where entries have 8 bytes, 4 bytes stored to the first half
  of one are moved as well; the second half must then hold nothing of the frame, so the machine must end at 4 GiB.
  A store of 1 or 2 bytes is not followed: one that makes an entry present that was stored as not present, or zero,
  gives the trace a frame that is not its own.
* A frame beyond a trace's own memory, a device, stays beyond the memory of all: it is moved up if it must be.
* Frames between the memory of two traces are made devices too, which they were to the trace below: a large page may
  reach there. It must be aligned, as on a processor.

Tables are allowed out of sync once every vCPU of the machine has paging on. Where traces use different vCPUs they are
not until a trace has begun on each; the order of the traces can matter for that.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import UsageError
from ..machine import Machine
from ..traces import Trace
from ..traces.events import CR3, P2M, POKE
from .relocation import SWITCHES, Process, processes_of, rows_of, started, weave


def cut(trace: Trace, start: int, stop: int) -> Trace:
    """Return a part of a trace, which runs by itself.

    It begins with what the whole has come to at `start` on a machine of preset ``oos-fixed``: memory (as POKEs of 8
    bytes, frames ascending), types of memory, and the CR3, WP, NX and PSE of each vCPU. A vCPU that had paging off
    has it off.

    What the machine remembers beside that is not in it: a table that was out of sync at `start` is in sync, so that
    its stores are seen at once and not at the next flush. Where the guest had yet to flush, an outcome may differ.

    Parameters
    ----------
    trace : Trace
    start, stop : int
        Numbers of events, from 0 (a POKE is none): from `start` up to `stop`, without it.

    Returns
    -------
    Trace
        Its last ``stop - start`` events are those of the part.

    Raises
    ------
    UsageError
        If there is no such part.
    TraceError
        If the trace says something impossible.
    Crash
        If the original would have crashed before `start`.
    """
    first = _whole("start", start, 0, len(trace))
    last = _whole("stop", stop, first, len(trace))
    numbered = np.append(np.flatnonzero(trace.events.op != POKE), len(trace.events))
    machine = Machine(trace, "oos-fixed", keep_outcomes=False)
    machine.run(stop=int(numbered[first]))
    events = np.concatenate([_as_it_is(machine), trace.events[numbered[first] : numbered[last]]])
    mode = (trace.levels, trace.vcpus, trace.guest_pages, trace.shadow_pages)
    return Trace.from_events(mode, events, f"{trace.name}[{first}:{last}]")


def concatenate(traces: Iterable[Trace]) -> Trace:
    """Return traces one after the other, as processes of one machine.

    Each finds the vCPUs as if its first CR3 load had turned their paging on: WP, NX and PSE that another trace left
    differently are switched before that. The initial POKEs of all come first.

    What a trace sees is the same as alone, but for stores to its tables that it has yet to flush: when those are seen
    depends, as far as a TLB may, on the size of the shadow pool and on what is out of sync beside them.

    Parameters
    ----------
    traces : iterable of Trace
        Of the same `levels`.

    Returns
    -------
    Trace
        With as many vCPUs as the largest, and the memory and `shadow_pages` of all.

    Raises
    ------
    UsageError
        If there is no trace.
    TraceError
        If a trace says something impossible, or they do not fit together: other `levels`, more memory than their mode
        has, or a vCPU that does something before its first CR3 load (with paging off it has no memory of its own).
    """
    processes, mode = processes_of(traces)
    turns = [(process, len(process.events)) for process in processes]
    return _woven(processes, mode, turns, " + ")


def interleave(traces: Iterable[Trace], quantum: int = 1000, rates: Sequence[float] | None = None) -> Trace:
    """Return traces as processes of one machine that take turns.

    A turn begins with the switch: on each vCPU where the trace has paging on, WP, NX and PSE where they differ, and a
    CR3 load of its root. There is none if nobody else had a turn since. The initial POKEs of all come first.

    The load is a TLB flush that the trace alone does not have, and in PAE it reads the four L3 entries anew; and tables
    of others push this trace's out of the slots of tables out of sync. So a store to a table that the trace has yet to
    flush may be seen earlier than alone, which a process on real hardware must reckon with at any time. A trace that
    flushes what it changed before it uses it sees the same as alone.

    Parameters
    ----------
    traces : iterable of Trace
        Of the same `levels`.
    quantum : int
        Events in a turn.
    rates : sequence of float, optional
        How fast each goes: a turn has `quantum * rate` events, rounded so that its turns together are right. At least
        1 / `quantum`; all 1 if not given.

    Returns
    -------
    Trace
        With as many vCPUs as the largest, and the memory and `shadow_pages` of all.

    Raises
    ------
    UsageError
        If there is no trace, or `quantum` or `rates` make no sense.
    TraceError
        As for `concatenate`.
    """
    traces = list(traces)
    quantum = _whole("quantum", quantum, 1, 2**31 - 1)
    rates = [1.0] * len(traces) if rates is None else [float(rate) for rate in rates]
    if len(rates) != len(traces):
        raise UsageError(f"rates has {len(rates)} numbers, must have one for each of the {len(traces)} traces")
    for i, rate in enumerate(rates):
        if not 1 <= quantum * rate < 2**31:
            raise UsageError(
                f"rates[{i}] is {rate:g}, must be at least 1 / quantum ({1 / quantum:g}) and give turns below 2**31"
            )
    processes, mode = processes_of(traces)
    # By trace, the rows where its turns end, a POKE with the event behind it.
    ends = []
    for process, rate in zip(processes, rates, strict=True):
        body = process.events[process.head :]
        behind = process.head + np.flatnonzero(body.op != POKE) + 1
        turns = np.arange(1, len(behind) / (quantum * rate) + 1)
        numbers = np.unique(np.minimum(np.round(turns * quantum * rate).astype(np.int64), len(behind)))
        ends.append([*behind[numbers - 1][:-1].tolist(), len(process.events)])
    turns = [
        (process, end[turn])
        for turn in range(max(map(len, ends)))
        for process, end in zip(processes, ends, strict=True)
        if turn < len(end)
    ]
    return _woven(processes, mode, turns, " | ")


# --- parts -------------------------------------------------------------------------------------------------------


def _whole(what: str, value: int, least: int, most: int) -> int:
    """Return a parameter that must be a whole number in a range."""
    try:
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{what} is {value!r}, must be a whole number") from None
    if not least <= number <= most:
        raise UsageError(f"{what} is {number}, must be {least} to {most}")
    return number


def _woven(
    processes: list[Process], mode: tuple[int, int, int, int], turns: list[tuple[Process, int]], between: str
) -> Trace:
    """Return the trace of a machine on which processes take these turns."""
    parts, _ = weave(processes, mode, turns)
    return Trace.from_events(mode, np.concatenate(parts), between.join(process.name for process in processes))


def _as_it_is(machine: Machine) -> np.ndarray:
    """Return the events that bring a new machine where this one is: memory, types of memory, vCPUs."""
    domain = machine.domain
    memory, frames = domain.memory[:-1].reshape(-1), domain.frames[:-1]
    words = np.flatnonzero(memory)
    types = np.flatnonzero(frames.p2m_type)
    parts = [rows_of(POKE, 0, 8 * words, memory[words]), rows_of(P2M, 0, types, frames.p2m_type[types])]
    for v, vcpu in enumerate(domain.vcpus):
        at_start = (0, 0, 0)
        if vcpu.paged:
            at_start = started(machine.trace.levels)
            load = rows_of(CR3, v, vcpu.cr3)
            if machine.trace.levels == 3:
                # The processor holds the L3 entries as they were at the last load: memory is so while it loads.
                first = vcpu.cr3 // 8
                at = np.arange(first, first + 4)
                stale = at[memory[at] != vcpu.gl3e]
                load = np.concatenate(
                    [
                        rows_of(POKE, 0, 8 * stale, vcpu.gl3e[stale - first]),
                        load,
                        rows_of(POKE, 0, 8 * stale, memory[stale]),
                    ]
                )
            parts.append(load)
        for op, now, before in zip(SWITCHES, (vcpu.wp, vcpu.nx, vcpu.pse), at_start, strict=True):
            if now != before:
                parts.append(rows_of(op, v, 0, now))
    return np.concatenate(parts)

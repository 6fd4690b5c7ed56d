"""The ideal: the least that any correct shadow of these page tables does on this trace.

Modelled: an exit for each CR3 load, INVLPG and change of a control register, for without them nobody knows when the
guest's TLB forgets; an exit for each fault that is the guest's to handle; and each guest entry that is used looked up,
derived and written once, and once more when it is used after it has changed. A large page is one entry.

Abstracted: everything by which it would know what changed. Nothing is scanned, copied, compared, trapped or flushed;
accessed and dirty bits appear in the guest's entries by themselves; shadows are never thrown out. No shadow can be that
good; one that comes near has nothing left to gain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiled import entry, jit, writeable
from ..costs import Tally
from ..machine import Result
from ..shadow.guest import store
from ..shadow.replay import EMUL, OK
from ..traces.events import CR3, POKE, WRITE, WRITEHL
from ..traces.follow import find_leaf
from ..x86 import A, D, P, get_entry

_NONE = -1


class Guest(NamedTuple):
    """What a pass over a trace needs to know.

    Attributes
    ----------
    memory : int64[guest_pages, 512]
    roots : int64[vcpus]
        CR3, -1 before the first load.
    shadowed : int64[guest_pages, 1024]
        Each entry as it was when it was derived last, without A and D; 0 for never.
    """

    memory: np.ndarray
    roots: np.ndarray
    shadowed: np.ndarray


@jit
def _use(g, levels, v, va):
    """Use the entry that maps `va`; return whether it had to be derived, and the address that `va` means."""
    table, index, place = find_leaf(g, levels, v, va, P)
    if table == _NONE:
        return False, place
    plain = get_entry(g.memory[table], index, levels) & ~(A | D)
    new = g.shadowed[table, index] != plain
    g.shadowed[table, index] = plain
    return new, place


@entry
def used_entries(g, events, outcomes, levels):
    """Return how many entries had to be derived over a trace.

    Parameters
    ----------
    g : Guest
    events : EVENT[n]
    outcomes : RESULT[n]
        Of a machine that ran it: an access that faulted uses no entry.
    levels : int
    """
    derived = 0
    for row in range(len(events)):
        event = events[row]
        v = np.int64(event.vcpu)
        if event.op == POKE:
            store(g, event.address >> 12, event.address & 4095, event.value, np.int64(event.width))
        elif event.op == CR3:
            g.roots[v] = event.address
        outcome = outcomes[row].outcome
        if outcome != OK and outcome != EMUL:
            continue
        new, place = _use(g, levels, v, event.address)
        derived += new
        if place == _NONE or place >> 12 >= len(g.memory):
            continue  # paging is off, or it is no RAM
        if event.op == WRITE:
            store(g, place >> 12, place & 4095, event.value, np.int64(event.width))
        elif event.op == WRITEHL:
            store(g, place >> 12, place & 4095, event.value, np.int64(8))
    return derived


def ideal(result: Result) -> Tally:
    """Return what the ideal does.

    Parameters
    ----------
    result : Result
        Of any machine that kept the outcomes: it tells which accesses the guest was allowed.
    """
    trace = result.trace
    guest = Guest(
        np.zeros((trace.guest_pages, 512), np.int64),
        np.full(trace.vcpus, _NONE),
        np.zeros((trace.guest_pages, 1024 if trace.levels == 2 else 512), np.int64),
    )
    derived = used_entries(guest, writeable(trace.events), result.outcomes, trace.levels)
    c = result.counters
    counts = {
        "vmexit_pf": c.fault_guest + c.hvm_inject,
        "vmexit_cr3": c.cr3_loads,
        "vmexit_invlpg": c.invlpgs,
        "vmexit_cr": c.vmexit_cr,
        "p2m_lookup": derived,
        "propagate": derived,
        "set_l1e_call": derived,
        "sl1e_write": derived,
    }
    return Tally.of(trace, "ideal", counts)

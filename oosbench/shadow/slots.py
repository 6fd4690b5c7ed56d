"""Which vCPU holds which out-of-sync page, and in which slot.

A page sits in its home slot (frame number modulo slots) or in the next one. Searches ask every vCPU in
order: the holder is not known to the page.
"""

from __future__ import annotations

from .._jit import jit
from . import counters as ctr
from .crash import NotInSlots
from .state import INVALID


@jit
def find_slot(d, gmfn):
    """Return (vCPU, slot) that hold an out-of-sync page.

    Raises
    ------
    NotInSlots
        If none does; the original dies of it.
    """
    slots = d.config[0].oos_slots
    for v in range(len(d.vcpus)):
        slot = gmfn % slots
        if d.vcpus[v].oos[slot] != gmfn:
            slot = (slot + 1) % slots
        if d.vcpus[v].oos[slot] == gmfn:
            return v, slot
    raise NotInSlots


@jit
def oos_hash_remove(d, gmfn):
    """Empty the slot of a page that is no longer shadowed."""
    v, slot = find_slot(d, gmfn)
    d.vcpus[v].oos[slot] = INVALID


@jit
def oos_snapshot_lookup(d, gmfn):
    """Return the pool page with the snapshot of an out-of-sync page."""
    d.counters[ctr.snapshot_lookups] += 1
    v, slot = find_slot(d, gmfn)
    return d.vcpus[v].oos_snapshot[slot]

"""Which vCPU holds which out-of-sync page, and in which slot.

A page sits in its home slot (frame number modulo slots) or in the next one. Searches ask every vCPU in
order: the holder is not known to the page.
"""

from __future__ import annotations

from ..compiled import jit
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
    for v in range(len(d.vcpus)):
        slots = d.vcpus[v].slots
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
def slots_in_use(d, v):
    """Return how many slots of `v` hold a page."""
    held = 0
    for slot in range(d.vcpus[v].slots):
        held += d.vcpus[v].oos[slot] != INVALID
    return held

"""**The snapshot**: a copy of a guest L1, kept from the moment it goes out of sync.

It holds *the guest value last fed to* `propagate_l1e`, for every entry that is present in the shadow. Five writers
keep it so: the copy (`take_snapshot`), the fault handler and its prefetch (`fault.py`), the validation of an emulated
write (`validate.py`), and the resync itself (`content.py`).
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import set_entry
from . import counters as ctr
from .guest import is_oos
from .slots import find_slot
from .state import SNAPSHOT_OFF


@jit
def has_snapshot(d, gmfn):
    """Say whether a guest page is out of sync, with a snapshot that must follow what is derived from it."""
    return is_oos(d, gmfn) and d.frames[gmfn].has_snapshot != 0


@jit
def snapshot_is_due(d, gmfn):
    """Say whether a page that goes out of sync gets a snapshot.

    With the axis `lazy_snapshot`, an idea of this project, only one that was brought into sync before: of a table
    that goes out of sync once in its life the copy is never worth its while.
    """
    if d.config[0].snapshot == SNAPSHOT_OFF:
        return False
    return not d.config[0].lazy_snapshot or d.frames[gmfn].passes > 0


@jit
def copy_page(target, page):
    """Copy a page (the compiler makes it a call of the C library's own)."""
    for i in range(512):
        target[i] = page[i]


@jit
def take_snapshot(d, v, slot):
    """Copy the page in `slot` of `v`."""
    vcpu = d.vcpus[v]
    gmfn = vcpu.oos[slot]
    copy_page(d.tables[vcpu.oos_snapshot[slot]], d.memory[gmfn])
    d.frames[gmfn].has_snapshot = 1
    d.counters[ctr.snapshot_copies] += 1


@jit
def oos_snapshot_lookup(d, gmfn):
    """Return the pool page with the snapshot of an out-of-sync page."""
    d.counters[ctr.snapshot_lookups] += 1
    v, slot = find_slot(d, gmfn)
    return d.vcpus[v].oos_snapshot[slot]


@jit
def note_in_snapshot(d, gmfn, index, levels, entry):
    """Let the snapshot of a page, if it has one, follow `entry`, which its shadow was just derived from."""
    if has_snapshot(d, gmfn):
        set_entry(d.tables[oos_snapshot_lookup(d, gmfn)], index, levels, entry)
        d.counters[ctr.snapshot_writes] += 1

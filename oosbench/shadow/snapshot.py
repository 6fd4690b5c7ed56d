"""**The snapshot**: a copy of a guest L1, kept from the moment it goes out of sync.

It holds *the guest value last fed to* `propagate_l1e`, for every entry that is present in the shadow. Five writers
keep it so: the copy (`take_snapshot`), the fault handler and its prefetch (`fault.py`), the validation of an emulated
write (`validate.py`), and the resync itself (`content.py`).

The copy is made line by line. Before the first store to a line of 64 bytes the snapshot page takes what is in it, and
the line is marked as `kept`; of a line that is not kept, the page itself is the snapshot. So nothing is copied that
nobody writes, and a resync looks only at lines that were written since the last one. What is counted is the copy of the
whole page, as the original makes it. Without trust in the snapshot, and for whoever reads it as a page, it is made.
"""

from __future__ import annotations

import numpy as np

from ..compiled import jit
from ..x86 import set_entry
from . import counters as ctr
from .guest import is_oos
from .slots import find_slot
from .state import SNAPSHOT_OFF, SNAPSHOT_TRUSTED, Domain


@jit
def has_snapshot(d, gmfn):
    """Say whether a guest page is out of sync, with a snapshot that must follow what is derived from it."""
    return is_oos(d, gmfn) and d.lag[gmfn].snapshot != 0


@jit
def snapshot_is_due(d, gmfn):
    """Say whether a page that goes out of sync gets a snapshot.

    With the axis `lazy_snapshot`, an idea of this project, only one that was brought into sync before: of a table
    that goes out of sync once in its life the copy is never worth its while.
    """
    if d.config[0].snapshot == SNAPSHOT_OFF:
        return False
    return not d.config[0].lazy_snapshot or d.lag[gmfn].passes > 0


@jit
def copy_page(target, page):
    """Copy a page (the compiler makes it a call of the C library's own)."""
    for i in range(512):
        target[i] = page[i]


@jit
def take_snapshot(d, v, slot):
    """Let the page in `slot` of `v` have a snapshot: of each line as it is when it is first written."""
    vcpu = d.vcpus[v]
    gmfn = vcpu.oos[slot]
    lag = d.lag[gmfn]
    lag.snapshot = vcpu.oos_snapshot[slot]
    lag.written = lag.kept = 0
    if d.config[0].snapshot != SNAPSHOT_TRUSTED:
        copy_page(d.tables[lag.snapshot], d.memory[gmfn])
        lag.kept = -1
    d.counters[ctr.snapshot_copies] += 1


@jit
def complete_snapshot(d, gmfn):
    """Copy the lines that the snapshot of a page does not keep yet."""
    lag = d.lag[gmfn]
    for line in range(64):
        if lag.kept >> line & 1 == 0:
            for w in range(8 * line, 8 * line + 8):
                d.tables[lag.snapshot, w] = d.memory[gmfn, w]
    lag.kept = -1


def snapshot_as_page(d: Domain, gmfn: int) -> np.ndarray:
    """Return the snapshot of an out-of-sync page that has one, for who looks at the machine from outside.

    Returns
    -------
    int64[512]
    """
    lag = d.lag[gmfn]
    kept = np.repeat(int(lag.kept) >> np.arange(64) & 1 != 0, 8)
    return np.where(kept, d.tables[lag.snapshot], d.memory[gmfn])


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

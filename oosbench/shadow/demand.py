"""Slots by demand, an idea of this project (axis `demand_slots`): as many as the guest's writes ask for.

Xen gives every vCPU three. Here their number follows the evictions: it doubles after a time between two CR3 loads
in which a page was evicted, and is halved again once a quarter would have been enough for a while. It changes only
at a CR3 load, when all slots are empty: what they hold finds its place by their number.
"""

from __future__ import annotations

from ..compiled import jit
from .pool import alloc, free, space_is_available
from .state import INVALID, MAX_SLOTS, SNAPSHOT_OFF
from .types import OOS_SNAPSHOT

_PATIENCE = 16  # CR3 loads


@jit
def fit_slots(d, v, held):
    """Give `v`, whose slots are empty, as many as it needs; it held `held` pages till now."""
    vcpu = d.vcpus[v]
    slots = vcpu.slots
    if vcpu.evicted and 2 * slots <= MAX_SLOTS:
        _set_slots(d, v, 2 * slots)
    vcpu.idle_loads = vcpu.idle_loads + 1 if 4 * held <= slots and not vcpu.evicted else 0
    vcpu.evicted = 0
    if vcpu.idle_loads == _PATIENCE:
        vcpu.idle_loads = 0
        if slots >= 2 * d.config[0].oos_slots:
            _set_slots(d, v, slots // 2)


@jit
def _set_slots(d, v, slots):
    """Change the number of empty slots, and with it that of snapshot pages, if the pool has room for them."""
    vcpu = d.vcpus[v]
    before = vcpu.slots
    if d.config[0].snapshot != SNAPSHOT_OFF:
        if slots > before and not space_is_available(d, 0, slots - before):
            return
        for slot in range(before, slots):
            vcpu.oos_snapshot[slot] = alloc(d, OOS_SNAPSHOT, 0)
        for slot in range(slots, before):
            free(d, vcpu.oos_snapshot[slot])
            vcpu.oos_snapshot[slot] = INVALID
    vcpu.slots = slots

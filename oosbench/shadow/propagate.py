"""Guest entry in, shadow entry out.

G, AVL and the cache bits never reach the shadow, nor does the guest's D: a writable shadow entry *means* that
the guest's D is set. Accessed and dirty bits are deferred: without the guest's A the shadow entry is not
present, without its D it is not writable, so the first use faults and the guest's bits get set.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import NX, PSE, RW, US, A, D, P
from . import counters as ctr
from .guest import is_page_table, may_write
from .state import INVALID, MMIO_DM, RAM_RO
from .types import GNP, mmio_magic

# Why an entry is set (Xen: fetch_type_t).
PREFETCH, DEMAND_READ, DEMAND_WRITE = 1, 2, 6


@jit
def supports_superpages(d, v, levels):
    """Say whether the PSE bit of an L2 entry counts for `v` in tables of `levels` levels."""
    vcpu = d.vcpus[v]
    return levels != 2 or not vcpu.paged or vcpu.pse


@jit
def propagate_l1e(d, v, entry, levels, target, kind, gfn, fetch):
    """Return the shadow of a guest L1 entry that maps `gfn`, found to be frame `target` of type `kind`.

    Xen: l1e_propagate_from_guest.
    """
    d.counters[ctr.propagate] += 1
    config = d.config[0]
    if entry & P == 0:
        return GNP if config.fast_fault_path and not config.no_gnp else 0
    if kind == MMIO_DM:
        return mmio_magic(gfn, entry) if config.fast_fault_path else 0
    bits = entry & (P | RW | US | A)
    if levels > 2 and d.vcpus[v].nx:
        bits |= entry & NX
    if entry & A == 0:
        bits &= ~P
    if entry & D == 0 or kind == RAM_RO:
        bits &= ~RW
    elif is_page_table(d, target):
        # No writable mapping of a page table, unless it may go out of sync with its shadow.
        allowed = may_write(d, target) and (fetch == DEMAND_WRITE or not config.demand_rw)
        if not allowed:
            bits &= ~RW
    return target << 12 | bits


@jit
def propagate_upper(d, v, entry, level, levels, smfn):
    """Return the shadow of a guest L2, L3 or L4 entry whose table is shadowed by `smfn` (INVALID: by none).

    Upper entries always carry A and D, because the linear map uses them as leaf entries.
    """
    d.counters[ctr.propagate] += 1
    if entry & P == 0 or smfn == INVALID:
        return 0
    bits = entry & (P | RW | US | A)
    if levels > 2 and d.vcpus[v].nx:
        bits |= entry & NX
    if entry & A == 0:
        bits &= ~P
    if level == 2 and entry & PSE and entry & D == 0 and supports_superpages(d, v, levels):
        bits &= ~RW
    return smfn << 12 | bits | A | D

"""The virtual TLB: what walks for the emulator found, 13 of them, by page number.

Without it (axis `virtual_tlb`) nothing is ever remembered.
"""

from __future__ import annotations

from ..compiled import jit
from .state import INVALID, VTLB_ENTRIES

_PAGE_NUMBER = (1 << 52) - 1


@jit
def vtlb_insert(d, v, va, gfn, error):
    """Remember that a walk for `va` with error-code bits `error` found `gfn`. Xen: vtlb_insert."""
    if not d.config[0].virtual_tlb:
        return
    page = (va >> 12) & _PAGE_NUMBER
    vcpu = d.vcpus[v]
    vcpu.vtlb_page[page % VTLB_ENTRIES] = page
    vcpu.vtlb_gfn[page % VTLB_ENTRIES] = gfn
    vcpu.vtlb_pfec[page % VTLB_ENTRIES] = error


@jit
def vtlb_lookup(d, v, va, error):
    """Return the gfn that a walk with at least these error-code bits found, INVALID if none did."""
    page = (va >> 12) & _PAGE_NUMBER
    vcpu = d.vcpus[v]
    known = vcpu.vtlb_pfec[page % VTLB_ENTRIES]
    if known & error == error and vcpu.vtlb_page[page % VTLB_ENTRIES] == page:
        return vcpu.vtlb_gfn[page % VTLB_ENTRIES]
    return INVALID


@jit
def vtlb_flush(d, v):
    """Forget all walks."""
    for i in range(VTLB_ENTRIES):
        d.vcpus[v].vtlb_pfec[i] = 0

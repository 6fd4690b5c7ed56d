"""TLB flushes. The machine has no TLB, every access walks the shadow; so they are counted."""

from __future__ import annotations

from ..compiled import jit
from . import counters as ctr


@jit
def flush_domain(d):
    """Flush the TLBs of every processor that runs the domain (Xen: flush_tlb_mask)."""
    d.counters[ctr.tlb_flush_mask] += 1


@jit
def flush_local(d):
    """Flush the TLB of this processor."""
    d.counters[ctr.tlb_flush_local] += 1

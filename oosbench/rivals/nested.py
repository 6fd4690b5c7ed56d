"""Nested paging: the processor walks the guest's tables and the hypervisor's at once; nobody shadows anything.

Modelled: no exit for a page table, a CR3 load, an INVLPG or a fault of the guest; each TLB miss walks in two
dimensions, 24 memory references at worst for four levels on four, 4.4 on average with walk caches, where a walk of one
dimension takes 4 and 1.5 (Park et al., ASPLOS 2022). It is charged for what its walks take beyond those of one
dimension: these a machine without a hypervisor makes too, and so does one that shadows.

Abstracted: faults of the hypervisor's own tables, which are built once. TLB misses are the recording's first touches of
a page since the last flush, *unthinned*: those of a TLB without end, so a lower bound. For a trace that is no recording
its accesses are all there is.
"""

from __future__ import annotations

import numpy as np

from ..costs import Tally
from ..recordings import Recording
from ..traces import Trace
from ..traces.events import ACCESS, WRITE, WRITEHL

#: Memory references of a walk with walk caches, in one dimension and in two; and at worst in two.
NATIVE, TWO_DIMENSIONAL, WORST = 1.5, 4.4, 24


def misses(source: Trace | Recording, trace: Trace) -> int:
    """Return how many TLB misses there are at least: touches of a recording, or the accesses of a trace."""
    if isinstance(source, Recording) and source.touches is not None:
        return len(source.touches["kind"])
    return int(np.isin(trace.events.op, (ACCESS, WRITE, WRITEHL)).sum())


def nested(trace: Trace, touches: int, references: float = TWO_DIMENSIONAL, name: str = "nested") -> Tally:
    """Return what nested paging does.

    Parameters
    ----------
    trace : Trace
    touches : int
        TLB misses, from `misses`.
    references : float
        Memory references that each takes.
    name : str
    """
    return Tally.of(trace, name, {"walk_reference": round((references - NATIVE) * touches)})

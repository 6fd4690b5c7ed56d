"""What the audits write to: violations, and room to count in.

An audit recounts from the tables, rather than trust what the machine remembers, and changes nothing: no counter, no
order of a chain. So it has its own way to look for a shadow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiled import jit
from .hash import bucket_of
from .state import Domain
from .types import L4_64, ORDER

#: Something that should not be: which invariant, where, what was found and what should be. Fields without a meaning
#: for an invariant are -1.
VIOLATION = np.dtype([(name, np.int64) for name in "invariant what vcpu gmfn smfn index found expected".split()])
ROOM = 64


class Auditor(NamedTuple):
    """What the audits work with.

    Attributes
    ----------
    violations : VIOLATION[ROOM]
    count : int64[1]
        How many there were; those beyond ROOM are not kept.
    references, writable : int64[guest_pages + 1]
        By guest frame: entries that refer to it, and those that map it writable.
    links : int64[pool_pages]
        By shadow: upper entries that refer to it.
    reached : int64[pool_pages]
        By shadow: whether the vCPU in question can reach it.
    """

    violations: np.ndarray
    count: np.ndarray
    references: np.ndarray
    writable: np.ndarray
    links: np.ndarray
    reached: np.ndarray


def new_auditor(d: Domain) -> Auditor:
    """Return an auditor for a machine."""
    return Auditor(
        violations=np.zeros(ROOM, VIOLATION).view(np.recarray),
        count=np.zeros(1, np.int64),
        references=np.zeros(len(d.frames), np.int64),
        writable=np.zeros(len(d.frames), np.int64),
        links=np.zeros(len(d.tables), np.int64),
        reached=np.zeros(len(d.tables), np.int64),
    )


@jit
def report(a, invariant, what, vcpu, gmfn, smfn, index, found, expected):
    """Take down a violation."""
    if a.count[0] < len(a.violations):
        violation = a.violations[a.count[0]]
        violation.invariant = invariant
        violation.what = what
        violation.vcpu = vcpu
        violation.gmfn = gmfn
        violation.smfn = smfn
        violation.index = index
        violation.found = found
        violation.expected = expected
    a.count[0] += 1


@jit
def is_first_page(d, smfn):
    """Say whether a pool page is the first of a shadow."""
    kind = d.shadows[smfn].type
    return 0 < kind <= L4_64 and smfn & ((1 << ORDER[kind]) - 1) == 0


@jit
def find_shadow(d, number, kind):
    """Return the shadow of a guest page (of an fl1: its gfn) as `kind`, 0 if there is none."""
    smfn = d.hash[bucket_of(number, kind)]
    while smfn != 0 and (d.shadows[smfn].backpointer != number or d.shadows[smfn].type != kind):
        smfn = d.shadows[smfn].next_shadow
    return smfn


@jit
def find_owner(d, gmfn):
    """Return (vCPU, slot) that hold a page, (-1, -1) if none does."""
    for v in range(len(d.vcpus)):
        for slot in range(d.vcpus[v].slots):
            if d.vcpus[v].oos[slot] == gmfn:
                return v, slot
    return -1, -1

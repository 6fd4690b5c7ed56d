"""Walks over the shadow: the hardware's, and the shadow code's own through its linear map.

A 64-bit guest has four levels of shadow below one root. All others have three, the topmost being four
entries that each vCPU keeps for itself (`l3table`) and of which the hardware looks at P alone.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import NX, PFEC_I, PFEC_P, PFEC_RSVD, PFEC_U, PFEC_W, RW, US, P, frame_of
from . import counters as ctr
from .types import is_magic

NOT_MAPPED = 0  # pool page 0 is never a shadow
assert (PFEC_W, PFEC_U) == (RW, US)


@jit
def index_of(va, level):
    """Return the index of `va` in a shadow table page of `level`."""
    return (va >> (3 + 9 * level)) & 511


@jit
def _below(d, page, va, level):
    """Return the page that the entry for `va` in a page of `level` points to."""
    if page == NOT_MAPPED:
        return page
    entry = d.tables[page, index_of(va, level)]
    return frame_of(entry) if entry & P else NOT_MAPPED


@jit
def shadow_l3(d, v, va):
    """Return the shadow L3 page that translates `va`, for a vCPU in 64-bit mode."""
    return _below(d, d.vcpus[v].shadow_table[0], va, 4)


@jit
def shadow_l2(d, v, va):
    """Return the shadow L2 page that translates `va`."""
    if d.vcpus[v].levels != 4:
        return d.vcpus[v].l3table[(va >> 30) & 3]
    return _below(d, shadow_l3(d, v, va), va, 3)


@jit
def shadow_l1(d, v, va):
    """Return the shadow L1 page that translates `va`."""
    d.counters[ctr.shadow_walk] += 1
    return _below(d, shadow_l2(d, v, va), va, 2)


@jit
def refuses(granted, no_fetch, wanted):
    """Say whether rights `granted` on all levels (US, RW), and NX on any, refuse the access bits of an error code."""
    refused = (wanted & PFEC_U and granted & US == 0) or (wanted & PFEC_W and granted & RW == 0)
    return refused or (wanted & PFEC_I and no_fetch)


@jit
def hardware_walk(d, v, va, wanted):
    """Translate `va` as the processor would, which has only the shadow tables and no TLB.

    Parameters
    ----------
    wanted : int
        W, U and I bits of the access, as in an error code.

    Returns
    -------
    sl1mfn : int
        The shadow L1 page, NOT_MAPPED if the walk faulted.
    code : int
        The error code of the fault.
    """
    vcpu = d.vcpus[v]
    code = wanted if vcpu.nx and vcpu.levels > 2 else wanted & ~PFEC_I
    if vcpu.levels == 4:
        # Most walks end well. An upper entry that is not present points into the pool as well, so all four can be read
        # before anything is asked. (The access bits of an error code are those of the rights they need.)
        e4 = d.tables[vcpu.shadow_table[0], index_of(va, 4)]
        e3 = d.tables[frame_of(e4), index_of(va, 3)]
        e2 = d.tables[frame_of(e3), index_of(va, 2)]
        leaf = d.tables[frame_of(e2), index_of(va, 1)]
        needed = P | (code & (PFEC_W | PFEC_U))
        fetch_refused = code & PFEC_I and (e4 | e3 | e2 | leaf) & NX
        if e4 & e3 & e2 & leaf & needed == needed and not fetch_refused and not is_magic(leaf):
            return frame_of(e2), code
    page = vcpu.shadow_table[0] if vcpu.levels == 4 else vcpu.l3table[(va >> 30) & 3]
    level = 4 if vcpu.levels == 4 else 2
    granted = US | RW
    no_fetch = 0  # NX of any level, which is the sign
    while True:
        if page == NOT_MAPPED:
            return NOT_MAPPED, code
        entry = d.tables[page, index_of(va, level)]
        if entry & P == 0:
            return NOT_MAPPED, code
        if level == 1 and is_magic(entry):
            return NOT_MAPPED, code | PFEC_RSVD | PFEC_P
        granted &= entry
        no_fetch |= entry & NX
        if level == 1:
            break
        page = frame_of(entry)
        level -= 1
    if refuses(granted, no_fetch, code):
        return NOT_MAPPED, code | PFEC_P
    return page, code

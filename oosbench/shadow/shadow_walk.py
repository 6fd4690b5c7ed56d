"""Walks over the shadow: the hardware's, and the shadow code's own through its linear map.

A 64-bit guest has four levels of shadow below one root. All others have three, the topmost being four
entries that each vCPU keeps for itself (`l3table`) and of which the hardware looks at P alone.
"""

from __future__ import annotations

from .._jit import jit
from ..x86 import NX, PFEC_I, PFEC_P, PFEC_RSVD, PFEC_U, PFEC_W, RW, US, P, frame_of
from .types import is_magic

NOT_MAPPED = 0  # pool page 0 is never a shadow


@jit
def index_of(va, level):
    """Return the index of `va` in a shadow table page of `level`."""
    return (va >> (3 + 9 * level)) & 511


@jit
def shadow_l3(d, v, va):
    """Return the shadow L3 page that translates `va`, for a vCPU in 64-bit mode."""
    root = d.vcpus[v].shadow_table[0]
    if root == NOT_MAPPED:
        return NOT_MAPPED
    entry = d.tables[root, index_of(va, 4)]
    return frame_of(entry) if entry & P else NOT_MAPPED


@jit
def shadow_l2(d, v, va):
    """Return the shadow L2 page that translates `va`."""
    if d.vcpus[v].levels != 4:
        return d.vcpus[v].l3table[(va >> 30) & 3]
    sl3mfn = shadow_l3(d, v, va)
    if sl3mfn == NOT_MAPPED:
        return NOT_MAPPED
    entry = d.tables[sl3mfn, index_of(va, 3)]
    return frame_of(entry) if entry & P else NOT_MAPPED


@jit
def shadow_l1(d, v, va):
    """Return the shadow L1 page that translates `va`."""
    sl2mfn = shadow_l2(d, v, va)
    if sl2mfn == NOT_MAPPED:
        return NOT_MAPPED
    entry = d.tables[sl2mfn, index_of(va, 2)]
    return frame_of(entry) if entry & P else NOT_MAPPED


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
    nx = vcpu.nx and vcpu.levels > 2
    code = wanted if nx else wanted & ~PFEC_I
    rights = US | RW
    never = P  # NX of any level shows in the sign
    if vcpu.levels == 4:
        page = vcpu.shadow_table[0]
        level = 4
    else:
        page = vcpu.l3table[(va >> 30) & 3]
        level = 2
    entry = P
    while level > 0:
        if page == NOT_MAPPED:
            return NOT_MAPPED, code
        entry = d.tables[page, index_of(va, level)]
        if entry & P == 0:
            return NOT_MAPPED, code
        if level == 1:
            break
        rights &= entry
        never |= entry
        page = frame_of(entry)
        level -= 1
    if is_magic(entry):
        return NOT_MAPPED, code | PFEC_RSVD | PFEC_P
    rights &= entry
    never |= entry
    if (
        (wanted & PFEC_U and rights & US == 0)
        or (wanted & PFEC_W and rights & RW == 0)
        or (code & PFEC_I and never & NX != 0)
    ):
        return NOT_MAPPED, code | PFEC_P
    return page, code

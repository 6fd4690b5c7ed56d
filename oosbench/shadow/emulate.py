"""Emulated writes to page tables, and their validation.

The instruction is exactly the store of the event: there is no decoding. A 64-bit store that a 32-bit guest
makes as two halves is two stores, of which each may be emulated or hit.
"""

from __future__ import annotations

from .._jit import jit
from ..x86 import PFEC_P, PFEC_W, PSE, P, entry_size, frame_of
from . import counters as ctr
from .entries import refresh_l1e
from .guest import guest_entry, is_oos, is_page_table, is_ram, p2m, set_entry, store
from .guest_walk import guest_walk_tables
from .hash import hash_lookup
from .links import set_upper
from .propagate import propagate_upper, supports_superpages
from .slots import oos_snapshot_lookup
from .state import INVALID, RAM_RO, SNAPSHOT_OFF, VTLB_ENTRIES
from .tlb import flush_domain
from .types import (
    FL1_TYPE,
    GUEST_LEVELS,
    L1_32,
    L1_TYPE,
    L2_32,
    L2_TYPE,
    L3_64,
    L4_64,
    LEVEL,
    SHF_32,
    SHF_PAE_64,
)
from .unshadow import remove_all_shadows, remove_shadows

OKAY, UNHANDLEABLE, EXCEPTION = 0, 1, 2

_PAGE_NUMBER = (1 << 52) - 1
_entry_size = jit(entry_size)


@jit
def vtlb_insert(d, v, va, gfn, error):
    """Remember a walk: 13 entries, by page number. Xen: vtlb_insert."""
    page = (va >> 12) & _PAGE_NUMBER
    vcpu = d.vcpus[v]
    vcpu.vtlb_page[page % VTLB_ENTRIES] = page
    vcpu.vtlb_gfn[page % VTLB_ENTRIES] = gfn
    vcpu.vtlb_pfec[page % VTLB_ENTRIES] = error


@jit
def vtlb_flush(d, v):
    """Forget all walks."""
    for i in range(VTLB_ENTRIES):
        d.vcpus[v].vtlb_pfec[i] = 0


@jit
def _translate(d, v, va):
    """Return (status, frame) for an emulated store to `va`. Xen: emulate_gva_to_mfn.

    The frame is INVALID for a store that is to be dropped.
    """
    page = (va >> 12) & _PAGE_NUMBER
    vcpu = d.vcpus[v]
    at = page % VTLB_ENTRIES
    wanted = PFEC_W | PFEC_P
    if vcpu.vtlb_pfec[at] & wanted == wanted and vcpu.vtlb_page[at] == page:
        gfn = vcpu.vtlb_gfn[at]
    else:
        missing = guest_walk_tables(d, v, va, wanted)
        if missing:
            d.state[0].injected_error = wanted & ~PFEC_P if missing & P else wanted
            return EXCEPTION, INVALID
        gfn = frame_of(d.walk[0].l1e)
        vtlb_insert(d, v, va, gfn, wanted)
    gmfn, kind = p2m(d, gfn)
    if not is_ram(kind):
        return UNHANDLEABLE, INVALID
    if kind == RAM_RO and d.config[0].drop_ro_writes:
        return OKAY, INVALID
    vcpu.last_write_was_pt = is_page_table(d, gmfn)
    return OKAY, gmfn


@jit
def reset_early_unshadow(d, v):
    """Forget the frame of the last emulated zero."""
    d.vcpus[v].last_emulated_mfn_for_unshadow = INVALID


@jit
def _check_for_early_unshadow(d, v, gmfn):
    """Unshadow a page that gets a second zero in a row: it is probably being cleared for another use."""
    vcpu = d.vcpus[v]
    if vcpu.last_emulated_mfn_for_unshadow == gmfn and is_page_table(d, gmfn):
        d.counters[ctr.shadow_early_unshadow] += 1
        remove_shadows(d, gmfn, True, False)
    vcpu.last_emulated_mfn_for_unshadow = gmfn


@jit
def emulated_write(d, v):
    """Do the next store of the instruction on behalf of the guest. Xen: sh_x86_emulate_write.

    Returns
    -------
    int
        OKAY; EXCEPTION if the guest's own tables forbid it; UNHANDLEABLE if the instruction has no store left.
    """
    state = d.state[0]
    if state.pending_stores == 0:
        return UNHANDLEABLE
    va, value, length = state.pending_va[0], state.pending_value[0], state.store_size
    status, gmfn = _translate(d, v, va)
    if status != OKAY:
        return status
    state.pending_stores -= 1
    state.pending_va[0], state.pending_value[0] = state.pending_va[1], state.pending_value[1]
    state.stores_emulated += 1
    d.counters[ctr.emul_writes] += 1
    if gmfn == INVALID:
        return OKAY
    if va & (length - 1):
        remove_shadows(d, gmfn, False, False)  # unaligned: probably no page table
    offset = va & 4095
    word, shift = offset >> 3, 8 * (offset & 7)
    low_bit_was_clear = (d.memory[gmfn, word] >> shift) & P == 0
    store(d, gmfn, offset, value, length)
    if length >= 4 and value & 0xFFFFFFFF == 0 and va & (_entry_size(d.vcpus[v].levels) - 1) == 0:
        _check_for_early_unshadow(d, v, gmfn)
    else:
        reset_early_unshadow(d, v)
    # An entry that was not present and still is not need not be validated, if the store covers no other.
    flags = d.frames[gmfn].shadow_flags
    harmless = (flags & SHF_32 == 0 and va & 7 == 0) or (flags & SHF_PAE_64 == 0 and va & 3 == 0 and length <= 4)
    if not (low_bit_was_clear and value & P == 0 and harmless):
        _validate_guest_pt_write(d, v, gmfn, offset, length)
    state.gtable_dirty_version += 1
    return OKAY


@jit
def _validate_guest_pt_write(d, v, gmfn, offset, length):
    """Make the shadows of a page follow a store to it. Xen: sh_validate_guest_pt_write."""
    flush = error = False
    for kind in range(L1_32, L4_64 + 1):
        if d.frames[gmfn].shadow_flags & 1 << kind == 0:
            continue
        levels = GUEST_LEVELS[kind]
        smfn = hash_lookup(d, gmfn, kind)
        width = _entry_size(levels)
        for index in range(offset // width, (offset + length - 1) // width + 1):
            if LEVEL[kind] == 1:
                _validate_gl1e(d, v, gmfn, index, smfn + (index >> 9), levels)
            else:
                flushes, bad = _validate_upper(d, v, gmfn, index, smfn, kind)
                flush |= flushes
                error |= bad
    if flush:
        flush_domain(d)
    if error:
        remove_shadows(d, gmfn, False, False)  # probably no page table any more


@jit
def _validate_gl1e(d, v, gmfn, index, sl1mfn, levels):
    """Derive one leaf entry anew. For an out-of-sync table its snapshot follows. Xen: validate_gl1e."""
    d.counters[ctr.shadow_validate_gl1e_calls] += 1
    entry = guest_entry(d, gmfn, index, levels)
    refresh_l1e(d, v, sl1mfn, index & 511, entry, levels)
    if is_oos(d, gmfn) and d.config[0].snapshot != SNAPSHOT_OFF:
        set_entry(d.tables[oos_snapshot_lookup(d, gmfn)], index, levels, entry)
        d.counters[ctr.snapshot_writes] += 1


@jit
def _validate_upper(d, v, gmfn, index, smfn, kind):
    """Derive one upper entry anew, linking only a shadow that exists already.

    Returns
    -------
    flush, bad : bool
        Whether TLBs need a flush, and whether the entry points to no RAM. Xen: validate_gl{2,3,4}e.
    """
    level, levels = LEVEL[kind], GUEST_LEVELS[kind]
    d.counters[ctr.shadow_validate_gl1e_calls + level - 1] += 1
    entry = guest_entry(d, gmfn, index, levels)
    child, bad = 0, False
    if entry & P:
        gfn = frame_of(entry)
        if level == 2 and entry & PSE and supports_superpages(d, v, levels):
            child = hash_lookup(d, gfn, FL1_TYPE[levels])
        else:
            target, memory = p2m(d, gfn)
            bad = not is_ram(memory)
            if not bad and level == 2:
                child = hash_lookup(d, target, L1_TYPE[levels])
            elif not bad:
                child = hash_lookup(d, target, L2_TYPE[levels] if level == 3 else L3_64)
    page, slot = smfn, index
    if kind == L2_32:
        page, slot = smfn + (index >> 8), 2 * (index & 255)
    new = propagate_upper(d, v, entry, level, levels, child if child != 0 else INVALID)
    return set_upper(d, v, page, slot, new), bad


@jit
def emulate(d, v, va, gmfn, fast):
    """Emulate the instruction that wrote to page table `gmfn` at `va`. Xen: the end of sh_page_fault.

    Parameters
    ----------
    fast : bool
        Whether the shortcut for a repeated write to one page led here.
    """
    vcpu = d.vcpus[v]
    status = emulated_write(d, v)
    if status == UNHANDLEABLE:
        if fast:
            d.counters[ctr.shadow_fault_fast_emulate_fail] += 1
            vcpu.last_write_emul_ok = 0
        d.counters[ctr.shadow_fault_emulate_failed] += 1
        remove_all_shadows(d, gmfn)
        return
    if status == EXCEPTION:
        d.counters[ctr.emul_exceptions] += 1
    if status == OKAY and is_page_table(d, gmfn):
        if not fast:
            vcpu.last_emulated_frame = va >> 12
            vcpu.last_emulated_mfn = gmfn
            vcpu.last_write_emul_ok = 1
    elif fast:
        vcpu.last_write_emul_ok = 0
    if status == OKAY and vcpu.levels == 3:
        _emulate_second_half(d, v)


@jit
def _emulate_second_half(d, v):
    """Go on emulating in a PAE guest, in the hope of the other half of a 64-bit store."""
    vcpu = d.vcpus[v]
    for _ in range(4):
        vcpu.last_write_was_pt = 0
        if emulated_write(d, v) != OKAY:
            d.counters[ctr.shadow_em_ex_fail] += 1
            return
        d.counters[ctr.emul_second_half] += 1
        if vcpu.last_write_was_pt:
            d.counters[ctr.shadow_em_ex_pt] += 1
            return
        d.counters[ctr.shadow_em_ex_non_pt] += 1

"""Emulated writes to page tables.

The instruction is exactly the store of the event: there is no decoding. A 64-bit store that a 32-bit guest
makes as two halves is two stores, of which each may be emulated or hit.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import PFEC_P, PFEC_W, P, bytes_of_entry, frame_of
from . import counters as ctr
from .guest import is_page_table, is_ram, marked_store, p2m
from .guest_walk import guest_walk_tables
from .state import INVALID, RAM_RO
from .types import SHF_32, SHF_PAE_64
from .unshadow import remove_all_shadows, remove_shadows
from .validate import validate_guest_pt_write
from .vtlb import vtlb_insert, vtlb_lookup

OKAY, UNHANDLEABLE, EXCEPTION = 0, 1, 2


@jit
def _translate(d, v, va):
    """Return (status, frame) for an emulated store to `va`. Xen: emulate_gva_to_mfn.

    The frame is INVALID for a store that is to be dropped.
    """
    wanted = PFEC_W | PFEC_P
    gfn = vtlb_lookup(d, v, va, wanted)
    if gfn == INVALID:
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
    d.vcpus[v].last_write_was_pt = is_page_table(d, gmfn)
    return OKAY, gmfn


@jit
def reset_early_unshadow(d, v):
    """Forget the frame of the last emulated zero."""
    d.vcpus[v].last_emulated_mfn_for_unshadow = INVALID


@jit
def _check_for_early_unshadow(d, v, gmfn):
    """Unshadow a page that gets a second zero in a row: it is probably being cleared for another use."""
    if not d.config[0].early_unshadow:
        return
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
    d.counters[ctr.emulate_insn] += 1
    if state.pending_stores == 0:
        return UNHANDLEABLE
    va, value, length = state.pending_va[0], state.pending_value[0], state.store_size
    status, gmfn = _translate(d, v, va)
    if status != OKAY:
        return status
    d.counters[ctr.lock_acquire] += 1
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
    marked_store(d, gmfn, offset, value, length)
    if length >= 4 and value & 0xFFFFFFFF == 0 and va & (bytes_of_entry(d.vcpus[v].levels) - 1) == 0:
        _check_for_early_unshadow(d, v, gmfn)
    else:
        reset_early_unshadow(d, v)
    # An entry that was not present and still is not need not be validated, if the store covers no other.
    flags = d.frames[gmfn].shadow_flags
    harmless = (flags & SHF_32 == 0 and va & 7 == 0) or (flags & SHF_PAE_64 == 0 and va & 3 == 0 and length <= 4)
    skip = d.config[0].skip_verify and low_bit_was_clear and value & P == 0 and harmless
    if skip:
        d.counters[ctr.emulate_skip_verify] += 1
    else:
        validate_guest_pt_write(d, v, gmfn, offset, length)
    state.gtable_dirty_version += 1
    return OKAY


@jit
def emulate(d, v, va, gmfn, fast):
    """Emulate the instruction that wrote to page table `gmfn` at `va`. Xen: the end of sh_page_fault.

    Parameters
    ----------
    fast : bool
        Whether the shortcut for a repeated write to one page led here.
    """
    vcpu = d.vcpus[v]
    valueless = d.state[0].pending_stores == 0
    status = emulated_write(d, v)
    if status == UNHANDLEABLE:
        if valueless and not is_page_table(d, gmfn):
            d.state[0].stores_emulated = 1  # a store of which a trace tells the place alone: it goes through
        if fast:
            d.counters[ctr.shadow_fault_fast_emulate_fail] += 1
            vcpu.last_write_emul_ok = 0
        d.counters[ctr.shadow_fault_emulate_failed] += 1
        remove_all_shadows(d, gmfn)
        return
    if status == EXCEPTION:
        d.counters[ctr.emul_exceptions] += 1
    if status == OKAY and is_page_table(d, gmfn):
        if not fast and d.config[0].fast_emulation:
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

"""The page-fault handler, its shortcuts, and prefetch."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import PFEC_P, PFEC_RSVD, PFEC_U, PFEC_W, RW, A, D, P, frame_of, guest_index, set_entry
from . import counters as ctr
from .content import BY_FAULT, BY_WALK
from .emulate import emulate, reset_early_unshadow
from .entries import refresh_l1e, set_l1e
from .guest import guest_entry, is_oos, is_page_table, p2m
from .guest_walk import guest_walk_tables
from .links import get_and_create_l1
from .oos import resync_all, sh_resync, sh_unsync
from .policy import shortcut_ends, unsync_is_due
from .propagate import DEMAND_READ, DEMAND_WRITE, propagate_l1e
from .shadow_walk import NOT_MAPPED, index_of, shadow_l1
from .snapshot import has_snapshot, note_in_snapshot, oos_snapshot_lookup
from .state import FIXUP_IN_ARRAY, INVALID, MMIO_DM, RAM_RO
from .tlb import flush_domain
from .types import GNP, L1_TYPE, is_magic
from .unshadow import prealloc, remove_all_shadows
from .vtlb import vtlb_insert
from .write_access import NOTHING, remove_write_access

FIXED, GUEST = 0, 1  # retry the instruction; deliver the fault to the guest


@jit
def _mmio(d):
    """Hand the access to the device model, which is outside the machine."""
    d.state[0].mmio_handled = 1
    d.counters[ctr.mmio_handled] += 1


@jit
def _l1_may_lag(d, sl1mfn):
    """Say whether a magic entry of this shadow L1 must not be trusted, because its table is out of sync.

    A splintered superpage bears a gfn where others bear a frame; it is taken for one all the same.
    """
    number = d.shadows[sl1mfn].backpointer
    return number >= d.config[0].guest_pages or is_oos(d, number)


@jit
def page_fault(d, v, va, error):
    """Handle a fault of the hardware walk. Xen: sh_page_fault.

    Returns
    -------
    outcome : int
        FIXED or GUEST.
    error : int
        The error code as the guest would see it.
    """
    vcpu = d.vcpus[v]
    d.counters[ctr.shadow_fault] += 1
    writes = vcpu.write_run
    if d.config[0].resync_on_fault:
        resync_all(d, v, BY_FAULT)
    outcome, error = _handle(d, v, va, error)
    if vcpu.write_run == writes:
        vcpu.write_run = 0  # a fault of another kind came between
    return outcome, error


@jit
def _handle(d, v, va, error):
    """Try the shortcuts, then the slow path."""
    vcpu = d.vcpus[v]
    vcpu.unsync_due = 0
    fast = False
    # A repeated write to the page that was emulated last: no walk.
    if vcpu.last_write_emul_ok and vcpu.last_emulated_frame == va >> 12:
        fast = error == PFEC_W | PFEC_P
        gmfn = vcpu.last_emulated_mfn
        if fast and not is_oos(d, gmfn) and not shortcut_ends(d, v, gmfn, va):
            d.counters[ctr.shadow_fault_fast_emulate] += 1
            emulate(d, v, va, gmfn, True)
            return FIXED, error
        vcpu.last_write_emul_ok = 0
    # A magic entry: no walk either, unless its table is out of sync.
    if error & PFEC_RSVD:
        sl1mfn = shadow_l1(d, v, va)
        entry = d.tables[sl1mfn, index_of(va, 1)]
        if sl1mfn == NOT_MAPPED or not is_magic(entry):
            d.counters[ctr.shadow_fault_fast_fail] += 1
            return FIXED, error
        if not (d.config[0].oos and _l1_may_lag(d, sl1mfn)):
            reset_early_unshadow(d, v)
            if entry == GNP:
                d.counters[ctr.shadow_fault_fast_gnp] += 1
                return GUEST, error ^ (PFEC_RSVD | PFEC_P)
            d.counters[ctr.shadow_fault_fast_mmio] += 1
            _mmio(d)
            return FIXED, error
        error ^= PFEC_RSVD | PFEC_P  # as if there had been no entry
    return _slow_path(d, v, va, error, fast)


@jit
def _gw_remove_write_accesses(d, v, va):
    """Revoke write access to the tables of the last walk, before they are shadowed.

    Returns
    -------
    flush, rewalk : bool
        Whether TLBs need a flush; whether to walk again, since an upper table was out of sync and bringing it
        back may have made another table of this walk writable. Xen: gw_remove_write_accesses.
    """
    gw = d.walk[0]
    levels = d.vcpus[v].levels
    flush = rewalk = False
    for level in (3, 2):
        if level > levels - 1:
            continue  # the topmost table is a page table already
        gmfn = gw.l3mfn if level == 3 else gw.l2mfn
        if is_oos(d, gmfn):
            sh_resync(d, gmfn, BY_WALK)
            rewalk = True
        elif remove_write_access(d, v, gmfn, level, va) != NOTHING:
            flush = True
    if gw.l1mfn != INVALID and not is_oos(d, gw.l1mfn):
        if remove_write_access(d, v, gw.l1mfn, 1, va) != NOTHING:
            flush = True
    return flush, rewalk


@jit
def _walk_and_protect(d, v, va, error):
    """Walk the guest's tables until none of them is writable for the guest any more.

    Returns
    -------
    missing : int
        What the walk misses, 0 for success; then it stands in ``d.walk[0]``.
    error : int
        The error code, with P as the walk found it.
    """
    config = d.config[0]
    state = d.state[0]
    while True:
        missing = guest_walk_tables(d, v, va, error)
        if config.oos:
            # With lazily synced shadows the hardware may have seen an entry that is gone, or the other way.
            if missing & P and error & PFEC_P and config.fixups != FIXUP_IN_ARRAY:
                d.counters[ctr.oos_paranoia] += 1
            error = error & ~PFEC_P if missing & P else error | PFEC_P
        if missing:
            return missing, error
        vtlb_insert(d, v, va, frame_of(d.walk[0].l1e), error | PFEC_P)
        d.counters[ctr.lock_acquire] += 1
        if config.prealloc_first:
            _make_room(d, v)
        flush, rewalk = _gw_remove_write_accesses(d, v, va)
        if flush:
            d.counters[ctr.shadow_rm_write_flush_tlb] += 1
            state.gtable_dirty_version += 1
            flush_domain(d)
        if not rewalk:
            break
        d.counters[ctr.gw_rewalks] += 1
    if d.walk[0].version != state.gtable_dirty_version:
        d.counters[ctr.shadow_check_gwalk] += 1  # nothing runs beside us, so the second look finds the same
    return missing, error


@jit
def _make_room(d, v):
    """Make room for the shadows that a walk may need: a new L1, and in a 64-bit guest an L3 and an L2."""
    levels = d.vcpus[v].levels
    prealloc(d, L1_TYPE[levels], 3 if levels == 4 else 1)


@jit
def _slow_path(d, v, va, error, fast):
    """Walk the guest's tables, make the shadow follow, and emulate what must be emulated."""
    vcpu = d.vcpus[v]
    config = d.config[0]
    gw = d.walk[0]
    missing, error = _walk_and_protect(d, v, va, error)
    if missing:
        d.counters[ctr.shadow_fault_bail_real_fault] += 1
        reset_early_unshadow(d, v)
        return GUEST, error
    gfn = frame_of(gw.l1e)
    gmfn, kind = p2m(d, gfn)
    write = error & PFEC_W != 0
    fetch = DEMAND_WRITE if write else DEMAND_READ
    if not config.prealloc_first:
        # Too late: write access to this walk's tables is revoked, but for an L1 that is out of sync. If that is
        # what is unshadowed for lack of memory, it is shadowed again with its writable mappings.
        _make_room(d, v)
    sl1mfn = get_and_create_l1(d, v, gw, fetch)
    if sl1mfn == NOT_MAPPED:
        return GUEST, error
    slot = index_of(va, 1)
    if config.oos and write and gmfn != INVALID and is_page_table(d, gmfn) and unsync_is_due(d, v, gmfn, va):
        sh_unsync(d, v, gmfn, va)
    set_l1e(d, v, sl1mfn, slot, propagate_l1e(d, v, gw.l1e, vcpu.levels, gmfn, kind, gfn, fetch))
    if gw.l1mfn != INVALID:
        note_in_snapshot(d, gw.l1mfn, guest_index(va, 1, vcpu.levels), vcpu.levels, gw.l1e)
    if config.prefetch:
        _prefetch(d, v, sl1mfn, slot)

    if write and gmfn != INVALID and is_page_table(d, gmfn):
        if not is_oos(d, gmfn) or (config.user_unshadow and error & PFEC_U):
            d.counters[ctr.shadow_fault_emulate_write] += 1
            return _emulate_or_unshadow(d, v, va, error, gmfn, fast)
    if write and kind == RAM_RO and config.drop_ro_writes:
        emulate(d, v, va, gmfn, fast)
        return FIXED, error
    if kind == MMIO_DM or (write and kind == RAM_RO):
        d.counters[ctr.shadow_fault_mmio] += 1
        _mmio(d)
        return FIXED, error
    if not vcpu.wp and error == PFEC_W | PFEC_P:
        d.counters[ctr.shadow_fault_emulate_wp] += 1
        return _emulate_or_unshadow(d, v, va, error, gmfn, fast)
    d.counters[ctr.shadow_fault_fixed] += 1
    reset_early_unshadow(d, v)
    return FIXED, error


@jit
def _emulate_or_unshadow(d, v, va, error, gmfn, fast):
    """Emulate a supervisor's write. A user's write is a hint that the page is no page table any more."""
    if error & PFEC_U:
        d.counters[ctr.shadow_fault_emulate_failed] += 1
        remove_all_shadows(d, gmfn)
    else:
        emulate(d, v, va, gmfn, fast)
    return FIXED, error


@jit
def _prefetch(d, v, sl1mfn, slot):
    """Fill the empty shadow entries behind the one that faulted, in the same page. Xen: sh_prefetch."""
    d.counters[ctr.prefetch_calls] += 1
    gw = d.walk[0]
    levels = d.vcpus[v].levels
    first = guest_index(gw.va, 1, levels)
    in_snapshot = gw.l1mfn != INVALID and has_snapshot(d, gw.l1mfn)
    snapshot = d.tables[oos_snapshot_lookup(d, gw.l1mfn) if in_snapshot else 0]
    for i in range(1, min(512 - slot, d.config[0].prefetch_distance)):
        if d.tables[sl1mfn, slot + i] != 0:
            return
        if gw.l1mfn == INVALID:
            entry = gw.l1e + (i << 12)  # the next page of the superpage
        else:
            entry = guest_entry(d, gw.l1mfn, first + i, levels)
            if entry & P and (entry & A == 0 or (entry & RW and entry & D == 0)):
                return  # it would fault all the same
        refresh_l1e(d, v, sl1mfn, slot + i, entry, levels)
        d.counters[ctr.prefetch_entries] += 1
        if in_snapshot:
            set_entry(snapshot, first + i, levels, entry)
            d.counters[ctr.snapshot_writes] += 1

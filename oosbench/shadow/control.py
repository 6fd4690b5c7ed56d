"""What the guest does to its processors: CR3 loads, INVLPG, changes of paging mode."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import PSE, RW, US, A, D, P, frame_of, set_entry
from . import counters as ctr
from .content import BY_CR3, BY_MODE
from .demand import fit_slots
from .entries import set_l1e
from .guest import is_oos, is_ram, p2m
from .hash import hash_lookup
from .links import make_shadow
from .oos import resync_all, resync_current_vcpu, sync_other_vcpus
from .pool import alloc, fill_pool, free
from .shadow_walk import NOT_MAPPED, index_of, shadow_l1, shadow_l2
from .slots import slots_in_use
from .state import INVALID, SNAPSHOT_OFF
from .tables import get_ref, pin, put_ref
from .tlb import flush_domain, flush_local
from .types import IS_FL1, L2_32, L2_PAE, L2H_PAE, L4_64, MONITOR_TABLE, OOS_SNAPSHOT, P2M_TABLE
from .unshadow import prealloc
from .vtlb import vtlb_flush
from .write_access import NOTHING, remove_write_access


@jit
def _root_tables(d, v, i):
    """Return (frame, type of shadow) of root table `i` of a vCPU; PAE has four, the other modes one."""
    vcpu = d.vcpus[v]
    if vcpu.levels == 3:
        if vcpu.gl3e[i] & P == 0:
            return INVALID, L2_PAE
        gmfn, kind = p2m(d, frame_of(vcpu.gl3e[i]))
        return (gmfn if is_ram(kind) else INVALID), (L2H_PAE if i == 3 else L2_PAE)
    return (vcpu.guest_root if i == 0 else INVALID), (L4_64 if vcpu.levels == 4 else L2_32)


@jit
def _set_toplevel_shadow(d, v, i, gmfn, kind):
    """Load the shadow of a root table. Xen: sh_set_toplevel_shadow."""
    old = d.vcpus[v].shadow_table[i]
    new = NOT_MAPPED
    if gmfn != INVALID:
        new = hash_lookup(d, gmfn, kind)
        if new == NOT_MAPPED:
            prealloc(d, kind, 1)
            new = make_shadow(d, gmfn, kind)
        pin(d, new)
        get_ref(d, new, 0)
    d.vcpus[v].shadow_table[i] = new
    if old != NOT_MAPPED:
        # It may have been unpinned for lack of memory while it was loaded: it is worth keeping all the same.
        if not d.shadows[old].pinned:
            pin(d, old)
        put_ref(d, old, 0)


@jit
def _switch_roots(d, v):
    """Revoke write access to the new roots, through the old ones; then load their shadows."""
    vcpu = d.vcpus[v]
    flush = False
    for i in range(4):
        gmfn, kind = _root_tables(d, v, i)
        if gmfn != INVALID:
            flush |= remove_write_access(d, v, gmfn, 4 if kind == L4_64 else 2, 0) != NOTHING
    if flush:
        flush_domain(d)
    for i in range(4):
        gmfn, kind = _root_tables(d, v, i)
        _set_toplevel_shadow(d, v, i, gmfn, kind)
    for i in range(4):
        # A 2-level root is one shadow of four pages.
        vcpu.l3table[i] = vcpu.shadow_table[0] + i if vcpu.levels == 2 else vcpu.shadow_table[i]


@jit
def update_cr3(d, v):
    """Load the guest's root tables anew, which is the guest's TLB flush. Xen: sh_update_cr3."""
    d.counters[ctr.lock_acquire] += 1
    vcpu = d.vcpus[v]
    if d.config[0].oos:
        held = slots_in_use(d, v) if d.config[0].demand_slots else 0
        resync_current_vcpu(d, v, BY_CR3)
        if d.config[0].demand_slots:
            fit_slots(d, v, held)
    if vcpu.levels == 3:
        for i in range(4):
            vcpu.gl3e[i] = d.memory[vcpu.guest_root, ((vcpu.cr3 & 4095) >> 3) + i]
    _switch_roots(d, v)
    flush_local(d)
    vtlb_flush(d, v)
    vcpu.last_write_emul_ok = 0
    if d.config[0].oos:
        sync_other_vcpus(d, v)


@jit
def load_cr3(d, v, cr3):
    """Do a MOV CR3. A vCPU's first one also turns its paging on."""
    vcpu = d.vcpus[v]
    root = cr3 >> 12
    if root != vcpu.guest_root:
        d.frames[root].references += 1
        d.frames[vcpu.guest_root].references -= 1
    vcpu.guest_root = root
    vcpu.cr3 = cr3
    if vcpu.paged:
        update_cr3(d, v)
        return
    vcpu.paged = vcpu.wp = vcpu.pse = 1
    vcpu.nx = d.config[0].levels > 2
    update_paging_modes(d, v)


@jit
def update_paging_modes(d, v):
    """Adapt to a change of a vCPU's paging mode. Xen: sh_update_paging_modes."""
    vcpu = d.vcpus[v]
    for i in range(4):
        old = vcpu.shadow_table[i]
        vcpu.shadow_table[i] = NOT_MAPPED
        if old != NOT_MAPPED:
            put_ref(d, old, 0)
    if d.config[0].oos:
        resync_all(d, v, BY_MODE)  # in another mode the entries would be misread
    levels = d.config[0].levels if vcpu.paged else 2
    if levels == 4 and vcpu.levels != 4:
        _shrink_monitor(d, v)
    vcpu.levels = levels
    paged = 0
    for w in range(len(d.vcpus)):
        paged += d.vcpus[w].paged
    d.state[0].oos_active = d.config[0].oos and paged == len(d.vcpus)
    update_cr3(d, v)


@jit
def _shrink_monitor(d, v):
    """Replace the monitor table of three levels (three pages) by one of four (one page)."""
    prealloc(d, MONITOR_TABLE, 4)
    new = alloc(d, MONITOR_TABLE, 0)
    for i in range(3):
        free(d, d.vcpus[v].monitor_pages[i])
        d.vcpus[v].monitor_pages[i] = NOT_MAPPED
    d.vcpus[v].monitor_pages[0] = new


@jit
def invlpg(d, v, va):
    """Do an INVLPG; say whether the real instruction would be issued. Xen: sh_invlpg."""
    vcpu = d.vcpus[v]
    d.counters[ctr.shadow_invlpg] += 1
    vtlb_flush(d, v)
    vcpu.last_write_emul_ok = 0
    if shadow_l2(d, v, va) == NOT_MAPPED:
        return False
    sl1mfn = shadow_l1(d, v, va)
    if sl1mfn == NOT_MAPPED:
        return False
    if IS_FL1[d.shadows[sl1mfn].type]:
        flush_local(d)
        return False
    if is_oos(d, d.shadows[sl1mfn].backpointer):
        d.counters[ctr.lock_acquire] += 1
        # The entry goes, rather than being derived anew; the snapshot need not know.
        set_l1e(d, v, sl1mfn, index_of(va, 1), 0)
    return True


@jit
def setup(d):
    """Build the machine as it is before the first event: every vCPU with paging off."""
    config = d.config[0]
    fill_pool(d)
    alloc(d, P2M_TABLE, 0)  # the identity table's chunk, for good; so pool page 0 is never a shadow
    identity = config.identity_root
    for i in range(1024):
        set_entry(d.memory[identity], i, 2, i << 22 | P | RW | US | A | D | PSE)
    d.frames[identity].references = len(d.vcpus)
    for v in range(len(d.vcpus)):
        vcpu = d.vcpus[v]
        vcpu.levels = 2
        vcpu.guest_root = identity
        if config.snapshot != SNAPSHOT_OFF:
            for slot in range(config.oos_slots):
                vcpu.oos_snapshot[slot] = alloc(d, OOS_SNAPSHOT, 0)
        for i in range(3):
            vcpu.monitor_pages[i] = alloc(d, MONITOR_TABLE, 0)
        _switch_roots(d, v)
    pool_level = d.counters[ctr.shadow_alloc_count]
    d.counters[:] = 0  # counting starts at the first event
    d.counters[ctr.shadow_alloc_count] = pool_level

"""Out-of-sync L1 tables: slots, unsync, resync. The heart of the patch, with `snapshot.py` and `content.py`.

A guest page that is shadowed once, as an L1, may be left writable: from then on its shadow may lag behind, and
the guest's own TLB flush (a CR3 load) is the time to catch up. The page takes one of a few slots of the vCPU that
wrote to it. With each slot goes a snapshot page: a copy of the table, taken as the table goes out of sync. A
resync then compares the table with its snapshot, and derives anew only the entries that differ.
"""

from __future__ import annotations

from ..compiled import jit
from . import counters as ctr
from .content import BY_EVICT, BY_OTHER_VCPU, l1_levels, resync_l1
from .fixups import IN_HAND, fixup_flush, fixup_flush_gmfn, forget_fixups, move_fixups
from .guest import is_oos
from .hash import hash_lookup
from .slots import find_slot
from .snapshot import has_snapshot, snapshot_is_due, take_snapshot
from .state import FIXUP_IN_ARRAY, INVALID
from .tables import is_pinnable
from .tlb import flush_domain
from .types import L1_TYPE, L3_64, OOS_MAY_WRITE, OUT_OF_SYNC, SHF_L1_ANY, SHF_TYPES
from .unshadow import remove_shadows
from .write_access import REMOVED, UNFINDABLE, remove_write_access


@jit
def may_unsync(d, gmfn):
    """Say whether a page could go out of sync: in sync, shadowed once, as an L1, and with paging on everywhere."""
    types = d.frames[gmfn].shadow_flags & SHF_TYPES
    one_l1 = types & SHF_L1_ANY != 0 and types & (types - 1) == 0
    return one_l1 and not is_oos(d, gmfn) and d.state[0].oos_active != 0


@jit
def sh_unsync(d, v, gmfn, va):
    """Let a page go out of sync on behalf of `v`, which writes to it at `va`; say whether it may."""
    d.counters[ctr.unsync_calls] += 1
    if not may_unsync(d, gmfn):
        return False
    frame = d.frames[gmfn]
    frame.shadow_flags |= OUT_OF_SYNC | OOS_MAY_WRITE
    lag = d.lag[gmfn]
    lag.oos_since = d.state[0].event
    lag.oos_writes = 0
    lag.snapshot = 0
    _oos_hash_add(d, v, gmfn, va)
    d.counters[ctr.shadow_unsync] += 1
    return True


@jit
def _oos_hash_add(d, v, gmfn, va):
    """Give a page its home slot. The page found there moves on if this is its home too, else it is evicted."""
    vcpu = d.vcpus[v]
    slots = vcpu.slots
    home = gmfn % slots
    slot = home
    moved = vcpu.oos[home] != INVALID and vcpu.oos[home] % slots == home
    page, hint = gmfn, va
    forget_fixups(d, v, IN_HAND)
    if moved:
        page, hint = vcpu.oos[home], vcpu.oos_va[home]
        vcpu.oos[home], vcpu.oos_va[home] = gmfn, va
        move_fixups(d, v, home, IN_HAND)
        slot = (home + 1) % slots
        d.counters[ctr.slot_swap] += 1
    if vcpu.oos[slot] != INVALID:
        # Until it is written below, the moved page is in no slot. Nothing on this way looks it up.
        _resync_slot(d, v, slot, BY_EVICT)
        d.counters[ctr.shadow_unsync_evict] += 1
        vcpu.evicted += 1
    vcpu.oos[slot], vcpu.oos_va[slot] = page, hint
    move_fixups(d, v, IN_HAND, slot)
    if moved:
        # The moved page keeps its snapshot; the one that became free takes the copy.
        vcpu.oos_snapshot[home], vcpu.oos_snapshot[slot] = vcpu.oos_snapshot[slot], vcpu.oos_snapshot[home]
    if snapshot_is_due(d, gmfn):
        take_snapshot(d, v, home)


@jit
def sh_resync(d, gmfn, cause):
    """Bring one page back into sync, whoever holds it."""
    v, slot = find_slot(d, gmfn)
    _resync_slot(d, v, slot, cause)
    d.vcpus[v].oos[slot] = INVALID


@jit
def _resync_slot(d, v, slot, cause):
    """Write-protect the page in `slot` of `v`, then make its shadow what the page says. Xen: _sh_resync."""
    gmfn = d.vcpus[v].oos[slot]
    if _oos_remove_write_access(d, v, slot):
        return  # it was unshadowed instead
    # Without this flag, deriving its own entries anew cannot make the page writable again.
    d.frames[gmfn].shadow_flags &= ~OOS_MAY_WRITE
    resync_l1(d, v, slot, cause)
    d.frames[gmfn].shadow_flags &= ~OUT_OF_SYNC
    d.counters[ctr.shadow_resync] += 1


@jit
def _oos_remove_write_access(d, v, slot):
    """Revoke the writable mappings of the page in `slot` of `v`; say whether it had to be unshadowed."""
    vcpu = d.vcpus[v]
    gmfn = vcpu.oos[slot]
    stripped = fixup_flush_gmfn(d, v, slot)
    hint = 0 if d.config[0].fixups == FIXUP_IN_ARRAY else vcpu.oos_va[slot]
    found = remove_write_access(d, v, gmfn, 0, hint)
    if found == UNFINDABLE:
        remove_shadows(d, gmfn, False, True)
        return True
    if stripped or found == REMOVED:
        flush_domain(d)  # before the contents are read, so that no stale translation can write behind us
    return False


@jit
def _resync_slots(d, v, cause):
    """Bring all pages that `v` holds back into sync."""
    for slot in range(d.vcpus[v].slots):
        if d.vcpus[v].oos[slot] != INVALID:
            _resync_slot(d, v, slot, cause)
            d.vcpus[v].oos[slot] = INVALID


@jit
def resync_current_vcpu(d, v, cause):
    """Bring the pages of `v` back into sync. Xen: shadow_resync_current_vcpu."""
    d.counters[ctr.resync_all_calls] += 1
    d.counters[ctr.resync_all_this] += 1
    if fixup_flush(d, v):
        flush_domain(d)
    _resync_slots(d, v, cause)


@jit
def resync_all(d, v, cause):
    """Bring the pages of all vCPUs back into sync. Xen: shadow_resync_all."""
    resync_current_vcpu(d, v, cause)
    d.counters[ctr.resync_all_others] += 1
    for other in range(len(d.vcpus)):
        if other != v:
            _resync_slots(d, other, cause)


@jit
def sync_other_vcpus(d, v):
    """Refresh the contents of other vCPUs' pages that `v` may reach; they stay out of sync and writable.

    Xen: shadow_sync_other_vcpus.
    """
    d.counters[ctr.resync_all_calls] += 1
    d.counters[ctr.resync_all_others] += 1
    for other in range(len(d.vcpus)):
        if other == v:
            continue
        for slot in range(d.vcpus[other].slots):
            gmfn = d.vcpus[other].oos[slot]
            if gmfn == INVALID:
                continue
            if _safe_not_to_sync(d, v, gmfn):
                d.counters[ctr.skip_sync] += 1
            else:
                resync_l1(d, other, slot, BY_OTHER_VCPU)
                if not has_snapshot(d, gmfn) and snapshot_is_due(d, gmfn):
                    take_snapshot(d, other, slot)


@jit
def _safe_not_to_sync(d, v, gmfn):
    """Say whether a page provably hangs below one root only, and one that `v` has not loaded.

    The climb takes the remembered upper entry of each shadow, so every shadow on the way must have one
    reference and remember it. In 2-level mode it ends at one of the four pages of the root, where `v` is known
    by the first: addresses from 1 GiB on look unreachable although they are not (axis `skip_2level`).
    """
    levels = l1_levels(d, gmfn)
    smfn = hash_lookup(d, gmfn, L1_TYPE[levels])
    for level in range(1, 4 if levels == 4 else 2):
        shadow = d.shadows[smfn]
        if shadow.references != 1 or shadow.up == 0 or (level == 3 and is_pinnable(d, L3_64)):
            return False
        smfn = shadow.up >> 9
    if levels == 2 and d.config[0].skip_2level:
        smfn &= ~3
    for i in range(4):
        if d.vcpus[v].shadow_table[i] == smfn:
            return False
    return True

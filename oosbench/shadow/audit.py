"""The invariants of the machine, I1 to I13, one function each; they hold between any two events.

For an L1 table, *view* is what its shadow is derived from: the snapshot while the table is out of sync, else the
table itself. Shadow entries that are not present are under no constraint, whatever the view says, because they
fault (I13: the audits pass over them). What the guest may see of all this is judged from outside, by the oracle (I14:
`oosbench.oracle`).

A preset may have a defect that breaks an invariant: D2, D4 and D9 break I2 and I6, D5 breaks I12, D17 I1 and I4; a
change of CR4.PSE breaks I1 without `pse_unshadow`.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import NX, RW, US, A, D, P, frame_of, get_entry
from . import counters as ctr
from .audit_counts import i6_references, i7_shadow_references, i8_hash, i9_pool, identities
from .auditor import find_owner, find_shadow, is_first_page, report
from .guest import is_oos, is_page_table, may_write, p2m
from .propagate import DEMAND_WRITE, propagate_l1e
from .snapshot import complete_snapshot, has_snapshot
from .state import FIXUP_IN_ARRAY, FIXUP_IN_TABLE, INVALID, MAX_SLOTS, SNAPSHOT_OFF
from .types import GUEST_LEVELS, IS_FL1, IS_L1, L1_TYPE, LEVEL, OOS_SNAPSHOT, SHF_L1_ANY, SHF_TYPES, is_magic


@jit
def _grants_no_more(d, entry, best):
    """Say whether a present leaf entry maps what `best` does, with no more rights. A and D do not count."""
    if is_magic(entry) or is_magic(best):
        return entry == best
    if best & P == 0 or frame_of(entry) != frame_of(best) or (entry ^ best) & US:
        return False
    if (entry ^ best) & NX and not d.state[0].nx_switched:
        return False
    return entry & ~best & RW == 0


@jit
def _best(d, entry, levels):
    """Return the most that a guest entry may be shadowed by."""
    gfn = frame_of(entry)
    target, kind = p2m(d, gfn)
    for v in range(len(d.vcpus)):
        if d.vcpus[v].nx:
            return propagate_l1e(d, v, entry, levels, target, kind, gfn, DEMAND_WRITE)
    return propagate_l1e(d, 0, entry, levels, target, kind, gfn, DEMAND_WRITE)


@jit
def _check_entries(d, a, invariant, v, smfn, page, levels):
    """Check an L1 shadow against the page (int64[512]) that its entries should come from."""
    for g in range(1024 if levels == 2 else 512):
        entry = d.tables[smfn + (g >> 9), g & 511]
        if entry & P:
            best = _best(d, get_entry(page, g, levels), levels)
            if not _grants_no_more(d, entry, best):
                report(a, invariant, 0, v, d.shadows[smfn].backpointer, smfn, g, entry, best)


@jit
def _check_splinters(d, a, smfn):
    """Check the shadow of a large page, whose entries are made up."""
    first = d.shadows[smfn].backpointer & ~1
    levels = GUEST_LEVELS[d.shadows[smfn].type]
    for g in range(1024 if levels == 2 else 512):
        entry = d.tables[smfn + (g >> 9), g & 511]
        if entry & P:
            best = _best(d, (first + g) << 12 | P | RW | US | A | D, levels)
            if not _grants_no_more(d, entry, best):
                report(a, 1, 0, -1, first, smfn, g, entry, best)


@jit
def i1_entry_soundness(d, a):
    """I1: a present leaf entry grants no more than what its view would be shadowed by.

    Without snapshots nothing is said of tables that are out of sync.
    """
    for smfn in range(len(d.tables)):
        if not is_first_page(d, smfn):
            continue
        kind = d.shadows[smfn].type
        gmfn = d.shadows[smfn].backpointer
        if IS_FL1[kind]:
            _check_splinters(d, a, smfn)
        elif IS_L1[kind] and not is_oos(d, gmfn):
            _check_entries(d, a, 1, -1, smfn, d.memory[gmfn], GUEST_LEVELS[kind])
        elif IS_L1[kind] and has_snapshot(d, gmfn):
            v, slot = find_owner(d, gmfn)
            if v >= 0:
                complete_snapshot(d, gmfn)
                snapshot = d.tables[d.vcpus[v].oos_snapshot[slot]]
                _check_entries(d, a, 1, -1, smfn, snapshot, GUEST_LEVELS[kind])


@jit
def i2_no_writable_mapping(d, a):
    """I2: a page table that is in sync is mapped writable nowhere. (Counted by I6, before.)"""
    for gmfn in range(len(d.frames)):
        if is_page_table(d, gmfn) and not may_write(d, gmfn) and a.writable[gmfn] != 0:
            report(a, 2, 0, -1, gmfn, -1, -1, a.writable[gmfn], 0)


@jit
def i3_flags(d, a):
    """I3: out of sync and writable go together, and only for a page that has one shadow, as an L1."""
    for gmfn in range(len(d.frames)):
        if is_oos(d, gmfn) != may_write(d, gmfn):
            report(a, 3, 0, -1, gmfn, -1, -1, may_write(d, gmfn), is_oos(d, gmfn))
        if is_oos(d, gmfn):
            types = d.frames[gmfn].shadow_flags & SHF_TYPES
            if types & SHF_L1_ANY == 0 or types & (types - 1):
                report(a, 3, 1, -1, gmfn, -1, -1, types, types & SHF_L1_ANY)
            for levels in (2, 3, 4):
                kind = L1_TYPE[levels]
                if types == 1 << kind and find_shadow(d, gmfn, kind) == 0:
                    report(a, 3, 2, -1, gmfn, -1, -1, 0, kind)


@jit
def i4_slots(d, a):
    """I4: a page is out of sync if and only if one slot holds it: its home, or the next."""
    for gmfn in range(len(d.frames)):
        if is_oos(d, gmfn):
            holders = 0
            for v in range(len(d.vcpus)):
                for slot in range(d.vcpus[v].slots):
                    holders += d.vcpus[v].oos[slot] == gmfn
            if holders != 1:
                report(a, 4, 0, -1, gmfn, -1, -1, holders, 1)
    for v in range(len(d.vcpus)):
        slots = d.vcpus[v].slots
        for slot in range(MAX_SLOTS):
            gmfn = d.vcpus[v].oos[slot]
            if gmfn == INVALID:
                continue
            home = gmfn % slots
            if slot >= slots or (slot != home and slot != (home + 1) % slots):
                report(a, 4, 1, v, gmfn, -1, slot, slot, home)
            if not is_oos(d, gmfn):
                report(a, 4, 2, v, gmfn, -1, slot, d.frames[gmfn].shadow_flags, gmfn)


@jit
def i5_snapshot_supply(d, a):
    """I5: each slot has a snapshot page of its own, and there are no others."""
    if d.config[0].snapshot == SNAPSHOT_OFF:
        return
    pages = slots = 0
    for smfn in range(len(d.tables)):
        pages += d.shadows[smfn].type == OOS_SNAPSHOT
    for v in range(len(d.vcpus)):
        slots += d.vcpus[v].slots
    if pages != slots:
        report(a, 5, 0, -1, -1, -1, -1, pages, slots)
    for v in range(len(d.vcpus)):
        for slot in range(d.vcpus[v].slots):
            smfn = d.vcpus[v].oos_snapshot[slot]
            shadow = d.shadows[smfn]
            if shadow.type != OOS_SNAPSHOT or shadow.references != 0 or shadow.pinned != 0:
                report(a, 5, 1, v, -1, smfn, slot, shadow.type, OOS_SNAPSHOT)
            for w in range(v + 1):
                for other in range(d.vcpus[w].slots if w < v else slot):
                    if d.vcpus[w].oos_snapshot[other] == smfn:
                        report(a, 5, 2, v, -1, smfn, slot, w, v)


@jit
def i10_fixups(d, a):
    """I10: the table forgets to look at none of its fixups; the array has every writable mapping of a page.

    A mapping in the shadow of a large page can be taken back only once `fl1_fixups` is on.
    """
    config = d.config[0]
    if config.fixups == FIXUP_IN_TABLE:
        for v in range(len(d.vcpus)):
            for i in range(d.fixups.shape[1]):
                gmfn = d.fixups[v][i].gmfn
                if gmfn != INVALID and is_oos(d, gmfn) and not d.vcpus[v].oos_fixup_used:
                    report(a, 10, 0, v, gmfn, d.fixups[v][i].smfn, i, 0, 1)
    if config.fixups != FIXUP_IN_ARRAY:
        return
    for smfn in range(len(d.tables)):
        kind = d.shadows[smfn].type
        if LEVEL[kind] != 1 or (IS_FL1[kind] and not config.fl1_fixups):
            continue
        for index in range(512):
            entry = d.tables[smfn, index]
            if entry & (P | RW) == P | RW and not is_magic(entry) and may_write(d, frame_of(entry)):
                v, slot = find_owner(d, frame_of(entry))
                known = False
                for i in range(slot * config.fixups_per_slot, (slot + 1) * config.fixups_per_slot):
                    fixup = d.fixups[v][i]
                    known = known or (fixup.gmfn != INVALID and fixup.smfn == smfn and fixup.slot == index)
                if not known:
                    report(a, 10, 1, v, frame_of(entry), smfn, index, entry, slot)


@jit
def i11_activity(d, a):
    """I11: pages are out of sync only while every vCPU has paging on."""
    paged = 0
    for v in range(len(d.vcpus)):
        paged += d.vcpus[v].paged
    active = d.state[0].oos_active
    if active and paged != len(d.vcpus):
        report(a, 11, 0, -1, -1, -1, -1, paged, len(d.vcpus))
    for gmfn in range(len(d.frames)):
        if is_oos(d, gmfn) and not active:
            report(a, 11, 1, -1, gmfn, -1, -1, 1, 0)


@jit
def _mark_reachable(d, a, v):
    """Mark the shadows that hang below the roots that a vCPU has loaded."""
    a.reached[:] = 0
    for i in range(4):
        root = d.vcpus[v].l3table[i] if d.vcpus[v].levels != 4 else d.vcpus[v].shadow_table[i]
        if root != 0:
            a.reached[root] = 1
    for level in (4, 3, 2):
        for smfn in range(len(d.tables)):
            if a.reached[smfn] and LEVEL[d.shadows[smfn].type] == level:
                for index in range(512):
                    if d.tables[smfn, index] & P:
                        a.reached[frame_of(d.tables[smfn, index])] = 1


@jit
def i12_freshness_at_flush(d, a, v):
    """I12: right after a CR3 load, the vCPU holds no page, and all it can reach is as the guest's tables say."""
    for slot in range(d.vcpus[v].slots):
        if d.vcpus[v].oos[slot] != INVALID:
            report(a, 12, 1, v, d.vcpus[v].oos[slot], -1, slot, d.vcpus[v].oos[slot], INVALID)
    _mark_reachable(d, a, v)
    for smfn in range(len(d.tables)):
        if is_first_page(d, smfn) and IS_L1[d.shadows[smfn].type] and is_oos(d, d.shadows[smfn].backpointer):
            second = a.reached[smfn + 1] if d.shadows[smfn].type == L1_TYPE[2] else 0
            if a.reached[smfn] or second:
                levels = GUEST_LEVELS[d.shadows[smfn].type]
                _check_entries(d, a, 12, v, smfn, d.memory[d.shadows[smfn].backpointer], levels)


@jit
def audit_all(d, a, loaded):
    """Check every invariant.

    Parameters
    ----------
    loaded : int
        The vCPU that has just loaded CR3; -1 for none, then I12 is passed over.
    """
    a.count[0] = 0
    # I1 and I12 derive entries as the machine does, and that is counted; what an audit does is not.
    lookups, derived = d.counters[ctr.p2m_lookup], d.counters[ctr.propagate]
    i1_entry_soundness(d, a)
    i6_references(d, a)
    i2_no_writable_mapping(d, a)
    i3_flags(d, a)
    i4_slots(d, a)
    i5_snapshot_supply(d, a)
    i7_shadow_references(d, a)
    i8_hash(d, a)
    i9_pool(d, a)
    i10_fixups(d, a)
    i11_activity(d, a)
    if loaded >= 0:
        i12_freshness_at_flush(d, a, loaded)
    identities(d, a)
    d.counters[ctr.p2m_lookup], d.counters[ctr.propagate] = lookups, derived

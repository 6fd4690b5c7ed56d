"""Audits of what is counted: references to frames and shadows, the hash, the pool."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import RW, P, frame_of
from . import counters as ctr
from .auditor import is_first_page, report
from .hash import bucket_of
from .pool import free_list
from .state import HASH_BUCKETS, MAX_ORDER, SNAPSHOT_OFF, SNAPSHOT_TRUSTED
from .types import FREE, IS_FL1, L1_32, L2_32, L4_64, LEVEL, SHF_TYPES, is_magic


@jit
def _count_leaf_entries(d, a):
    """Count, by frame, the leaf entries that refer to it, and those that map it writable.

    On the way, what each page of an L1 says of its present entries is checked.
    """
    a.references[:] = 0
    a.writable[:] = 0
    for smfn in range(len(d.tables)):
        if LEVEL[d.shadows[smfn].type] != 1:
            continue
        present = 0
        for index in range(512):
            entry = d.tables[smfn, index]
            present += entry & P
            if entry & P and not is_magic(entry):
                a.references[frame_of(entry)] += 1
                a.writable[frame_of(entry)] += entry & RW != 0
        if d.shadows[smfn].present != present:
            report(a, 6, 2, -1, d.shadows[smfn].backpointer, smfn, -1, d.shadows[smfn].present, present)


@jit
def i6_references(d, a):
    """I6: a frame's type count is its writable mappings; its references, all mappings, its shadows and its roots.

    So is what an L1 shadow counts of its present entries, which Xen does not count.

    Leaves both counts of mappings with the auditor.
    """
    _count_leaf_entries(d, a)
    for gmfn in range(len(d.frames)):
        frame = d.frames[gmfn]
        if frame.type_count != a.writable[gmfn]:
            report(a, 6, 0, -1, gmfn, -1, -1, frame.type_count, a.writable[gmfn])
        expected = a.references[gmfn]
        for kind in range(L1_32, L4_64 + 1):
            expected += (frame.shadow_flags >> kind) & 1
        for v in range(len(d.vcpus)):
            expected += d.vcpus[v].guest_root == gmfn
        if frame.references != expected:
            report(a, 6, 1, -1, gmfn, -1, -1, frame.references, expected)


@jit
def i7_shadow_references(d, a):
    """I7: a shadow's references are the upper entries that point to it, its pin and the roots loaded; never none.

    A pair of entries counts once. `up` is 0, or names an entry that points to the shadow.
    """
    a.links[:] = 0
    for smfn in range(len(d.tables)):
        kind = d.shadows[smfn].type
        if LEVEL[kind] < 2:
            continue
        for index in range(0, 512, 2 if kind == L2_32 else 1):
            entry = d.tables[smfn, index]
            if entry & P:
                a.links[frame_of(entry)] += 1
    for smfn in range(len(d.tables)):
        if not is_first_page(d, smfn):
            continue
        shadow = d.shadows[smfn]
        expected = a.links[smfn] + shadow.pinned
        for v in range(len(d.vcpus)):
            for i in range(4):
                expected += d.vcpus[v].shadow_table[i] == smfn
        if shadow.references != expected or expected == 0:
            report(a, 7, 0, -1, shadow.backpointer, smfn, -1, shadow.references, max(expected, 1))
        if shadow.up != 0:
            entry = d.tables[shadow.up >> 9, shadow.up & 511]
            if entry & P == 0 or frame_of(entry) != smfn:
                report(a, 7, 1, -1, shadow.backpointer, smfn, shadow.up & 511, entry, smfn)


@jit
def i8_hash(d, a):
    """I8: every live shadow is in its chain, once; a frame has the type bits of its shadows, and no others."""
    found = 0
    for bucket in range(HASH_BUCKETS):
        smfn = d.hash[bucket]
        while smfn != 0 and found <= len(d.tables):
            found += 1
            shadow = d.shadows[smfn]
            right = bucket_of(shadow.backpointer, shadow.type) if is_first_page(d, smfn) else -1
            if right != bucket:
                report(a, 8, 0, -1, shadow.backpointer, smfn, -1, bucket, right)
            smfn = shadow.next_shadow
    live = 0
    flagged = 0
    for smfn in range(len(d.tables)):
        if is_first_page(d, smfn):
            live += 1
            shadow = d.shadows[smfn]
            if not IS_FL1[shadow.type]:
                flagged += 1
                flags = d.frames[shadow.backpointer].shadow_flags
                if flags & 1 << shadow.type == 0:
                    report(a, 8, 1, -1, shadow.backpointer, smfn, -1, flags & SHF_TYPES, 1 << shadow.type)
    if found != live:
        report(a, 8, 2, -1, -1, -1, -1, found, live)
    bits = 0
    for gmfn in range(len(d.frames)):
        for kind in range(L1_32, L4_64 + 1):
            bits += (d.frames[gmfn].shadow_flags >> kind) & 1
    if bits != flagged:
        report(a, 8, 3, -1, -1, -1, -1, bits, flagged)


@jit
def i9_pool(d, a):
    """I9: a page of the pool is in use or in a free chunk, and the lists hold as many chunks as they say."""
    free = 0
    for order in range(MAX_ORDER + 1):
        head = free_list(d, order)
        chunks = 0
        smfn = d.shadows[head].after
        while smfn != head and chunks <= len(d.tables):
            chunks += 1
            for page in range(smfn, smfn + (1 << order)):
                if d.shadows[page].type != FREE:
                    report(a, 9, 0, -1, -1, page, -1, d.shadows[page].type, FREE)
            smfn = d.shadows[smfn].after
        if chunks != d.state[0].free_chunks[order]:
            report(a, 9, 1, -1, -1, -1, order, d.state[0].free_chunks[order], chunks)
        free += chunks << order
    used = 0
    for smfn in range(len(d.tables)):
        used += d.shadows[smfn].type != FREE
    if free + used != d.config[0].pool_pages:
        report(a, 9, 2, -1, -1, -1, -1, free + used, d.config[0].pool_pages)
    if d.counters[ctr.shadow_alloc_count] != used:
        report(a, 9, 3, -1, -1, -1, -1, d.counters[ctr.shadow_alloc_count], used)


@jit
def identities(d, a):
    """Check sums that hold at all times: reported as invariant 0."""
    counters = d.counters
    faults = counters[ctr.shadow_fault]
    if counters[ctr.shadow_walk_faults] != faults:
        report(a, 0, 0, -1, -1, -1, -1, counters[ctr.shadow_walk_faults], faults)
    ended = counters[ctr.fault_fixed] + counters[ctr.fault_guest]
    if ended != faults:
        report(a, 0, 1, -1, -1, -1, -1, ended, faults)
    if d.config[0].lazy_snapshot:
        return
    mode = d.config[0].snapshot
    if mode != SNAPSHOT_OFF and counters[ctr.snapshot_copies] != counters[ctr.shadow_unsync]:
        report(a, 0, 2, -1, -1, -1, -1, counters[ctr.snapshot_copies], counters[ctr.shadow_unsync])
    expected = counters[ctr.resync_dirty] if mode == SNAPSHOT_TRUSTED else counters[ctr.resync_compared]
    if counters[ctr.resync_propagated] != expected:
        report(a, 0, 3, -1, -1, -1, -1, counters[ctr.resync_propagated], expected)

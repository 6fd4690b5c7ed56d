"""Throwing shadows out: those of one guest page, or as many as memory asks for."""

from __future__ import annotations

import numpy as np

from ..compiled import jit
from . import counters as ctr
from .crash import DomainCrash, PoolDry
from .guest import is_page_table
from .hash import hash_lookup
from .pool import pinned_list, space_is_available
from .state import HASH_BUCKETS
from .tables import clear_entry, is_pinnable, remove_links, unhook, unpin
from .tlb import flush_domain
from .types import L1_32, L1_64, L1_PAE, L2_32, L2_64, L2_PAE, L2H_64, L2H_PAE, L3_64, L4_64, OOS_SNAPSHOT, ORDER

# The order in which the shadows of a page are thrown out.
_UNSHADOW_ORDER = np.array([L2_32, L1_32, L2H_PAE, L2_PAE, L1_PAE, L4_64, L3_64, L2H_64, L2_64, L1_64])
# By type: the types whose entries can refer to it, a bit each.
_PARENTS = np.zeros(OOS_SNAPSHOT + 1, np.int64)
_PARENTS[L1_32] = 1 << L2_32
_PARENTS[L1_PAE] = 1 << L2_PAE | 1 << L2H_PAE
_PARENTS[L1_64] = 1 << L2_64 | 1 << L2H_64
_PARENTS[L2_64] = _PARENTS[L2H_64] = 1 << L3_64
_PARENTS[L3_64] = 1 << L4_64


@jit
def _search_parents(d, child, kinds):
    """Remove shadow `child` from every shadow of one of `kinds` that refers to it."""
    d.counters[ctr.hash_foreach] += 1
    d.state[0].hash_walking = 1
    gone = False
    for bucket in range(HASH_BUCKETS):
        smfn = d.hash[bucket]
        while smfn != 0 and not gone:
            if 1 << d.shadows[smfn].type & kinds:
                gone = remove_links(d, smfn, child)
            smfn = d.shadows[smfn].next_shadow
        if gone:
            break
    d.state[0].hash_walking = 0


@jit
def remove_shadows(d, gmfn, fast, must):
    """Throw out the shadows of a guest page. Xen: sh_remove_shadows.

    Parameters
    ----------
    fast : bool
        Remove only the reference each shadow remembers; do not search for others.
    must : bool
        Whether failing to remove them all is the end of the guest.
    """
    if not is_page_table(d, gmfn):
        return
    d.counters[ctr.shadow_unshadow] += 1
    for kind in _UNSHADOW_ORDER:
        if d.frames[gmfn].shadow_flags & 1 << kind == 0:
            continue
        smfn = hash_lookup(d, gmfn, kind)
        if is_pinnable(d, kind):
            unpin(d, smfn)
        elif d.shadows[smfn].up != 0:
            if d.shadows[smfn].references == 1:
                d.counters[ctr.shadow_up_pointer] += 1
            else:
                d.counters[ctr.shadow_unshadow_bf] += 1
            clear_entry(d, d.shadows[smfn].up)
        if not fast and d.frames[gmfn].shadow_flags & 1 << kind:
            _search_parents(d, smfn, _PARENTS[kind])
    if must and not fast and is_page_table(d, gmfn):
        raise DomainCrash("a guest page could not be unshadowed")
    flush_domain(d)


@jit
def remove_all_shadows(d, gmfn):
    """Throw out the shadows of a guest page for certain. Xen: shadow_remove_all_shadows."""
    remove_shadows(d, gmfn, False, True)


@jit
def prealloc(d, kind, count):
    """Make room for `count` shadows of type `kind`. Xen: shadow_prealloc.

    First the roots loaded longest ago are unpinned, then those that are loaded are emptied.
    """
    order = ORDER[kind]
    if space_is_available(d, order, count):
        return
    d.counters[ctr.shadow_prealloc_1] += 1
    head = pinned_list(d)
    smfn = d.shadows[head].before
    while smfn != head:
        before = d.shadows[smfn].before
        unpin(d, smfn)
        if space_is_available(d, order, count):
            return
        smfn = before
    d.counters[ctr.shadow_prealloc_2] += 1
    for v in range(len(d.vcpus)):
        for i in range(4):
            root = d.vcpus[v].shadow_table[i]
            if root != 0:
                unhook(d, root)
                if space_is_available(d, order, count):
                    flush_domain(d)
                    return
    raise PoolDry


@jit
def blow_tables(d):
    """Throw out every shadow that is not loaded, and empty those that are. Xen: shadow_blow_tables."""
    head = pinned_list(d)
    smfn = d.shadows[head].before
    while smfn != head:
        before = d.shadows[smfn].before
        unpin(d, smfn)
        smfn = before
    for v in range(len(d.vcpus)):
        for i in range(4):
            root = d.vcpus[v].shadow_table[i]
            if root != 0:
                unhook(d, root)
    flush_domain(d)

"""Making shadows and linking them: whatever may trigger a resync.

Linking a table makes it reachable at once, without a TLB flush by the guest. So what becomes reachable must be
in sync before: the one L1 that a new L2 entry points to; for a new L3 or L4 entry, every page of the domain.

Done as soon as the L3 or L4 entry is set, as in 2008, that resync runs while tables of this very walk are not yet
shadowed: it may make one of them writable again just before it becomes a page table. Hence the axis `resync_late`.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import NX, PSE, RW, US, P, frame_of
from . import counters as ctr
from .content import BY_LINK, BY_PROMOTE, BY_UPPER_LINK
from .guest import is_oos
from .hash import hash_insert, hash_lookup
from .oos import resync_all, sh_resync
from .pool import alloc, pinned_list
from .propagate import DEMAND_WRITE, propagate_upper, supports_superpages
from .shadow_walk import index_of, shadow_l2, shadow_l3
from .tables import address_of, get_ref, is_pinnable, pin, put_ref, unpin, write_upper
from .types import FL1_TYPE, IS_L1, L1_TYPE, L2_64, L3_64, L4_64, LEVEL


@jit
def _rights_only_grew(old, new):
    """Say whether `new` grants all that `old` does, so that no TLB need forget `old`."""
    lost = (old & ~new & (P | RW | US)) | (new & ~old & NX)
    return lost == 0


@jit
def set_upper(d, v, page, index, new):
    """Set an upper entry of shadow page `page`; say whether TLBs need a flush. Xen: shadow_set_l{2,3,4}e.

    `index` is that of the first of a pair where the guest's entry has two.
    """
    kind = d.shadows[page].type
    level = LEVEL[kind]
    d.counters[ctr.set_l2e_calls + level - 2] += 1
    old = d.tables[page, index]
    if old == new:
        return False
    address = address_of(page, index)
    if new & P:
        child = frame_of(new)
        get_ref(d, child, address)
        if level == 4 and is_pinnable(d, L3_64):
            pin(d, child)
        if d.config[0].oos:
            if level == 2:
                gl1mfn = d.shadows[child].backpointer
                if IS_L1[d.shadows[child].type] and is_oos(d, gl1mfn):
                    sh_resync(d, gl1mfn, BY_LINK)
            elif not d.config[0].resync_late:
                resync_all(d, v, BY_UPPER_LINK)
    write_upper(d, kind, page, index, new)
    flush = False
    if old & P:
        flush = frame_of(old) != frame_of(new) or not _rights_only_grew(old, new)
        put_ref(d, frame_of(old), address)
    return flush


@jit
def _promote(d, gmfn, kind):
    """Record that a guest page is shadowed as `kind`. Xen: shadow_promote."""
    if is_oos(d, gmfn):
        sh_resync(d, gmfn, BY_PROMOTE)
    d.frames[gmfn].shadow_flags |= 1 << kind
    d.frames[gmfn].references += 1


@jit
def _stop_pinning_l3(d):
    """Stop pinning L3 shadows once a guest has more than two roots a vCPU.

    Old Linux switched contexts by one L4 entry; a guest with many roots is not of that kind.
    """
    head = pinned_list(d)
    roots = 0
    smfn = d.shadows[head].after
    while smfn != head:
        roots += d.shadows[smfn].type == L4_64
        smfn = d.shadows[smfn].after
    if roots <= 2 * len(d.vcpus):
        return
    smfn = d.shadows[head].after
    while smfn != head:
        after = d.shadows[smfn].after
        if d.shadows[smfn].type == L3_64:
            unpin(d, smfn)
        smfn = after
    d.state[0].linux_l3_toplevel = 0


@jit
def make_shadow(d, gmfn, kind):
    """Make an empty shadow of a guest page that has none of this type. Xen: sh_make_shadow."""
    smfn = alloc(d, kind, gmfn)
    if kind == L4_64 and d.state[0].linux_l3_toplevel:
        _stop_pinning_l3(d)
    _promote(d, gmfn, kind)
    hash_insert(d, gmfn, kind, smfn)
    return smfn


@jit
def _find_or_make(d, gmfn, kind):
    smfn = hash_lookup(d, gmfn, kind)
    return smfn if smfn != 0 else make_shadow(d, gmfn, kind)


@jit
def _find_or_make_fl1(d, gfn, levels):
    """Return the shadow of the superpage that starts at `gfn`; it shadows no guest page."""
    kind = FL1_TYPE[levels]
    smfn = hash_lookup(d, gfn, kind)
    if smfn == 0:
        smfn = alloc(d, kind, gfn)
        hash_insert(d, gfn, kind, smfn)
    return smfn


@jit
def get_and_create_l1(d, v, walk, fetch):
    """Return the shadow L1 page for a guest walk, making and linking what is missing; 0 if there is no root.

    Xen: shadow_get_and_create_l1e.
    """
    d.counters[ctr.shadow_walk] += 1
    va = walk.va
    levels = d.vcpus[v].levels
    linked = False
    if levels == 4:
        if shadow_l3(d, v, va) == 0:
            child = _find_or_make(d, walk.l3mfn, L3_64)
            root = d.vcpus[v].shadow_table[0]
            set_upper(d, v, root, index_of(va, 4), propagate_upper(d, v, walk.l4e, 4, 4, child))
            linked = True
        if shadow_l2(d, v, va) == 0:
            child = _find_or_make(d, walk.l2mfn, L2_64)
            sl3mfn = shadow_l3(d, v, va)
            set_upper(d, v, sl3mfn, index_of(va, 3), propagate_upper(d, v, walk.l3e, 3, 4, child))
            linked = True
    sl1mfn = _get_and_create_l1(d, v, walk, fetch)
    if linked and d.config[0].oos and d.config[0].resync_late:
        resync_all(d, v, BY_UPPER_LINK)
    return sl1mfn


@jit
def _get_and_create_l1(d, v, walk, fetch):
    """Return the shadow L1 page for a walk whose upper tables are linked."""
    va = walk.va
    levels = d.vcpus[v].levels
    sl2mfn = shadow_l2(d, v, va)
    if sl2mfn == 0:
        return sl2mfn  # a PAE root entry that was not present at the last CR3 load
    index = index_of(va, 2)
    sl2e = d.tables[sl2mfn, index]
    # A superpage that was clean is linked read-only; its first write links it anew.
    if sl2e & P and (fetch != DEMAND_WRITE or sl2e & RW or walk.l2e & PSE == 0):
        return frame_of(sl2e)
    if walk.l2e & PSE and supports_superpages(d, v, levels):
        child = _find_or_make_fl1(d, frame_of(walk.l2e), levels)
    else:
        child = _find_or_make(d, walk.l1mfn, L1_TYPE[levels])
    first = index & ~1 if levels == 2 else index
    set_upper(d, v, sl2mfn, first, propagate_upper(d, v, walk.l2e, 2, levels, child))
    return child + (index & 1) if levels == 2 else child

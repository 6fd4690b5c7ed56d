"""Shadow pages, their parents, the reverse map.

An entry has an address, page * 512 + index. All entries that map a frame are in a list, and so are all that link a
page: an entry is in one list at a time, so two arrays of neighbours serve both. 0 is no entry, as page 0 is none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...compiled import jit
from ...x86 import RW, frame_of
from . import counted as n

#: A shadow page: `access` has the rights that the walk down to it leaves, `unsync_children` counts its marked entries,
#: `floods` writes to its table without use between.
PAGE = np.dtype(
    [(name, np.int64) for name in "used gfn level direct access unsync unsync_children floods after parents".split()]
)


class Kvm(NamedTuple):
    """The machine. What bears a name of `oosbench.shadow.state.Domain` is the same, for guest walks work on it.

    Attributes
    ----------
    memory, frames, lag, tables, vcpus, counters, walk, state, config
        As in `Domain`, for the walk that both share. (Nothing of KVM's is in `lag` and `tables`.)
    entries : int64[pages, 512]
        Shadow entries: a frame, or a page, and rights.
    made_from : int64[pages, 512]
        The frame and rights of the guest's leaf entry.
    marked : bool[pages, 512]
        Whether there is a page out of sync below.
    pages : PAGE[pages]
    before, after : int64[pages * 512]
        Neighbours in a list of entries.
    mappings : int64[guest_pages]
        The first leaf entry that maps a frame.
    shadows, direct : int64[guest_pages]
        The first shadow page of a frame; of a large page that begins there.
    upper : int64[guest_pages]
        Shadow pages of a frame above level 1.
    roots : int64[vcpus]
        The root that is loaded.
    previous : int64[vcpus, 3]
        Roots that were loaded before it, the latest first; 0 for none.
    counted : int64[len(NAMES)]
    pool : int64[2]
        The next page that was never used, the first that is free again.
    """

    memory: np.ndarray
    frames: np.ndarray
    lag: np.ndarray
    tables: np.ndarray
    vcpus: np.ndarray
    counters: np.ndarray
    walk: np.ndarray
    state: np.ndarray
    config: np.ndarray
    entries: np.ndarray
    made_from: np.ndarray
    marked: np.ndarray
    pages: np.ndarray
    before: np.ndarray
    after: np.ndarray
    mappings: np.ndarray
    shadows: np.ndarray
    direct: np.ndarray
    upper: np.ndarray
    roots: np.ndarray
    previous: np.ndarray
    counted: np.ndarray
    pool: np.ndarray


@jit
def _enter(k, first, place, at):
    """Put entry `at` in front of the list that begins in ``first[place]``."""
    k.before[at], k.after[at] = 0, first[place]
    if first[place]:
        k.before[first[place]] = at
    first[place] = at


@jit
def _leave(k, first, place, at):
    if k.before[at]:
        k.after[k.before[at]] = k.after[at]
    else:
        first[place] = k.after[at]
    if k.after[at]:
        k.before[k.after[at]] = k.before[at]


@jit
def set_leaf(k, page, index, new, made_from):
    """Set a leaf entry; the reverse map follows."""
    old = k.entries[page, index]
    at = page * 512 + index
    if old != 0 and (new == 0 or frame_of(old) != frame_of(new)):
        _leave(k, k.mappings, frame_of(old), at)
        k.counted[n.rmap_remove] += 1
        old = 0
    if old == 0 and new != 0:
        _enter(k, k.mappings, frame_of(new), at)
        k.counted[n.rmap_add] += 1
    if k.entries[page, index] != new:
        k.counted[n.sl1e_write] += 1
    k.entries[page, index] = new
    k.made_from[page, index] = made_from


@jit
def unlink(k, page, index):
    """Zero an upper entry."""
    old = k.entries[page, index]
    if old == 0:
        return
    child = frame_of(old)
    parents = k.pages.parents
    _leave(k, parents, child, page * 512 + index)
    k.counted[n.shadow_put] += 1
    k.counted[n.slNe_write] += 1
    k.entries[page, index] = 0
    if k.marked[page, index]:
        k.marked[page, index] = False
        k.pages[page].unsync_children -= 1


@jit
def link(k, page, index, child, rights):
    """Let an upper entry point to `child`."""
    old = k.entries[page, index]
    if old != 0 and frame_of(old) == child:
        if old != (child << 12 | rights):
            k.entries[page, index] = child << 12 | rights
            k.counted[n.slNe_write] += 1
        return
    unlink(k, page, index)
    parents = k.pages.parents
    _enter(k, parents, child, page * 512 + index)
    k.entries[page, index] = child << 12 | rights
    k.counted[n.shadow_ref] += 1
    k.counted[n.slNe_write] += 1


@jit
def write_protect(k, gfn):
    """Take write access to a frame from whatever maps it; say whether anything did."""
    at = k.mappings[gfn]
    found = False
    while at != 0:
        k.counted[n.rmap_walk] += 1
        page, index = at >> 9, at & 511
        if k.entries[page, index] & RW:
            k.entries[page, index] &= ~RW
            k.counted[n.sl1e_write] += 1
            found = True
        at = k.after[at]
    return found


@jit
def find(k, gfn, level, direct, access):
    """Return the shadow page of a frame at `level`, or of the large page that begins there; 0 if there is none."""
    k.counted[n.hash_lookup] += 1
    page = k.direct[gfn] if direct else k.shadows[gfn]
    while page != 0 and (k.pages[page].level != level or k.pages[page].access != access):
        k.counted[n.hash_chain_step] += 1
        page = k.pages[page].after
    return page


@jit
def new_page(k, gfn, level, direct, access):
    """Return a new, empty shadow page; 0 if the pool is full."""
    page = k.pool[1]
    if page != 0:
        k.pool[1] = k.pages[page].after
    elif k.pool[0] < len(k.pages):
        page = k.pool[0]
        k.pool[0] += 1
    else:
        return 0
    p = k.pages[page]
    p.used, p.gfn, p.level, p.direct, p.access = 1, gfn, level, direct, access
    p.unsync = p.unsync_children = p.floods = p.parents = 0
    if direct:
        p.after = k.direct[gfn]
        k.direct[gfn] = page
    else:
        p.after = k.shadows[gfn]
        k.shadows[gfn] = page
        k.upper[gfn] += level > 1
        if write_protect(k, gfn):
            k.counted[n.tlb_flush_domain] += 1
    k.counted[n.page_alloc] += 1
    k.counted[n.page_zero] += 1
    k.counted[n.hash_insert] += 1
    return page


@jit
def empty(k, page):
    """Zero all entries of a page."""
    leaf = k.pages[page].level == 1
    for index in range(512):
        if k.entries[page, index] != 0:
            if leaf:
                set_leaf(k, page, index, 0, 0)
            else:
                unlink(k, page, index)
    k.counted[n.tlb_flush_domain] += 1


@jit
def zap(k, page):
    """Throw a page out. A root that is loaded is only emptied; what hung below is kept, to be found again."""
    empty(k, page)
    k.counted[n.zapped] += 1
    p = k.pages[page]
    if p.level == 4:
        for v in range(len(k.roots)):
            if k.roots[v] == page:
                return
            for i in range(len(k.previous[v])):
                if k.previous[v, i] == page:
                    # It is held, and zapped once more when it is let go of.
                    k.previous[v, i] = 0
                    k.counted[n.zapped] += 1
    while p.parents != 0:
        unlink(k, p.parents >> 9, p.parents & 511)
    first = k.direct if p.direct else k.shadows
    if first[p.gfn] == page:
        first[p.gfn] = p.after
    else:
        other = first[p.gfn]
        while k.pages[other].after != page:
            other = k.pages[other].after
        k.pages[other].after = p.after
    if not p.direct:
        k.upper[p.gfn] -= p.level > 1
    p.used = p.unsync = 0
    p.after = k.pool[1]
    k.pool[1] = page
    k.counted[n.page_free] += 1
    k.counted[n.hash_delete] += 1


@jit
def zap_all(k):
    """Throw everything out, loaded roots too: `roots` must be looked up again."""
    k.roots[:] = 0
    k.previous[:] = 0
    for page in range(1, k.pool[0]):
        if k.pages[page].used:
            zap(k, page)

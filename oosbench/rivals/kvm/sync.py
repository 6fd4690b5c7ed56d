"""Out of sync and back. Only leaf tables go out of sync; all their ancestors are marked, up to every root."""

from __future__ import annotations

from ...compiled import jit
from ...shadow.guest import is_ram, p2m
from ...shadow.state import RAM_RO
from ...x86 import NX, RW, US, A, D, P, frame_of
from . import counted as n
from .pages import set_leaf, write_protect


@jit
def rights_of(k, v, entry):
    """Return frame and rights of a guest's leaf entry: what its shadow is made from. Without D it is read-only."""
    made = frame_of(entry) << 12 | (entry & (RW | US)) | P
    if k.vcpus[v].nx:
        made |= entry & NX
    return made if entry & D else made & ~RW


@jit
def leaf_for(k, v, entry, may_unsync):
    """Return (shadow entry, what it is made from) for a guest's leaf entry; (0, 0) if it cannot have one."""
    k.counted[n.propagate] += 1
    if entry & P == 0 or entry & A == 0:
        return 0, 0
    gfn, kind = p2m(k, frame_of(entry))
    if not is_ram(kind):
        return 0, 0
    made = rights_of(k, v, entry)
    new = made
    if kind == RAM_RO:
        new &= ~RW
    if new & RW and k.shadows[gfn] != 0 and not (unsync(k, gfn) if may_unsync else is_unsync(k, gfn)):
        new &= ~RW
    return new, made


@jit
def _is_news(k, page, index):
    """Mark an upper entry; say whether its page had none before."""
    if k.marked[page, index]:
        return False
    k.counted[n.unsync_mark] += 1
    k.marked[page, index] = True
    k.pages[page].unsync_children += 1
    return k.pages[page].unsync_children == 1


@jit
def _mark_parents(k, page):
    at = k.pages[page].parents
    while at != 0:
        if _is_news(k, at >> 9, at & 511):
            _mark_parents(k, at >> 9)
        at = k.after[at]


@jit
def mark(k, page, index):
    """Tell an upper entry, and all that lead to it, that there is a page out of sync below."""
    if _is_news(k, page, index):
        _mark_parents(k, page)


@jit
def is_unsync(k, gfn):
    """Say whether all shadow pages of a table are out of sync already."""
    if k.upper[gfn] > 0:
        return False
    page = k.shadows[gfn]
    while page != 0:
        if not k.pages[page].unsync:
            return False
        page = k.pages[page].after
    return True


@jit
def unsync(k, gfn):
    """Let all shadow pages of a table go out of sync; say whether it may: not if it is shadowed above level 1."""
    if k.upper[gfn] > 0:
        return False
    page = k.shadows[gfn]
    while page != 0:
        if not k.pages[page].unsync:
            k.pages[page].unsync = 1
            k.counted[n.unsyncs] += 1
            _mark_parents(k, page)
        page = k.pages[page].after
    return True


@jit
def sync_page(k, v, page):
    """Bring one leaf page back for good: write-protect its table, then compare it."""
    if write_protect(k, k.pages[page].gfn):
        k.counted[n.tlb_flush_domain] += 1
    k.pages[page].unsync = 0
    compare_page(k, v, page)


@jit
def compare_page(k, v, page):
    """Look at each guest entry that is shadowed. By itself it leaves the page out of sync, and its table writable."""
    p = k.pages[page]
    k.counted[n.synced] += 1
    k.counted[n.resync_entries_tested] += 512
    dropped = False
    for index in range(512):
        if k.entries[page, index] == 0:
            continue
        k.counted[n.snapshot_compare] += 1
        entry = k.memory[p.gfn, index]
        if entry & P and entry & A and rights_of(k, v, entry) == k.made_from[page, index]:
            continue
        if entry & P == 0 or entry & A == 0 or frame_of(entry) != frame_of(k.entries[page, index]):
            set_leaf(k, page, index, 0, 0)
            k.counted[n.dropped] += 1
            dropped = True
        else:
            new, made = leaf_for(k, v, entry, False)
            set_leaf(k, page, index, new, made)
            dropped = True
    if dropped:
        k.counted[n.tlb_flush_domain] += 1


@jit
def sync_below(k, v, page):
    """Bring a page and all that is out of sync below it back."""
    if k.pages[page].level == 1:
        if k.pages[page].unsync:
            sync_page(k, v, page)
        return
    if k.pages[page].unsync_children == 0:
        return
    for index in range(512):
        if k.marked[page, index]:
            k.counted[n.unsync_visit] += 1
            k.marked[page, index] = False
            sync_below(k, v, frame_of(k.entries[page, index]))
    k.pages[page].unsync_children = 0

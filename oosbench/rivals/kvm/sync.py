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
    if new & RW and k.shadows[gfn] != 0 and not (may_unsync and unsync(k, gfn)):
        new &= ~RW
    return new, made


@jit
def _mark_parents(k, page):
    at = k.pages[page].parents
    while at != 0:
        parent, index = at >> 9, at & 511
        if not k.marked[parent, index]:
            k.counted[n.unsync_mark] += 1
            k.marked[parent, index] = True
            k.pages[parent].unsync_children += 1
            if k.pages[parent].unsync_children == 1:
                _mark_parents(k, parent)
        at = k.after[at]


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
    """Bring one leaf page back: write-protect its table, then look at each guest entry that is shadowed."""
    p = k.pages[page]
    if write_protect(k, p.gfn):
        k.counted[n.tlb_flush_domain] += 1
    p.unsync = 0
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

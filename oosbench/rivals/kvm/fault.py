"""Faults, emulated writes, INVLPG, CR3."""

from __future__ import annotations

from ...compiled import jit
from ...shadow.guest import is_ram, p2m, store
from ...shadow.guest_walk import guest_walk_tables
from ...shadow.shadow_walk import index_of, refuses
from ...shadow.state import INVALID, MMIO_DM, RAM_RO
from ...x86 import NX, PFEC_I, PFEC_P, PFEC_W, RW, US, A, D, P, frame_of
from . import counted as n
from .pages import find, link, new_page, set_leaf, unlink, zap, zap_all
from .sync import leaf_for, sync_below, sync_page

RETRY, GUEST, EMULATED, DEVICE = range(4)
_FLOOD = 3  # writes to an upper table without use in between


@jit
def wanted_bits(k, v, wanted):
    """Return the access bits of an error code: a fetch is told from a read only with NX on."""
    return wanted if k.vcpus[v].nx else wanted & ~PFEC_I


@jit
def walk(k, v, va, wanted):
    """Translate `va` as the processor would; return the leaf entry, 0 for a fault."""
    page, level = k.roots[v], 4
    granted, no_fetch = US | RW, 0
    while True:
        entry = k.entries[page, index_of(va, level)]
        if entry & P == 0:
            return 0
        granted &= entry
        no_fetch |= entry & NX
        if level == 1:
            break
        page = frame_of(entry)
        level -= 1
    return 0 if refuses(granted, no_fetch, wanted_bits(k, v, wanted)) else entry


@jit
def _get(k, v, gfn, level, direct):
    """Return a shadow page, found and brought into sync or made; 0 if the pool is full."""
    page = find(k, gfn, level, direct)
    if page != 0:
        sync_below(k, v, page)
        return page
    if not direct and level > 1:
        # A table that goes out of sync must not be an upper table too.
        other = k.shadows[gfn]
        while other != 0:
            if k.pages[other].unsync:
                sync_page(k, v, other)
            other = k.pages[other].after
    return new_page(k, gfn, level, direct)


@jit
def load_root(k, v):
    """Load the root of a vCPU, and bring all that is below it into sync."""
    root = _get(k, v, k.vcpus[v].guest_root, 4, 0)
    if root == 0:
        zap_all(k)
        root = _get(k, v, k.vcpus[v].guest_root, 4, 0)
    k.roots[v] = root
    k.counted[n.tlb_flush_local] += 1


@jit
def rebuild(k):
    """Throw everything out, and load the roots again."""
    zap_all(k)
    for v in range(len(k.roots)):
        if k.vcpus[v].paged:
            load_root(k, v)


@jit
def _leaf_page(k, v, va):
    """Return the leaf page for the last walk, making and linking what is missing; 0 if the pool is full."""
    gw = k.walk[0]
    page = k.roots[v]
    k.counted[n.shadow_walk] += 1
    superpage = gw.l1mfn == INVALID
    for level in (4, 3, 2):
        entry = gw.l4e if level == 4 else gw.l3e if level == 3 else gw.l2e
        rights = P | (entry & (RW | US))
        if k.vcpus[v].nx:
            rights |= entry & NX
        direct = superpage and level == 2
        if direct:
            gfn = frame_of(gw.l2e) & ~511
            if gw.l2e & D == 0:
                rights &= ~RW
        else:
            gfn = gw.l3mfn if level == 4 else gw.l2mfn if level == 3 else gw.l1mfn
        k.pages[page].floods = 0
        index = index_of(va, level)
        old = k.entries[page, index]
        child = frame_of(old)
        fits = old != 0 and k.pages[child].gfn == gfn and k.pages[child].direct == direct
        if not fits:
            child = _get(k, v, gfn, level - 1, 1 if direct else 0)
            if child == 0:
                return 0
        link(k, page, index, child, rights)
        page = child
    return page


@jit
def fault(k, v, va, wanted):
    """Handle a fault of the processor's walk.

    Returns
    -------
    outcome : int
        RETRY; GUEST, DEVICE or EMULATED.
    code : int
        The error code of a fault that is the guest's.
    """
    k.counted[n.vmexit_pf] += 1
    code = wanted_bits(k, v, wanted)
    missing = guest_walk_tables(k, v, va, code)
    if missing:
        return GUEST, code if missing & P else code | PFEC_P
    k.counted[n.lock_acquire] += 1
    gw = k.walk[0]
    _, kind = p2m(k, frame_of(gw.l1e))
    write = wanted & PFEC_W != 0
    if kind == MMIO_DM or not is_ram(kind) or (write and kind == RAM_RO):
        return DEVICE, 0
    page = _leaf_page(k, v, va)
    if page == 0:
        rebuild(k)
        page = _leaf_page(k, v, va)
    index = index_of(va, 1)
    new, made = leaf_for(k, v, gw.l1e, True)
    set_leaf(k, page, index, new, made)
    _prefetch(k, v, page, index)
    if write and (new & RW == 0 or (gw.l1e & gw.l2e & gw.l3e & gw.l4e) & RW == 0):
        return EMULATED, 0  # an upper table, or a write with CR0.WP off
    return RETRY, 0


@jit
def _guest_leaf(k, page, index):
    """Return the guest's leaf entry behind an entry of a leaf page; of a large page it is made up."""
    p = k.pages[page]
    if p.direct:
        return (p.gfn + index) << 12 | P | RW | US | A | D
    return k.memory[p.gfn, index]


@jit
def _prefetch(k, v, page, index):
    """Fill what is empty in the aligned group of eight; a page table is not mapped writable."""
    first = index & ~7
    for i in range(first, first + 8):
        if k.entries[page, i] == 0:
            new, made = leaf_for(k, v, _guest_leaf(k, page, i), False)
            if new != 0:
                set_leaf(k, page, i, new, made)


@jit
def emulate(k, gfn, offset, value, length):
    """Store on behalf of the guest; what was derived from there goes."""
    k.counted[n.emulate_insn] += 1
    store(k, gfn, offset, value, length)
    page = k.shadows[gfn]
    while page != 0:
        after = k.pages[page].after
        p = k.pages[page]
        p.floods += p.level > 1
        if p.floods >= _FLOOD or offset & 7 or length < 8:
            zap(k, page)
        elif p.level == 1:
            set_leaf(k, page, offset >> 3, 0, 0)
        else:
            unlink(k, page, offset >> 3)
        page = after
    k.counted[n.tlb_flush_domain] += 1


@jit
def invlpg(k, v, va):
    """Do an INVLPG: the leaf entry goes, and comes back from the guest's if that can be used."""
    k.counted[n.vmexit_invlpg] += 1
    page = k.roots[v]
    for level in (4, 3, 2):
        entry = k.entries[page, index_of(va, level)]
        if entry & P == 0:
            return
        page = frame_of(entry)
    if k.pages[page].direct:
        return
    index = index_of(va, 1)
    set_leaf(k, page, index, 0, 0)
    k.counted[n.lock_acquire] += 1
    new, made = leaf_for(k, v, k.memory[k.pages[page].gfn, index], False)
    if new != 0:
        set_leaf(k, page, index, new, made)
    k.counted[n.tlb_flush_local] += 1

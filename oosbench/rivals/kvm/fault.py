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
from .sync import compare_page, leaf_for, mark, sync_below

RETRY, GUEST, EMULATED, DEVICE = range(4)
_ALL = RW | US | P
_FLOOD = 3  # writes to an upper table without use in between


@jit
def wanted_bits(k, v, wanted):
    """Return the access bits of an error code: a fetch is told from a read only with NX on."""
    return wanted if k.vcpus[v].nx else wanted & ~PFEC_I


@jit
def access_below(access, entry):
    """Return the access that an upper entry leaves, of what there is above it: KVM's ``role.access``.

    P stands for the right to fetch, as an entry says what may not be fetched.
    """
    left = access & (entry | P)
    return left & ~P if entry & NX else left


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
def _get(k, v, gfn, level, direct, access):
    """Return a shadow page, found or made; 0 if the pool is full.

    A leaf page that is found is compared, but stays out of sync and writable; what is out of sync below an upper page
    is brought back for good. (kvm_mmu_find_shadow_page, and FNAME(fetch), which syncs children before it links.)
    """
    page = find(k, gfn, level, direct, access)
    if page != 0:
        k.pages[page].floods = 0
        if level > 1:
            sync_below(k, v, page)
        elif k.pages[page].unsync:
            compare_page(k, v, page)
        return page
    if not direct and level > 1:
        # The guest has a new use for the frame of a table out of sync: its pages go, and nothing of them is compared.
        other = k.shadows[gfn]
        while other != 0:
            after = k.pages[other].after
            if k.pages[other].unsync:
                zap(k, other)
            other = after
    return new_page(k, gfn, level, direct, access)


@jit
def load_root(k, v):
    """Load the root of a vCPU, and bring all that is below it into sync."""
    root = _get(k, v, k.vcpus[v].guest_root, 4, 0, _ALL)
    if root == 0:
        zap_all(k)
        root = _get(k, v, k.vcpus[v].guest_root, 4, 0, _ALL)
    if k.roots[v] != root:
        _remember(k.previous[v], k.roots[v], root)
    k.roots[v] = root
    k.counted[n.tlb_flush_local] += 1


@jit
def _remember(previous, old, new):
    """Put the root that is left in front of those before it, in place of the one that is loaded, or of the oldest."""
    place = len(previous) - 1
    for i in range(len(previous)):
        if previous[i] == new or previous[i] == 0:
            place = i
            break
    for i in range(place, 0, -1):
        previous[i] = previous[i - 1]
    previous[0] = old


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
    access = _ALL
    for level in (4, 3, 2):
        entry = gw.l4e if level == 4 else gw.l3e if level == 3 else gw.l2e
        rights = P | (entry & (RW | US))
        if k.vcpus[v].nx:
            rights |= entry & NX
        access = access_below(access, rights)
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
        child = k.pages[frame_of(old)]
        fits = old != 0 and child.gfn == gfn and child.direct == direct and child.access == access
        below = frame_of(old) if fits else _get(k, v, gfn, level - 1, 1 if direct else 0, access)
        if below == 0:
            return 0
        link(k, page, index, below, rights)
        if k.pages[below].unsync or k.pages[below].unsync_children:
            mark(k, page, index)
        page = below
    return page


@jit
def _clear_floods(k, v, va):
    """Say whether an address is mapped; the upper tables on its way are in use."""
    page = k.roots[v]
    for level in (4, 3, 2):
        k.pages[page].floods = 0
        entry = k.entries[page, index_of(va, level)]
        if entry & P == 0:
            return False
        page = frame_of(entry)
    return k.entries[page, index_of(va, 1)] & P != 0


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
        if missing & P == 0:
            _invalidate(k, v, k.roots[v], va)  # as the injected fault has P=1 (kvm_inject_emulated_page_fault)
        return GUEST, code if missing & P else code | PFEC_P
    k.counted[n.lock_acquire] += 1
    gw = k.walk[0]
    _, kind = p2m(k, frame_of(gw.l1e))
    write = wanted & PFEC_W != 0
    if kind == MMIO_DM or not is_ram(kind) or (write and kind == RAM_RO):
        return DEVICE, 0
    if write and k.upper[frame_of(gw.l1e)] > 0 and _clear_floods(k, v, va):
        return EMULATED, 0  # a mapped upper table: nothing is mapped or prefetched (page_fault_handle_page_track)
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
    """Fill what is empty in the aligned group of eight, up to the first entry that cannot be used.

    A table in sync is not mapped writable. (FNAME(pte_prefetch))
    """
    first = index & ~7
    for i in range(first, first + 8):
        if k.entries[page, i] == 0:
            new, made = leaf_for(k, v, _guest_leaf(k, page, i), False)
            if new == 0:
                break
            set_leaf(k, page, i, new, made)
            k.counted[n.prefetched] += 1


@jit
def unprotect(k, gfn):
    """Throw out all shadow pages of a frame: an instruction stores there that no kernel uses for page tables.

    It is started again, and finds the frame writable. (reexecute_instruction, kvm_mmu_unprotect_page)
    """
    k.counted[n.emulate_insn] += 1
    page = k.shadows[gfn]
    while page != 0:
        after = k.pages[page].after
        zap(k, page)
        k.counted[n.unprotected] += 1
        page = after
    k.counted[n.tlb_flush_domain] += 1


@jit
def emulate(k, gfn, offset, value, length):
    """Store on behalf of the guest; what was derived from there goes."""
    k.counted[n.emulate_insn] += 1
    store(k, gfn, offset, value, length)
    crosses = offset >> 3 != (offset + length - 1) >> 3
    misaligned = crosses or (length < 4 and not (length == 1 and offset & 7 == 0))
    page = k.shadows[gfn]
    while page != 0:
        after = k.pages[page].after
        p = k.pages[page]
        p.floods += p.level > 1
        if p.floods >= _FLOOD or misaligned:
            k.counted[n.flooded] += 1
            zap(k, page)
        elif p.level == 1:
            set_leaf(k, page, offset >> 3, 0, 0)
        else:
            unlink(k, page, offset >> 3)
        page = after
    k.counted[n.tlb_flush_domain] += 1


@jit
def _invalidate(k, v, root, va):
    """Drop the leaf entry of an address below a root, if its table is out of sync, and derive it anew if it can be.

    (FNAME(invlpg): it goes down only where something is out of sync.)
    """
    page = root
    for level in (4, 3, 2):
        if k.pages[page].unsync_children == 0:
            return
        entry = k.entries[page, index_of(va, level)]
        if entry & P == 0:
            return
        page = frame_of(entry)
    index = index_of(va, 1)
    if k.pages[page].direct or not k.pages[page].unsync:
        return  # of one out of sync the entry is zapped and derived even if it was empty
    k.counted[n.invlpg_zapped] += 1
    set_leaf(k, page, index, 0, 0)
    k.counted[n.lock_acquire] += 1
    new, made = leaf_for(k, v, k.memory[k.pages[page].gfn, index], False)
    if new != 0:
        set_leaf(k, page, index, new, made)


@jit
def invlpg(k, v, va):
    """Do an INVLPG: below the root that is loaded, and below those before it."""
    k.counted[n.vmexit_invlpg] += 1
    _invalidate(k, v, k.roots[v], va)
    for root in k.previous[v]:
        if root != 0:
            _invalidate(k, v, root, va)
    k.counted[n.tlb_flush_local] += 1

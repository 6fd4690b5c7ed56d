"""Shadow pages: a pool of four-page chunks, split and merged like buddies.

Free chunks of each order are kept in a list, oldest first; so are the pinned shadows, latest first. The
lists run through ``before`` and ``after`` of the pages, their heads stand behind the last page.
"""

from __future__ import annotations

from ..compiled import jit
from . import counters as ctr
from .crash import PoolDry
from .state import MAX_ORDER
from .types import FREE, ORDER


@jit
def free_list(d, order):
    """Return the head of the list of free chunks of 2**order pages."""
    return d.config[0].pool_pages + order


@jit
def pinned_list(d):
    """Return the head of the list of pinned shadows."""
    return d.config[0].pool_pages + MAX_ORDER + 1


@jit
def list_add(d, before, smfn):
    """Put a page into a list, right behind `before`."""
    after = d.shadows[before].after
    d.shadows[smfn].before = before
    d.shadows[smfn].after = after
    d.shadows[before].after = smfn
    d.shadows[after].before = smfn


@jit
def list_del(d, smfn):
    """Take a page out of its list."""
    page = d.shadows[smfn]
    d.shadows[page.before].after = page.after
    d.shadows[page.after].before = page.before


@jit
def _add_chunk(d, order, smfn):
    head = free_list(d, order)
    d.shadows[smfn].order = order
    list_add(d, d.shadows[head].before, smfn)
    d.state[0].free_chunks[order] += 1


@jit
def _take_chunk(d, order, smfn):
    list_del(d, smfn)
    d.state[0].free_chunks[order] -= 1


@jit
def fill_pool(d):
    """Start with every page free, in chunks of the largest order."""
    for k in range(MAX_ORDER + 2):
        head = free_list(d, k)
        d.shadows[head].before = head
        d.shadows[head].after = head
    for smfn in range(0, d.config[0].pool_pages, 1 << MAX_ORDER):
        _add_chunk(d, MAX_ORDER, smfn)


@jit
def space_is_available(d, order, count):
    """Say whether one list alone can serve `count` requests of `order` (orders are not added up)."""
    for k in range(order, MAX_ORDER + 1):
        if d.state[0].free_chunks[k] >= count:
            return True
        count = (count + 1) >> 1
    return False


@jit
def alloc(d, kind, backpointer):
    """Take a zeroed shadow of type `kind` from the pool; return its (first) page. Xen: shadow_alloc."""
    order = ORDER[kind]
    k = order
    while k <= MAX_ORDER and d.state[0].free_chunks[k] == 0:
        k += 1
    if k > MAX_ORDER:
        raise PoolDry
    smfn = d.shadows[free_list(d, k)].after
    _take_chunk(d, k, smfn)
    while k > order:  # the lower half goes back, the upper one is used
        k -= 1
        _add_chunk(d, k, smfn)
        smfn += 1 << k
    for page in range(smfn, smfn + (1 << order)):
        d.tables[page, :] = 0
        shadow = d.shadows[page]
        shadow.type = kind
        shadow.backpointer = backpointer
        shadow.references = 0
        shadow.pinned = 0
        shadow.up = 0
        shadow.next_shadow = 0
        shadow.present = 0
        shadow.filled = 0
    d.counters[ctr.shadow_alloc] += 1
    d.counters[ctr.page_zero] += 1 << order
    d.counters[ctr.shadow_alloc_count] += 1 << order
    return smfn


@jit
def free(d, smfn):
    """Give a shadow back, merging with free buddies; its contents stay. Xen: shadow_free."""
    order = ORDER[d.shadows[smfn].type]
    d.counters[ctr.shadow_free] += 1
    d.counters[ctr.shadow_alloc_count] -= 1 << order
    for page in range(smfn, smfn + (1 << order)):
        d.shadows[page].type = FREE
        for v in range(len(d.vcpus)):
            vcpu = d.vcpus[v]
            if vcpu.last_writeable_pte_smfn == page:
                vcpu.last_writeable_pte_smfn = 0
            vcpu.last_write_emul_ok = 0
    while order < MAX_ORDER:
        buddy = smfn ^ (1 << order)
        if d.shadows[buddy].type != FREE or d.shadows[buddy].order != order:
            break
        _take_chunk(d, order, buddy)
        smfn = min(smfn, buddy)
        order += 1
    _add_chunk(d, order, smfn)

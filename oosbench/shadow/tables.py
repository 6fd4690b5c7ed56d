"""References to shadows: taking, dropping, pinning, destroying; clearing upper entries.

A shadow lives as long as something refers to it: an upper entry, a vCPU that has it as its root, or a pin.
Nothing here can make a page out of sync or bring it back: an entry that is *cleared* makes no table reachable.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import P, frame_of
from . import counters as ctr
from .fixups import fixup_remove
from .guest import is_oos
from .hash import hash_delete
from .pool import free, list_add, list_del, pinned_list
from .references import lower_l1e, put_page_from_l1e
from .slots import oos_hash_remove
from .types import IS_FL1, L2_32, L2_PAE, L2H_PAE, L3_64, L4_64, LEVEL, ORDER, SHF_TYPES


@jit
def is_pinnable(d, kind):
    """Say whether shadows of a type can be pinned. Xen: sh_type_is_pinnable."""
    if kind == L3_64:
        return d.state[0].linux_l3_toplevel != 0
    return kind == L2_32 or kind == L2_PAE or kind == L2H_PAE or kind == L4_64


@jit
def address_of(smfn, index):
    """Return the number that names entry `index` of pool page `smfn`; 0 names none."""
    return smfn * 512 + index


@jit
def get_ref(d, smfn, address):
    """Take a reference on a shadow for the upper entry `address`, or for a root or a pin (0).

    The first upper entry is remembered, so that unshadowing need not search for it.
    """
    d.counters[ctr.shadow_ref] += 1
    shadow = d.shadows[smfn]
    if address != 0 and shadow.up == 0 and not is_pinnable(d, shadow.type):
        shadow.up = address
    shadow.references += 1


@jit
def _drop_ref(d, smfn, address):
    """Drop a reference; say whether it was the last one."""
    d.counters[ctr.shadow_put] += 1
    shadow = d.shadows[smfn]
    if address != 0 and shadow.up == address and not is_pinnable(d, shadow.type):
        shadow.up = 0
    shadow.references -= 1
    return shadow.references == 0


@jit
def _demote(d, gmfn, kind):
    """Record that a guest page is no longer shadowed as `kind`. Xen: shadow_demote."""
    frame = d.frames[gmfn]
    frame.references -= 1
    if frame.shadow_flags & SHF_TYPES == 1 << kind:
        if is_oos(d, gmfn):
            oos_hash_remove(d, gmfn)
            fixup_remove(d, gmfn)
        frame.shadow_flags = 0
        d.lag[gmfn].passes = 0
    else:
        frame.shadow_flags &= ~(1 << kind)


@jit
def destroy(d, smfn):
    """Destroy a shadow that nothing refers to, and what only it refers to. Xen: sh_destroy_*_shadow."""
    d.counters[ctr.shadow_destroy] += 1
    kind = d.shadows[smfn].type
    number = d.shadows[smfn].backpointer
    hash_delete(d, number, kind, smfn)
    if not IS_FL1[kind]:
        _demote(d, number, kind)
    step = 2 if kind == L2_32 else 1  # a pair of entries is one reference
    for page in range(smfn, smfn + (1 << ORDER[kind])):
        for index in range(0, 512, step):
            entry = d.tables[page, index]
            if entry & P == 0:
                continue
            if LEVEL[kind] == 1:
                put_page_from_l1e(d, entry)
            elif _drop_ref(d, frame_of(entry), address_of(page, index)):
                destroy(d, frame_of(entry))
    free(d, smfn)


@jit
def put_ref(d, smfn, address):
    """Drop a reference on a shadow, and destroy it if that was the last. Xen: sh_put_ref."""
    if _drop_ref(d, smfn, address):
        destroy(d, smfn)


@jit
def pin(d, smfn):
    """Keep a root shadow alive while it is not loaded, as the latest of its kind. Xen: sh_pin."""
    if d.shadows[smfn].pinned:
        list_del(d, smfn)
    else:
        get_ref(d, smfn, 0)
        d.shadows[smfn].pinned = 1
    list_add(d, pinned_list(d), smfn)


@jit
def unpin(d, smfn):
    """Let a root shadow go. Xen: sh_unpin."""
    shadow = d.shadows[smfn]
    if shadow.pinned:
        d.counters[ctr.unpin] += 1
        list_del(d, smfn)
        shadow.pinned = 0
        shadow.up = 0  # its type may stop being pinnable
        put_ref(d, smfn, 0)


@jit
def write_upper(d, kind, page, index, new):
    """Store an upper entry: both of the pair, where the guest's entry has two."""
    d.counters[ctr.slNe_write] += 1
    d.tables[page, index] = new
    if kind == L2_32:
        # The other half of the guest's L1 is the second page of its shadow.
        d.tables[page, index + 1] = new + 4096 if new != 0 else new


@jit
def clear_upper(d, page, index):
    """Zero an upper entry (of a pair: the first) and drop its reference."""
    kind = d.shadows[page].type
    level = LEVEL[kind]
    d.counters[ctr.set_l2e_calls + level - 2] += 1
    old = d.tables[page, index]
    if old != 0:
        write_upper(d, kind, page, index, 0)
        if old & P:
            put_ref(d, frame_of(old), address_of(page, index))


@jit
def clear_entry(d, address):
    """Zero the shadow entry that `address` names, of whatever level."""
    page, index = address >> 9, address & 511
    if LEVEL[d.shadows[page].type] == 1:
        lower_l1e(d, page, index, 0)
    else:
        clear_upper(d, page, index)


@jit
def unhook(d, smfn):
    """Zero all present entries of a root shadow, which destroys what hangs below. Xen: shadow_unhook_mappings."""
    d.counters[ctr.unhook] += 1
    kind = d.shadows[smfn].type
    step = 2 if kind == L2_32 else 1
    for page in range(smfn, smfn + (1 << ORDER[kind])):
        for index in range(0, 512, step):
            if d.tables[page, index] & P:
                clear_upper(d, page, index)


@jit
def remove_links(d, parent, child):
    """Zero the entries of `parent` that refer to shadow `child`; say whether `child` is gone.

    Xen: sh_remove_l1_shadow and its like.
    """
    kind = d.shadows[parent].type
    step = 2 if kind == L2_32 else 1
    for page in range(parent, parent + (1 << ORDER[kind])):
        for index in range(0, 512, step):
            entry = d.tables[page, index]
            if entry & P and frame_of(entry) == child:
                clear_upper(d, page, index)
                if d.shadows[child].type == 0:
                    return True
    return False

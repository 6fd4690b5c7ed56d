"""Remembering where an out-of-sync page is mapped writable, so that a resync need not search.

Two ways, by preset. The *table* (Xen 7ee9469202): each vCPU has 13 buckets of 26, and a multiplication by 13
where 26 was meant (`fixup_stride`), so neighbours share half their entries. A full bucket forgets in silence.
The *array* (Xen 50b74f55e0): two fixups with each slot; a third writable mapping costs the oldest its rights.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import RW
from . import counters as ctr
from .guest import is_oos
from .references import lower_l1e, maps_writable
from .slots import find_slot
from .state import FIXUP_IN_ARRAY, FIXUP_IN_TABLE, INVALID, MAX_SLOTS
from .types import IS_FL1, IS_L1

IN_HAND = MAX_SLOTS  # where the fixups of a page wait while it moves from one slot to the next


@jit
def rm_write_from_sl1p(d, gmfn, smfn, slot):
    """Strip write access to `gmfn` from one remembered entry, if it is still what it was.

    The page may have been freed or reused since. One that is no L1 now is left alone without a count, and so
    is a splintered superpage: the reason why fixups never help where the guest's direct map is made of those
    (mended in Xen b42db2ecdf).
    """
    kind = d.shadows[smfn].type
    if not IS_L1[kind] and not (d.config[0].fl1_fixups and IS_FL1[kind]):
        return False
    entry = d.tables[smfn, slot]
    if maps_writable(entry, gmfn):
        lower_l1e(d, smfn, slot, entry & ~RW)
        d.counters[ctr.shadow_writeable_h_7] += 1
        return True
    d.counters[ctr.shadow_writeable_h_8] += 1
    return False


@jit
def _bucket(d, gmfn):
    """Return the first entry of the table that may remember `gmfn`, and the one behind the last."""
    config = d.config[0]
    first = gmfn % config.fixup_buckets * config.fixup_stride
    return first, first + config.fixup_bucket_entries


@jit
def _table_add(d, v, gmfn, smfn, slot):
    table = d.fixups[v]
    free = INVALID
    first, last = _bucket(d, gmfn)
    d.counters[ctr.fixup_probe] += last - first
    for i in range(first, last):
        fixup = table[i]
        if fixup.gmfn == INVALID or not is_oos(d, fixup.gmfn):
            free = i  # the last free one is taken
        elif fixup.gmfn == gmfn and fixup.smfn == smfn and fixup.slot == slot:
            d.counters[ctr.shadow_oos_fixup_no_add] += 1
            return
    if free == INVALID:
        d.counters[ctr.shadow_oos_fixup_add_fail] += 1
        return
    table[free].gmfn = gmfn
    table[free].smfn = smfn
    table[free].slot = slot
    d.vcpus[v].oos_fixup_used = 1
    d.counters[ctr.shadow_oos_fixup_add_ok] += 1


@jit
def _first(d, slot):
    """Return the first of the fixups that go with a slot."""
    return slot * d.config[0].fixups_per_slot


@jit
def _array_add(d, gmfn, smfn, slot):
    d.counters[ctr.shadow_oos_fixup_add] += 1
    v, at = find_slot(d, gmfn)
    vcpu = d.vcpus[v]
    of_slot = d.fixups[v][_first(d, at) : _first(d, at + 1)]
    d.counters[ctr.fixup_probe] += len(of_slot)
    if d.config[0].fixup_distinct:
        for i in range(len(of_slot)):
            if of_slot[i].gmfn == gmfn and of_slot[i].smfn == smfn and of_slot[i].slot == slot:
                d.counters[ctr.shadow_oos_fixup_no_add] += 1
                return
    fixup = of_slot[vcpu.fixup_next[at]]
    if fixup.gmfn != INVALID:
        rm_write_from_sl1p(d, gmfn, fixup.smfn, fixup.slot)
        d.counters[ctr.shadow_oos_fixup_evict] += 1
    fixup.gmfn = gmfn
    fixup.smfn = smfn
    fixup.slot = slot
    vcpu.fixup_next[at] = (vcpu.fixup_next[at] + 1) % d.config[0].fixups_per_slot


@jit
def fixup_add(d, v, gmfn, smfn, slot):
    """Remember that entry `slot` of shadow page `smfn` maps the out-of-sync page `gmfn` writable.

    `v` is the vCPU that sets the entry, not the one that holds the page. Xen: oos_fixup_add.
    """
    kind = d.config[0].fixups
    if kind == FIXUP_IN_TABLE:
        _table_add(d, v, gmfn, smfn, slot)
    elif kind == FIXUP_IN_ARRAY:
        _array_add(d, gmfn, smfn, slot)


@jit
def fixup_remove(d, gmfn):
    """Forget a page that is no longer shadowed, on all vCPUs. Xen: oos_fixup_remove."""
    if d.config[0].fixups != FIXUP_IN_TABLE:
        return
    d.counters[ctr.shadow_oos_fixup_remove] += 1
    first, last = _bucket(d, gmfn)
    d.counters[ctr.fixup_probe] += (last - first) * len(d.vcpus)
    for v in range(len(d.vcpus)):
        for i in range(first, last):
            if d.fixups[v][i].gmfn == gmfn:
                d.fixups[v][i].gmfn = INVALID


@jit
def fixup_flush(d, v):
    """Strip every writable mapping that `v` remembers; say whether TLBs need a flush."""
    if d.config[0].fixups != FIXUP_IN_TABLE:
        return False
    d.counters[ctr.shadow_oos_fixup_flush] += 1
    if not d.vcpus[v].oos_fixup_used:
        return False
    table = d.fixups[v]
    d.counters[ctr.fixup_probe] += len(table)
    stripped = False
    for i in range(len(table)):
        fixup = table[i]
        if fixup.gmfn != INVALID:
            if is_oos(d, fixup.gmfn):
                stripped |= rm_write_from_sl1p(d, fixup.gmfn, fixup.smfn, fixup.slot)
            fixup.gmfn = INVALID
    d.vcpus[v].oos_fixup_used = 0
    return stripped


@jit
def fixup_flush_gmfn(d, v, slot):
    """Strip the remembered writable mappings of the page in `slot` of `v`; say whether to flush TLBs.

    The array always asks for a flush: a fixup that made room for another left its TLB entry behind.
    """
    gmfn = d.vcpus[v].oos[slot]
    kind = d.config[0].fixups
    if kind == FIXUP_IN_TABLE:
        d.counters[ctr.shadow_oos_fixup_flush_gmfn] += 1
        first, last = _bucket(d, gmfn)
        d.counters[ctr.fixup_probe] += (last - first) * len(d.vcpus)
        stripped = False
        for w in range(len(d.vcpus)):
            for i in range(first, last):
                fixup = d.fixups[w][i]
                if fixup.gmfn == gmfn:
                    stripped |= rm_write_from_sl1p(d, gmfn, fixup.smfn, fixup.slot)
                    fixup.gmfn = INVALID
        return stripped
    if kind == FIXUP_IN_ARRAY:
        d.counters[ctr.fixup_probe] += d.config[0].fixups_per_slot
        for i in range(_first(d, slot), _first(d, slot + 1)):
            fixup = d.fixups[v][i]
            if fixup.gmfn != INVALID:
                rm_write_from_sl1p(d, gmfn, fixup.smfn, fixup.slot)
                fixup.gmfn = INVALID
        return True
    return False


@jit
def forget_fixups(d, v, slot):
    """Empty the fixups that go with a slot."""
    if d.config[0].fixups == FIXUP_IN_ARRAY:
        for i in range(_first(d, slot), _first(d, slot + 1)):
            d.fixups[v][i].gmfn = INVALID
        d.vcpus[v].fixup_next[slot] = 0


@jit
def move_fixups(d, v, source, target):
    """Move the fixups that go with a slot to another."""
    if d.config[0].fixups == FIXUP_IN_ARRAY:
        for i in range(d.config[0].fixups_per_slot):
            old, new = d.fixups[v][_first(d, source) + i], d.fixups[v][_first(d, target) + i]
            new.gmfn, new.smfn, new.slot = old.gmfn, old.smfn, old.slot
        d.vcpus[v].fixup_next[target] = d.vcpus[v].fixup_next[source]
        forget_fixups(d, v, source)

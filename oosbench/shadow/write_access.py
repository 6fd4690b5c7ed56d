"""Finding and revoking writable mappings: by guess, by memory, by brute force.

Before a guest page becomes a page table, and when an out-of-sync one comes back, every writable mapping of it
must go. There is no reverse map. The type count says how many there are, not where; the guesses are the places
where operating systems of 2008 kept their page tables mapped.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import RW, signed
from . import counters as ctr
from .crash import DomainCrash
from .guest import is_page_table, may_write
from .references import lower_l1e, maps_writable
from .shadow_walk import NOT_MAPPED, index_of, shadow_l1
from .state import FIXUP_NONE, GUESS_NONE, GUESS_TODAY, HASH_BUCKETS
from .types import LEVEL, ORDER

NOTHING, REMOVED, UNFINDABLE = 0, 1, -1

_VADDR = (1 << 48) - 1
# Windows maps its page tables into themselves.
_SELF_MAP = 0xC0000000
_SELF_MAP_PAE_L2 = 0xC0600000
_SELF_MAP_64 = (0, signed(0xFFFFF68000000000), signed(0xFFFFF6FB40000000), signed(0xFFFFF6FB7DA00000))
# Linux and Solaris map all memory at one place; the 64-bit ones are those of June 2008.
_LOWMEM, _LOWMEM_FRAMES = 0xC0000000, 0x38000
_DIRECT_MAPS_64 = (signed(0xFFFF810000000000), 0x0000010000000000, signed(0xFFFFFE0000000000))
# Since Linux 4.20, and from 2.6.27 to 4.19.
_DIRECT_MAPS_64_TODAY = (signed(0xFFFF888000000000), signed(0xFFFF880000000000))


@jit
def _guess(d, v, va, gmfn, counter):
    """Strip write access if `va` maps `gmfn` writable; say whether no writable mapping is left."""
    d.counters[ctr.guess_probe] += 1
    sl1mfn = shadow_l1(d, v, va)
    if sl1mfn != NOT_MAPPED:
        entry = d.tables[sl1mfn, index_of(va, 1)]
        if maps_writable(entry, gmfn):
            lower_l1e(d, sl1mfn, index_of(va, 1), entry & ~RW)
            d.counters[counter] += 1
    return d.frames[gmfn].type_count == 0


@jit
def _guesses(d, v, gmfn, level, va):
    """Try the likely places; say whether no writable mapping is left. Frame and gfn are the same number."""
    if level == 0 and va != 0 and _guess(d, v, va, gmfn, ctr.shadow_writeable_h_6):
        return True
    if d.config[0].guesses == GUESS_NONE:
        return False
    levels = d.vcpus[v].levels
    if levels == 4:
        if level == 1 or level == 2 or level == 3:
            linear = _SELF_MAP_64[level] + ((va & _VADDR) >> (9 * level))
            if _guess(d, v, linear, gmfn, ctr.shadow_writeable_h_3):
                return True
        if d.config[0].guesses == GUESS_TODAY:
            for base in _DIRECT_MAPS_64_TODAY:
                if _guess(d, v, base + (gmfn << 12), gmfn, ctr.shadow_writeable_h_4):
                    return True
        for base in _DIRECT_MAPS_64:
            if _guess(d, v, base + (gmfn << 12), gmfn, ctr.shadow_writeable_h_4):
                return True
        return False
    if levels == 2 and level == 1 and _guess(d, v, _SELF_MAP + (va >> 10), gmfn, ctr.shadow_writeable_h_1):
        return True
    if levels == 3 and level == 1 and _guess(d, v, _SELF_MAP + (va >> 9), gmfn, ctr.shadow_writeable_h_2):
        return True
    if levels == 3 and level == 2 and _guess(d, v, _SELF_MAP_PAE_L2 + (va >> 18), gmfn, ctr.shadow_writeable_h_2):
        return True
    return gmfn < _LOWMEM_FRAMES and _guess(d, v, _LOWMEM + (gmfn << 12), gmfn, ctr.shadow_writeable_h_4)


@jit
def _rm_write_access_from_l1(d, v, sl1mfn, gmfn):
    """Strip the writable mappings of `gmfn` in one L1 shadow; say whether none is left anywhere."""
    d.counters[ctr.bf_scan_shadow] += 1
    for page in range(sl1mfn, sl1mfn + (1 << ORDER[d.shadows[sl1mfn].type])):
        for slot in range(512):
            d.counters[ctr.bf_scan_entry] += 1
            entry = d.tables[page, slot]
            if maps_writable(entry, gmfn):
                lower_l1e(d, page, slot, entry & ~RW)
                d.vcpus[v].last_writeable_pte_smfn = sl1mfn
                if d.frames[gmfn].type_count == 0:
                    return True
    return False


@jit
def _brute_force(d, v, gmfn):
    """Search every L1 shadow there is, in the order of the hash."""
    d.counters[ctr.hash_foreach] += 1
    d.state[0].hash_walking = 1
    done = False
    for bucket in range(HASH_BUCKETS):
        smfn = d.hash[bucket]
        while smfn != 0 and not done:
            if LEVEL[d.shadows[smfn].type] == 1:
                done = _rm_write_access_from_l1(d, v, smfn, gmfn)
            smfn = d.shadows[smfn].next_shadow
        if done:
            break
    d.state[0].hash_walking = 0


@jit
def remove_write_access(d, v, gmfn, level, va):
    """Revoke every writable mapping of a guest page. Xen: sh_remove_write_access.

    Parameters
    ----------
    v : int
        vCPU whose memory of former searches is used; guesses are made only if it is the running one.
    level : int
        Level of the table that the page is to be, 0 for one that comes back into sync.
    va : int
        The faulting address; for level 0 that of the write which let the page go out of sync, or 0.

    Returns
    -------
    int
        NOTHING, REMOVED (TLBs need a flush), or, for level 0 only, UNFINDABLE.

    Raises
    ------
    DomainCrash
        If a mapping cannot be found, for levels above 0.
    """
    frame = d.frames[gmfn]
    if frame.type_count == 0 or (is_page_table(d, gmfn) and not may_write(d, gmfn)):
        return NOTHING
    d.counters[ctr.shadow_writeable] += 1
    heuristics = d.config[0].writable_heuristics
    if heuristics and v == d.state[0].current and _guesses(d, v, gmfn, level, va):
        return REMOVED
    last = d.vcpus[v].last_writeable_pte_smfn
    if heuristics and last != 0:
        before = frame.type_count
        if LEVEL[d.shadows[last].type] == 1:
            _rm_write_access_from_l1(d, v, last, gmfn)
        if frame.type_count != before:
            d.counters[ctr.shadow_writeable_h_5] += 1
        if frame.type_count == 0:
            return REMOVED
    # The counter of its own for resyncs came with the fixups.
    at_resync = level == 0 and d.config[0].fixups != FIXUP_NONE
    d.counters[ctr.shadow_writeable_bf_1 if at_resync else ctr.shadow_writeable_bf] += 1
    _brute_force(d, v, gmfn)
    if frame.type_count != 0:
        if level != 0:
            raise DomainCrash("a writable mapping of a page table could not be found")
        return UNFINDABLE
    return REMOVED

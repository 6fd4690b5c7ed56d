"""Making shadows follow a store that was made to their page with the guest stopped."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import PSE, P, bytes_of_entry, frame_of
from . import counters as ctr
from .content import BY_UPPER_LINK
from .entries import refresh_l1e
from .guest import guest_entry, is_ram, p2m
from .hash import hash_lookup
from .links import set_upper
from .oos import resync_all
from .propagate import propagate_upper, supports_superpages
from .snapshot import note_in_snapshot
from .state import INVALID
from .tlb import flush_domain
from .types import FL1_TYPE, GUEST_LEVELS, L1_32, L1_TYPE, L2_32, L2_TYPE, L3_64, L4_64, LEVEL
from .unshadow import remove_shadows


@jit
def validate_guest_pt_write(d, v, gmfn, offset, length):
    """Make the shadows of a page follow a store to it. Xen: sh_validate_guest_pt_write."""
    flush = error = False
    for kind in range(L1_32, L4_64 + 1):
        if d.frames[gmfn].shadow_flags & 1 << kind == 0:
            continue
        levels = GUEST_LEVELS[kind]
        smfn = hash_lookup(d, gmfn, kind)
        width = bytes_of_entry(levels)
        for index in range(offset // width, (offset + length - 1) // width + 1):
            if LEVEL[kind] == 1:
                _validate_gl1e(d, v, gmfn, index, smfn + (index >> 9), levels)
            else:
                flushes, bad = _validate_upper(d, v, gmfn, index, smfn, kind)
                flush |= flushes
                error |= bad
    if flush:
        flush_domain(d)
    if error:
        remove_shadows(d, gmfn, False, False)  # probably no page table any more


@jit
def _validate_gl1e(d, v, gmfn, index, sl1mfn, levels):
    """Derive one leaf entry anew. For an out-of-sync table its snapshot follows. Xen: validate_gl1e."""
    d.counters[ctr.shadow_validate_gl1e_calls] += 1
    entry = guest_entry(d, gmfn, index, levels)
    refresh_l1e(d, v, sl1mfn, index & 511, entry, levels)
    note_in_snapshot(d, gmfn, index, levels, entry)


@jit
def _validate_upper(d, v, gmfn, index, smfn, kind):
    """Derive one upper entry anew, linking only a shadow that exists already.

    Returns
    -------
    flush, bad : bool
        Whether TLBs need a flush, and whether the entry points to no RAM. Xen: validate_gl{2,3,4}e.
    """
    level, levels = LEVEL[kind], GUEST_LEVELS[kind]
    d.counters[ctr.shadow_validate_gl1e_calls + level - 1] += 1
    entry = guest_entry(d, gmfn, index, levels)
    child, bad = 0, False
    if entry & P:
        gfn = frame_of(entry)
        if level == 2 and entry & PSE and supports_superpages(d, v, levels):
            child = hash_lookup(d, gfn, FL1_TYPE[levels])
        else:
            target, memory = p2m(d, gfn)
            bad = not is_ram(memory)
            if not bad and level == 2:
                child = hash_lookup(d, target, L1_TYPE[levels])
            elif not bad:
                child = hash_lookup(d, target, L2_TYPE[levels] if level == 3 else L3_64)
    if child != 0 and level > 2 and d.config[0].oos and d.config[0].resync_late:
        resync_all(d, v, BY_UPPER_LINK)
    page, slot = smfn, index
    if kind == L2_32:
        page, slot = smfn + (index >> 8), 2 * (index & 255)
    new = propagate_upper(d, v, entry, level, levels, child if child != 0 else INVALID)
    return set_upper(d, v, page, slot, new), bad

"""The content pass: making the shadow of an out-of-sync page what the page says.

Every present shadow entry is looked at, the magic ones included. With a trusted snapshot only those whose guest
entry differs from it are derived anew. Entries that are not present will fault.
"""

from __future__ import annotations

import numpy as np

from ..compiled import jit
from ..x86 import P, bytes_of_entry, get_entry, set_entry
from . import counters as ctr
from .entries import refresh_l1e
from .hash import hash_lookup
from .state import SNAPSHOT_TRUSTED
from .types import GUEST_LEVELS, L1_32, L1_64, L1_PAE, L1_TYPE

# Why a content pass is made.
CAUSES = ("cr3", "other-vcpu", "evict", "link", "upper-link", "promote", "walk", "mode", "fault")
# (Not Python numbers: for each of those the compiler would make a copy of everything that takes a cause.)
BY_CR3, BY_OTHER_VCPU, BY_EVICT, BY_LINK, BY_UPPER_LINK, BY_PROMOTE, BY_WALK, BY_MODE, BY_FAULT = np.arange(len(CAUSES))

_BLOCK = 64  # words that are compared at once
_LINE = 8  # words of a cache line of 64 bytes
_NO_ENTRY = -2  # the one before the first is not dirty


@jit
def l1_levels(d, gmfn):
    """Return the paging levels in which a page shadowed as one L1 is read."""
    flags = d.frames[gmfn].shadow_flags
    if flags & (1 << L1_32):
        return GUEST_LEVELS[L1_32]
    return GUEST_LEVELS[L1_PAE if flags & (1 << L1_PAE) else L1_64]


@jit
def entries_of_l1(levels):
    """Return how many entries a guest L1 has."""
    return 4096 // bytes_of_entry(levels)


@jit
def differs(page, snapshot, first, words):
    """Say whether so many words of a page, from `first` on, differ from its snapshot: as fast as they can be read."""
    difference = 0
    for w in range(first, first + words):
        difference |= page[w] ^ snapshot[w]
    return difference != 0


@jit
def _follow(d, v, sl1mfn, page, snapshot, levels, first, stop, last):
    """Bring entries `first` to `stop` into sync, deriving those that changed; `last` is the latest of these before.

    Returns
    -------
    dirty, runs, last : int
        Present entries that differ from the snapshot, runs of adjacent ones, the latest.
    """
    dirty = runs = 0
    for g in range(first, stop):
        entry = get_entry(page, g, levels)
        if entry == get_entry(snapshot, g, levels):
            continue
        shadow_page = sl1mfn + (g >> 9)
        if d.tables[shadow_page, g & 511] & P:
            dirty += 1
            runs += last != g - 1
            last = g
            refresh_l1e(d, v, shadow_page, g & 511, entry, levels)
            set_entry(snapshot, g, levels, entry)
    return dirty, runs, last


@jit
def follow_blocks(d, v, sl1mfn, page, snapshot, levels):
    """Bring a page into sync, passing over what equals its snapshot; return (dirty, runs)."""
    per_word = 8 // bytes_of_entry(levels)
    dirty = runs = 0
    last = _NO_ENTRY
    for first in range(0, 512, _BLOCK):
        if differs(page, snapshot, first, _BLOCK):
            start, stop = first * per_word, (first + _BLOCK) * per_word
            changed, new, last = _follow(d, v, sl1mfn, page, snapshot, levels, start, stop, last)
            dirty += changed
            runs += new
    return dirty, runs


@jit
def _follow_lines(d, v, sl1mfn, page, snapshot, levels):
    """Bring a page into sync by cache lines: one that equals its snapshot is passed over, whatever it holds.

    An idea of this project (axis `line_compare`). A line that differs is copied as a whole: entries that are not
    present may differ too, and would make it differ for ever.

    Returns
    -------
    compared, dirty, runs : int
    """
    per_word = 8 // bytes_of_entry(levels)
    compared = dirty = runs = tested = 0
    last = _NO_ENTRY
    for first in range(0, 512, _LINE):
        if not differs(page, snapshot, first, _LINE):
            continue
        start, stop = first * per_word, (first + _LINE) * per_word
        for g in range(start, stop):
            compared += d.tables[sl1mfn + (g >> 9), g & 511] & P
        changed, new, last = _follow(d, v, sl1mfn, page, snapshot, levels, start, stop, last)
        dirty += changed
        runs += new
        tested += stop - start
        for w in range(first, first + _LINE):
            snapshot[w] = page[w]
    d.counters[ctr.line_compare] += 512 // _LINE
    d.counters[ctr.resync_tested] += tested
    d.counters[ctr.snapshot_writes] += tested
    return compared, dirty, runs


@jit
def _derive_all(d, v, sl1mfn, page, snapshot, levels):
    """Bring a page into sync by deriving every present entry; return (dirty, runs).

    Without a snapshot, `snapshot` is the page itself.
    """
    dirty = runs = 0
    last = _NO_ENTRY
    for g in range(entries_of_l1(levels)):
        shadow_page = sl1mfn + (g >> 9)
        if d.tables[shadow_page, g & 511] & P == 0:
            continue
        entry = get_entry(page, g, levels)
        refresh_l1e(d, v, shadow_page, g & 511, entry, levels)
        if entry != get_entry(snapshot, g, levels):
            dirty += 1
            runs += last != g - 1
            last = g
            set_entry(snapshot, g, levels, entry)
    return dirty, runs


@jit
def resync_l1(d, v, slot, cause):
    """Make the shadow of the page in `slot` of `v` what the page says. Xen: sh_resync_l1."""
    gmfn = d.vcpus[v].oos[slot]
    frame = d.frames[gmfn]
    levels = l1_levels(d, gmfn)
    sl1mfn = hash_lookup(d, gmfn, L1_TYPE[levels])
    page = d.memory[gmfn]
    kept = frame.has_snapshot != 0
    snapshot = d.tables[d.vcpus[v].oos_snapshot[slot]] if kept else page
    trusted = kept and d.config[0].snapshot == SNAPSHOT_TRUSTED
    if trusted and d.config[0].line_compare:
        compared, dirty, runs = _follow_lines(d, v, sl1mfn, page, snapshot, levels)
    else:
        compared = d.shadows[sl1mfn].present + (d.shadows[sl1mfn + 1].present if levels == 2 else 0)
        if trusted:
            dirty, runs = follow_blocks(d, v, sl1mfn, page, snapshot, levels)
        else:
            dirty, runs = _derive_all(d, v, sl1mfn, page, snapshot, levels)
        d.counters[ctr.resync_tested] += entries_of_l1(levels)
        if kept:
            d.counters[ctr.snapshot_writes] += dirty if trusted else compared
    propagated = dirty if trusted else compared
    if kept:
        d.counters[ctr.snapshot_compare] += compared
    else:
        d.counters[ctr.shadow_validate_gl1e_calls] += compared
    frame.passes += 1
    d.counters[ctr.resync_l1_calls] += 1
    d.counters[ctr.resync_compared] += compared
    d.counters[ctr.resync_dirty] += dirty
    d.counters[ctr.resync_propagated] += propagated
    _log(d, v, gmfn, cause, compared, dirty, runs)


@jit
def _log(d, v, gmfn, cause, compared, dirty, runs):
    """Add a row to the log of content passes; `replay.run` sees to it that there is room."""
    state = d.state[0]
    if state.resyncs >= len(d.resyncs):
        raise AssertionError("the log of content passes is full: an event fills more than LOG_MARGIN rows")
    row = d.resyncs[state.resyncs]
    state.resyncs += 1
    row.event = state.event
    row.vcpu = state.current
    row.owner = v
    row.gmfn = gmfn
    row.cause = cause
    row.compared = compared
    row.dirty = dirty
    row.runs = runs
    row.since = d.frames[gmfn].oos_since
    row.writes = d.frames[gmfn].oos_writes

"""The content pass: making the shadow of an out-of-sync page what the page says.

Every present shadow entry is looked at, the magic ones included. With a trusted snapshot only those whose guest
entry differs from it are derived anew. Entries that are not present will fault.
"""

from __future__ import annotations

import numpy as np

from ..compiled import jit
from ..compiled.calls import lowest_bit
from ..x86 import NX, RW, US, A, D, P, bytes_of_entry, frame_of, get_entry, set_entry
from . import counters as ctr
from .entries import refresh_l1e
from .hash import hash_lookup
from .snapshot import complete_snapshot
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
def _follow_written(d, v, sl1mfn, page, snapshot, levels, lines):
    """Bring a page into sync, looking only at `lines`, a bit for each line that was written; return (dirty, runs)."""
    per_line = _LINE * 8 // bytes_of_entry(levels)
    dirty = runs = 0
    last = _NO_ENTRY
    while lines != 0:
        line = lowest_bit(lines)
        lines ^= np.int64(1) << line
        start = line * per_line
        changed, new, last = _follow(d, v, sl1mfn, page, snapshot, levels, start, start + per_line, last)
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

    Without a snapshot, `snapshot` is the page itself. Lines of the shadow that never held a present entry are passed
    over. Most entries map plain memory and come out as they were: for those `refresh_l1e` is written out here, with
    what cannot change in a pass looked up once.
    """
    dirty = runs = plain = 0
    last = _NO_ENTRY
    pages = d.config[0].guest_pages
    rights = P | RW | US | A
    if levels > 2 and d.vcpus[v].nx:
        rights |= NX
    for shadow_page in range(sl1mfn, sl1mfn + (2 if levels == 2 else 1)):
        lines = d.shadows[shadow_page].filled
        while lines != 0:
            line = lowest_bit(lines)
            lines ^= np.int64(1) << line
            for i in range(_LINE * line, _LINE * line + _LINE):
                old = d.tables[shadow_page, i]
                if old & P == 0:
                    continue
                g = (shadow_page - sl1mfn) << 9 | i
                entry = get_entry(page, g, levels)
                gfn = frame_of(entry)
                as_it_was = False
                if entry & (P | A) == P | A and gfn < pages:
                    frame = d.frames[gfn]
                    if frame.p2m_type | frame.shadow_flags == 0:  # plain memory, and no page table
                        as_it_was = gfn << 12 | entry & (rights if entry & D else rights & ~RW) == old
                if as_it_was:
                    plain += 1
                else:
                    refresh_l1e(d, v, shadow_page, i, entry, levels)
                if entry != get_entry(snapshot, g, levels):
                    dirty += 1
                    runs += last != g - 1
                    last = g
                    set_entry(snapshot, g, levels, entry)
    d.counters[ctr.p2m_lookup] += plain
    d.counters[ctr.propagate] += plain
    d.counters[ctr.set_l1e_calls] += plain
    return dirty, runs


@jit
def resync_l1(d, v, slot, cause):
    """Make the shadow of the page in `slot` of `v` what the page says. Xen: sh_resync_l1."""
    content_pass(d, v, slot, cause, False)


@jit
def content_pass(d, v, slot, cause, everything):
    """Make the content pass of a resync; if `everything` is asked for, by comparing the whole page."""
    gmfn = d.vcpus[v].oos[slot]
    lag = d.lag[gmfn]
    levels = l1_levels(d, gmfn)
    sl1mfn = hash_lookup(d, gmfn, L1_TYPE[levels])
    page = d.memory[gmfn]
    kept = lag.snapshot != 0
    snapshot = d.tables[lag.snapshot] if kept else page
    trusted = kept and d.config[0].snapshot == SNAPSHOT_TRUSTED
    if trusted and d.config[0].line_compare:
        complete_snapshot(d, gmfn)
        compared, dirty, runs = _follow_lines(d, v, sl1mfn, page, snapshot, levels)
    else:
        compared = d.shadows[sl1mfn].present + (d.shadows[sl1mfn + 1].present if levels == 2 else 0)
        if trusted and everything:
            dirty, runs = follow_blocks(d, v, sl1mfn, page, snapshot, levels)
        elif trusted:
            dirty, runs = _follow_written(d, v, sl1mfn, page, snapshot, levels, lag.written)
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
    lag.passes += 1
    lag.written = 0
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
    row.since = d.lag[gmfn].oos_since
    row.writes = d.lag[gmfn].oos_writes

"""The content pass: making the shadow of an out-of-sync page what the page says.

Every present shadow entry is looked at, the magic ones included. With a trusted snapshot only those whose guest
entry differs from it are derived anew. Entries that are not present will fault.
"""

from __future__ import annotations

import numpy as np

from .._jit import jit
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

_WORDS_OF_LINE = 8  # a cache line is 64 bytes
_NO_ENTRY = -2  # the one before the first is not dirty


@jit
def l1_levels(d, gmfn):
    """Return the paging levels in which a page shadowed as one L1 is read."""
    flags = d.frames[gmfn].shadow_flags
    if flags & (1 << L1_32):
        return GUEST_LEVELS[L1_32]
    return GUEST_LEVELS[L1_PAE if flags & (1 << L1_PAE) else L1_64]


@jit
def _scan(d, v, sl1mfn, page, snapshot, levels, trusted, first, stop, last):
    """Bring entries `first` to `stop` into sync; `last` is the latest dirty one before.

    Without a snapshot, `snapshot` is the page itself.

    Returns
    -------
    compared, dirty, runs, last : int
        Present entries, those of them that differ from the snapshot, runs of adjacent ones, the latest.
    """
    compared = dirty = runs = 0
    for g in range(first, stop):
        shadow_page = sl1mfn + (g >> 9)
        if d.tables[shadow_page, g & 511] & P == 0:
            continue
        compared += 1
        entry = get_entry(page, g, levels)
        changed = entry != get_entry(snapshot, g, levels)
        if changed:
            dirty += 1
            runs += last != g - 1
            last = g
        if changed or not trusted:
            refresh_l1e(d, v, shadow_page, g & 511, entry, levels)
            if changed:
                set_entry(snapshot, g, levels, entry)
    return compared, dirty, runs, last


@jit
def _scan_lines(d, v, sl1mfn, page, snapshot, levels):
    """Bring a page into sync by cache lines: one that equals its snapshot is passed over, whatever it holds.

    An idea of this project (axis `line_compare`). A line that differs is copied as a whole: entries that are not
    present may differ too, and would make it differ for ever.
    """
    per_line = 8 * _WORDS_OF_LINE // bytes_of_entry(levels)
    compared = dirty = runs = tested = 0
    last = _NO_ENTRY
    for line in range(512 // _WORDS_OF_LINE):
        words = range(line * _WORDS_OF_LINE, (line + 1) * _WORDS_OF_LINE)
        same = True
        for w in words:
            same &= page[w] == snapshot[w]
        if same:
            continue
        first = line * per_line
        more, changed, new, last = _scan(d, v, sl1mfn, page, snapshot, levels, True, first, first + per_line, last)
        tested += per_line
        compared += more
        dirty += changed
        runs += new
        for w in words:
            snapshot[w] = page[w]
    d.counters[ctr.line_compare] += 512 // _WORDS_OF_LINE
    d.counters[ctr.resync_tested] += tested
    d.counters[ctr.snapshot_writes] += tested
    return compared, dirty, runs


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
        compared, dirty, runs = _scan_lines(d, v, sl1mfn, page, snapshot, levels)
    else:
        entries = 1024 if levels == 2 else 512
        compared, dirty, runs, _ = _scan(d, v, sl1mfn, page, snapshot, levels, trusted, 0, entries, _NO_ENTRY)
        d.counters[ctr.resync_tested] += entries
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

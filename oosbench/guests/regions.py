"""Stretches of a process's address space: mapped, unmapped, write-protected, aged, trimmed."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import RW, A, P, frame_of, guest_index
from .frames import give_page, read, take_page
from .layout import MAX_REGIONS, SPAN
from .state import ANON, NONE
from .tables import find_table, flush, free_tables, set_entry_of

TRANSITION = 1 << 11  # Windows' bit of an entry that is not valid, and whose frame still holds the page
SWAPPED = 1 << 1  # marks an entry whose page is on disk


class TooManyRegions(Exception):
    """The process has more regions than a model kernel keeps."""


@jit
def new_file(g, v, pages):
    """Read a file of so many pages into the page cache; return where it begins there."""
    state = g.state[0]
    first = state.cached
    for i in range(pages):
        frame = take_page(g, v)
        g.frames[frame].kept = 1
        g.page_cache[first + i] = frame
    state.cached += pages
    return first


@jit
def map_region(g, process, kind, pages, writable, cached):
    """Map memory or a file (from `cached` on in the page cache); return the number of the region.

    Page tables are made when a page is touched.
    """
    for i in range(MAX_REGIONS):
        region = g.regions[process, i]
        if region.kind == 0:
            region.kind, region.pages, region.writable, region.cached = kind, pages, writable, cached
            region.start = g.config[0].first_page + i * SPAN
            region.private = kind == ANON
            return i
    raise TooManyRegions


@jit
def region_of(g, process, page):
    """Return the number of the region that a page belongs to, NONE if it is mapped to nothing."""
    i = (page - g.config[0].first_page) // SPAN
    if page < g.config[0].first_page or i >= MAX_REGIONS:
        return NONE
    region = g.regions[process, i]
    return i if region.kind and page < region.start + region.pages else NONE


@jit
def _forget(g, entry):
    """Take note that an entry, which may be of a page in transition, maps its page no more."""
    if entry & (P | TRANSITION):
        give_page(g, frame_of(entry))


@jit
def zap(g, v, process, first, pages):
    """Clear the entries of a stretch of pages, and give the pages back. Returns how many there were."""
    levels = g.config[0].levels
    cleared = 0
    table = NONE
    for page in range(first, first + pages):
        index = guest_index(page * 4096, 1, levels)
        if index == 0 or page == first:
            table = find_table(g, g.processes[process].root, page * 4096, 1)
        if table == NONE:
            continue
        entry = read(g, table, index)
        if entry != 0:
            set_entry_of(g, v, process, page * 4096, 1, table, 0)
            _forget(g, entry)
            cleared += entry & P
    return cleared


@jit
def unmap(g, v, process, i):
    """Unmap a region (munmap): clear its entries, free its tables, flush."""
    region = g.regions[process, i]
    if zap(g, v, process, region.start, region.pages) > 0:
        flush(g, v, process, region.start, region.pages)
    free_tables(g, v, process, region.start, region.pages)
    region.kind = 0


@jit
def discard(g, v, process, i, first, pages):
    """Give the pages of a part of a region back, and keep the region (madvise DONTNEED)."""
    region = g.regions[process, i]
    if zap(g, v, process, region.start + first, pages) > 0:
        flush(g, v, process, region.start + first, pages)


@jit
def _mapped(g, process, page):
    """Return the L1 table of a page and its entry there; (NONE, 0) if the page is not mapped."""
    table = find_table(g, g.processes[process].root, page * 4096, 1)
    if table == NONE:
        return NONE, 0
    entry = read(g, table, guest_index(page * 4096, 1, g.config[0].levels))
    return (table, entry) if entry & P else (NONE, 0)


@jit
def protect(g, v, process, i, first, pages, writable):
    """Take or give the right to write to a part of a region (mprotect), and flush what was changed.

    It is given only for pages of the process's own; others are copied when they are written. A write to a page that has
    lost it faults, and gets it back for this page: what the signal handler of a garbage collector would have done.
    """
    region = g.regions[process, i]
    changed = 0
    for page in range(region.start + first, region.start + first + pages):
        table, entry = _mapped(g, process, page)
        if table == NONE:
            continue
        frame = g.frames[frame_of(entry)]
        new = entry | RW if writable else entry & ~RW
        if new != entry and not (writable and (frame.mapped > 1 or frame.kept)):
            set_entry_of(g, v, process, page * 4096, 1, table, new)
            changed += 1
    if changed:
        flush(g, v, process, region.start + first, pages)


@jit
def age(g, v, process, i, first, pages):
    """Scan pages as a kernel does that looks for some to reclaim (Linux: kswapd). Returns how many it reclaimed.

    The A bit of a page that was used is cleared, and nothing flushed, as on x86 no harm comes of it; a page
    that was not used since the last scan goes to disk.
    """
    region = g.regions[process, i]
    reclaimed = 0
    for page in range(region.start + first, region.start + first + pages):
        table, entry = _mapped(g, process, page)
        if table == NONE:
            continue
        if entry & A:
            set_entry_of(g, v, process, page * 4096, 1, table, entry & ~A)
        else:
            gone = SWAPPED | (page & 0xFFFF) << 12 if region.kind == ANON or not g.frames[frame_of(entry)].kept else 0
            set_entry_of(g, v, process, page * 4096, 1, table, gone)
            flush(g, v, process, page, 1)
            give_page(g, frame_of(entry))
            reclaimed += 1
    return reclaimed


@jit
def trim(g, v, process, i, first, pages):
    """Take pages out of the working set (Windows): not valid any more, still there if the process comes back soon."""
    region = g.regions[process, i]
    trimmed = 0
    for page in range(region.start + first, region.start + first + pages):
        table, entry = _mapped(g, process, page)
        if table != NONE:
            set_entry_of(g, v, process, page * 4096, 1, table, (entry & ~P) | TRANSITION)
            trimmed += 1
    if trimmed:
        flush(g, v, process, region.start + first, pages)

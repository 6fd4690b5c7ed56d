"""What user code does with memory, and what the kernel makes of the faults."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import FRAME_MASK, NX, PFEC_I, PFEC_U, PFEC_W, RW, US, A, D, P, frame_of, guest_index, set_entry
from .frames import give_page, read, take_page
from .instructions import emit_access, enter_user
from .regions import TRANSITION, region_of
from .state import FILE, NONE
from .tables import find_table, flush, need_table, set_entry_of

FRAME_BITS = FRAME_MASK << 12

# The accesses of user code, as in an error code.
READ, WRITE, FETCH = PFEC_U, PFEC_U | PFEC_W, PFEC_U | PFEC_I


@jit
def _page_flags(g, region, frame, dirty):
    """Return a new entry for a frame in a region; `dirty`: it is being written."""
    entry = frame << 12 | P | US | A
    if dirty:
        entry |= RW | D
    if g.config[0].levels > 2 and not (region.kind == FILE and not region.writable):
        entry |= NX
    return entry


@jit
def _map(g, v, process, page, table, frame, dirty):
    region = g.regions[process, region_of(g, process, page)]
    g.frames[frame].mapped += 1
    set_entry_of(g, v, process, page * 4096, 1, table, _page_flags(g, region, frame, dirty))


@jit
def _map_around(g, v, process, page, around):
    """Map a page of a file, and those around it that are in the page cache too (Linux: do_fault_around)."""
    levels = g.config[0].levels
    region = g.regions[process, region_of(g, process, page)]
    first = max(page - page % around, region.start)
    last = min(page - page % around + around, region.start + region.pages)
    table = need_table(g, v, process, page * 4096)
    for near in range(first, last):
        if find_table(g, g.processes[process].root, near * 4096, 1) != table:
            continue
        if read(g, table, guest_index(near * 4096, 1, levels)) == 0:
            _map(g, v, process, near, table, g.page_cache[region.cached + near - region.start], False)


@jit
def _copy(g, v, process, page, table, entry):
    """Give a process a page of its own to write to (copy on write), or the right to, if nobody else has it."""
    record = g.frames[frame_of(entry)]
    if record.mapped == 1 and not record.kept:
        set_entry_of(g, v, process, page * 4096, 1, table, entry | RW | A | D)
    else:
        frame = take_page(g, v)
        g.regions[process, region_of(g, process, page)].private = True
        record.mapped -= 1
        _map(g, v, process, page, table, frame, True)
    flush(g, v, process, page, 1)


@jit
def page_fault(g, v, page, access, around):
    """Make an access of the running process possible; return whether it is."""
    levels = g.config[0].levels
    process = g.vcpus[v].process
    i = region_of(g, process, page)
    if i == NONE:
        return False
    region = g.regions[process, i]
    wants = access & PFEC_W != 0
    if wants and not region.writable:
        return False
    table = need_table(g, v, process, page * 4096)
    entry = read(g, table, guest_index(page * 4096, 1, levels))
    if entry & P:
        if wants and entry & RW == 0:
            _copy(g, v, process, page, table, entry)
            return True
        return False
    if entry & TRANSITION:
        set_entry_of(g, v, process, page * 4096, 1, table, (entry & ~TRANSITION) | P | A | (D if entry & RW else 0))
    elif region.kind == FILE and entry == 0 and not wants:
        _map_around(g, v, process, page, around)
    elif entry == 0 and not wants:
        _map(g, v, process, page, table, g.state[0].zero_page, False)
    else:  # the first write to memory or to a page of a file, or a page that comes back from disk
        region.private = True
        _map(g, v, process, page, table, take_page(g, v), region.writable != 0)
    return True


@jit
def _translate(g, v, page, access):
    """Return whether the processor finds a translation that allows an access; and set its A and D bits."""
    config = g.config[0]
    va = page * 4096
    table = find_table(g, g.processes[g.vcpus[v].process].root, va, 1)
    if table == NONE:
        return False
    entry = read(g, table, guest_index(va, 1, config.levels))
    if entry & P == 0 or (access & PFEC_W and entry & RW == 0) or (access & PFEC_I and entry < 0):
        return False
    used = entry | A | (D if access & PFEC_W else 0)
    if used != entry:
        set_entry(g.memory[table], guest_index(va, 1, config.levels), config.levels, used)
    return True


@jit
def touch(g, v, page, access, around):
    """Let the running process access a page, with the fault and the handling of it that may take.

    Returns
    -------
    bool
        Whether it succeeded; it does not where nothing is mapped, or that is not allowed.
    """
    for _ in range(3):
        enter_user(g, v)
        emit_access(g, v, page * 4096, access)
        if _translate(g, v, page, access):
            return True
        g.state[0].faults += 1
        if not page_fault(g, v, page, access, around):
            return False
    return False


@jit
def touch_stretch(g, v, process, i, first, pages, access, around):
    """Let a process, which runs, access pages of a region in a row, up to its end at most; return the page after."""
    region = g.regions[process, i]
    last = min(first + pages, region.pages)
    for page in range(first, last):
        touch(g, v, region.start + page, access, around)
    return last


@jit
def populate(g, v, process, page):
    """Map a page of memory that nobody has touched (Linux: MAP_POPULATE)."""
    table = need_table(g, v, process, page * 4096)
    if read(g, table, guest_index(page * 4096, 1, g.config[0].levels)) == 0:
        _map(g, v, process, page, table, take_page(g, v), True)


@jit
def migrate(g, v, process, page):
    """Move a page to another frame (Linux: migrate_pages, khugepaged, NUMA balancing); flush is the caller's."""
    levels = g.config[0].levels
    table = find_table(g, g.processes[process].root, page * 4096, 1)
    entry = read(g, table, guest_index(page * 4096, 1, levels))
    frame = take_page(g, v)
    g.frames[frame].mapped = 1
    give_page(g, frame_of(entry))
    set_entry_of(g, v, process, page * 4096, 1, table, (entry & ~FRAME_BITS) | frame << 12)

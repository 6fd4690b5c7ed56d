"""Page tables: found by a walk, made on demand, freed with what hangs below them; and the TLB kept right.

The entry of a table is stored through `frames.store`, or, in a guest with a self-map, through that: an entry of each
root points to the root itself, so that the page tables of the running process appear as pages of memory.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import NX, RW, US, A, D, P, frame_of, guest_index
from .frames import give_table, read, store, store_at, take_table
from .instructions import enter_kernel, invalidate, load_root
from .state import NONE

TABLE = P | RW | US | A | D  # flags of an entry that points to a table


@jit
def is_running(g, v, process):
    return process != NONE and g.vcpus[v].process == process


# --- walking -------------------------------------------------------------------------------------------------------


@jit
def find_table(g, root, va, level):
    """Return the frame of the table of `level` that `va` goes through, NONE if there is none."""
    levels = g.config[0].levels
    frame = root
    for upper in range(levels, level, -1):
        entry = read(g, frame, guest_index(va, upper, levels))
        if entry & P == 0:
            return NONE
        frame = frame_of(entry)
    return frame


# --- changing ------------------------------------------------------------------------------------------------------


@jit
def _self_mapped(g, va, level):
    """Return where a self-map shows the entry of `va` in its table of `level`."""
    config = g.config[0]
    shift = 2 if config.levels == 2 else 3
    mask = (1 << 48) - 1 if config.levels == 4 else (1 << 32) - 1
    for _ in range(level):
        va = config.self_map + (((va & mask) >> 12) << shift)
    return va


@jit
def set_entry_of(g, v, process, va, level, table, value):
    """Store the entry of `va` in a table of a process, from vCPU `v`."""
    config = g.config[0]
    index = guest_index(va, level, config.levels)
    if config.self_mapped and is_running(g, v, process):
        store_at(g, v, _self_mapped(g, va, level), table, index, value)
    else:
        store(g, v, table, index, value)


@jit
def _point(g, v, process, va, level, table, value):
    """Store the entry of `va`, in a table of level 2 or above, that points to the next table.

    With page-table isolation there are two roots to keep alike; the kernel's never lets it execute user pages.
    """
    levels = g.config[0].levels
    user_root = g.processes[process].user_root
    if level != levels or user_root == NONE:
        set_entry_of(g, v, process, va, level, table, value)
        return
    index = guest_index(va, level, levels)
    store(g, v, table, index, value | NX if value and levels == 4 else value)
    store(g, v, user_root, index, value)


@jit
def need_table(g, v, process, va):
    """Return the frame of the L1 table of a user address, made if it is missing, with what it hangs on."""
    levels = g.config[0].levels
    table = g.processes[process].root
    for level in range(levels, 1, -1):
        entry = read(g, table, guest_index(va, level, levels))
        if entry & P == 0:
            # (PAE's tables of level 2 are there from the beginning: a processor keeps copies of the root's entries.)
            entry = take_table(g, v) << 12 | TABLE
            _point(g, v, process, va, level, table, entry)
        table = frame_of(entry)
    return table


@jit
def free_tables(g, v, process, first, pages):
    """Free all tables, but PAE's of level 2, for a stretch of pages that has them to itself and is unmapped already."""
    levels = g.config[0].levels
    root = g.processes[process].root
    for level in range(1, levels if levels == 4 else 2):
        covers = 1024 if levels == 2 else 1 << (9 * level)
        page = first - first % covers
        while page < first + pages:
            table = find_table(g, root, page * 4096, level)
            if table != NONE and (level == 1 or _is_empty(g, table)):
                _point(g, v, process, page * 4096, level + 1, find_table(g, root, page * 4096, level + 1), 0)
                give_table(g, table)
            page += covers


@jit
def _is_empty(g, table):
    for i in range(512):
        if g.memory[table, i] != 0:
            return False
    return True


# --- the TLB -------------------------------------------------------------------------------------------------------


@jit
def flush(g, v, process, page, pages):
    """Flush `pages` pages of a process on all vCPUs that run it: this one, then the others by shootdown.

    Up to the ceiling they are invalidated one by one; above it CR3 is loaded again.
    """
    config = g.config[0]
    for k in range(config.vcpus):
        w = (v + k) % config.vcpus
        if not is_running(g, w, process):
            continue
        enter_kernel(g, w)
        if pages > config.flush_ceiling:
            load_root(g, w, g.vcpus[w].root)
        else:
            for i in range(pages):
                invalidate(g, w, (page + i) * 4096)

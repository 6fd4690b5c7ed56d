"""Kernel memory that is mapped page by page, in tables that all processes share (Linux: vmalloc)."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import NX, PFEC_W, frame_of, guest_index
from .boot import KERNEL_PAGE, VMALLOC_PAGES
from .frames import give_page, read, store, take_page, take_table
from .instructions import emit_access, enter_kernel, invalidate
from .state import NONE
from .tables import TABLE, find_table


@jit
def vmalloc(g, v, pages):
    """Map so many pages, one after the other, and write to each; return the first page's number in the area.

    The area is used round and round; what is still mapped there is freed first.
    """
    config, state = g.config[0], g.state[0]
    first = state.vmalloc if state.vmalloc + pages <= VMALLOC_PAGES else 0
    state.vmalloc = first + pages
    vfree(g, v, first, pages)
    for page in range(first, first + pages):
        va = config.vmalloc + page * 4096
        table = find_table(g, state.kernel_root, va, 1)
        if table == NONE:
            table = take_table(g, v)
            upper = find_table(g, state.kernel_root, va, 2)
            store(g, v, upper, guest_index(va, 2, config.levels), table << 12 | TABLE)
        frame = take_page(g, v)
        g.frames[frame].mapped = 1
        nx = NX if config.levels > 2 else 0
        store(g, v, table, guest_index(va, 1, config.levels), frame << 12 | KERNEL_PAGE | nx)
    enter_kernel(g, v)
    for page in range(first, first + pages):
        emit_access(g, v, config.vmalloc + page * 4096, PFEC_W)
    return first


@jit
def vfree(g, v, first, pages):
    """Unmap pages of the area, and invalidate them on all vCPUs: they are global, and no CR3 load flushes them."""
    config, state = g.config[0], g.state[0]
    for page in range(first, first + pages):
        va = config.vmalloc + page * 4096
        table = find_table(g, state.kernel_root, va, 1)
        if table == NONE:
            continue
        entry = read(g, table, guest_index(va, 1, config.levels))
        if entry != 0:
            store(g, v, table, guest_index(va, 1, config.levels), 0)
            for k in range(config.vcpus):
                invalidate(g, (v + k) % config.vcpus, va)
            give_page(g, frame_of(entry))

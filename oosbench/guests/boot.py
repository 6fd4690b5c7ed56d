"""What a kernel has set up when it begins to run: its own half of the address space, shared by all processes.

It is put into memory as it stands, by POKEs, before the first CR3 load.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import NX, PSE, RW, A, D, G, P, frame_of, guest_index
from .frames import read, store
from .state import NONE
from .tables import TABLE

KERNEL_PAGE = P | RW | A | D | G
ENTRY_PAGES = 4  # of the trampoline
VMALLOC_PAGES = 4096


@jit
def _nx(g):
    return NX if g.config[0].levels > 2 else 0


@jit
def boot_frame(g):
    """Return the next frame that the kernel keeps for itself."""
    state = g.state[0]
    state.boot_frame += 1
    return state.boot_frame - 1


@jit
def _table_of(g, root, va, lowest):
    """Return the frame of the kernel's table of level `lowest` for `va`, made if it is missing."""
    levels = g.config[0].levels
    frame = root
    for level in range(levels, lowest, -1):
        index = guest_index(va, level, levels)
        entry = read(g, frame, index)
        if entry & P == 0:
            entry = boot_frame(g) << 12 | (P if levels == 3 and level == 3 else TABLE)
            store(g, 0, frame, index, entry)
        frame = frame_of(entry)
    return frame


@jit
def _map_all_memory(g, root):
    config = g.config[0]
    large = 1024 if config.levels == 2 else 512
    pages = min(config.guest_pages, config.lowmem)
    frame = 0
    while frame < pages:
        va = config.direct_map + frame * 4096
        if config.large_pages:
            index = guest_index(va, 2, config.levels)
            store(g, 0, _table_of(g, root, va, 2), index, frame << 12 | KERNEL_PAGE | PSE | _nx(g))
            frame += large
        else:
            index = guest_index(va, 1, config.levels)
            store(g, 0, _table_of(g, root, va, 1), index, frame << 12 | KERNEL_PAGE | _nx(g))
            frame += 1


@jit
def boot(g):
    """Make the kernel's root with all that hangs below it, and the page of zeros; all that follows are stores."""
    config, state = g.config[0], g.state[0]
    root = boot_frame(g)
    state.kernel_root = root
    _map_all_memory(g, root)
    state.window_table = _table_of(g, root, config.window, 1)
    # What new processes share hangs on the root, whose entries they copy; on 32-bit machines, where a self-map makes
    # more than the root a process's own, down to the last table.
    for i in range(VMALLOC_PAGES // 512):
        _table_of(g, root, config.vmalloc + i * 2**21, 2 if config.levels == 4 else 1)
    state.entry_table = NONE
    if config.isolation:
        state.entry_table = _table_of(g, root, config.trampoline, 1)
        for i in range(ENTRY_PAGES):
            index = guest_index(config.trampoline + i * 4096, 1, config.levels)
            store(g, 0, state.entry_table, index, boot_frame(g) << 12 | KERNEL_PAGE)

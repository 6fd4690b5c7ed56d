"""A guest's memory: frames taken and given back, entries of page tables read and stored.

A word of a page table is stored as the kernel at hand can reach it: through its direct map, or, for a frame that the
direct map leaves out, through a temporary window, which takes a store to the window's own entry and an INVLPG first.
Before the guest has booted, a store is a POKE.
"""

from __future__ import annotations

from ..compiled import jit
from ..traces.events import POKE, WRITE, WRITEHL
from ..x86 import PFEC_W, RW, A, D, G, P, bytes_of_entry, get_entry, guest_index, set_entry
from .instructions import emit, enter_kernel, invalidate


class OutOfMemory(Exception):
    """The guest has no frame left."""


# Data comes from pool 0. Tables come from there too, unless they have a pool of their own so that they lie where a
# shadow MMU likes them least.
DATA = 0


@jit
def _take(g, pool):
    state = g.state[0]
    if state.free[pool] == 0:
        raise OutOfMemory
    state.free[pool] -= 1
    return g.free[pool, state.free[pool]]


@jit
def _give(g, pool, frame):
    state = g.state[0]
    g.free[pool, state.free[pool]] = frame
    state.free[pool] += 1


@jit
def take_page(g, v):
    """Take a frame for data. One that was a table is cleared: see `take_table`."""
    frame = _take(g, DATA)
    if g.frames[frame].retired:
        for index in range(3):
            store(g, v, frame, index, 0)
        g.frames[frame].retired = 0
    g.frames[frame].mapped = 0
    return frame


@jit
def give_page(g, frame):
    """Take note that an entry maps a frame of data no more, and give it back if none does and it belongs to no file."""
    record = g.frames[frame]
    record.mapped -= 1
    if record.mapped == 0 and not record.kept:
        _give(g, DATA, frame)


@jit
def take_table(g, v):
    """Take a frame for a page table, and clear it.

    Of a frame that was a table before, the first three entries are stored even if they are zero: they stand for the
    many stores with which a kernel clears a page, after two of which in a row a shadow MMU lets go of it.
    """
    config = g.config[0]
    frame = _take(g, config.table_pool)
    again = 3 if g.frames[frame].retired else 0
    for index in range(1024 if config.levels == 2 else 512):
        if index < again or read(g, frame, index) != 0:
            store(g, v, frame, index, 0)
    g.frames[frame].retired = 0
    return frame


@jit
def give_table(g, frame):
    """Give the frame of a page table back. What is in it stays until it is taken again."""
    g.frames[frame].retired = 1
    _give(g, g.config[0].table_pool, frame)


# --- stores --------------------------------------------------------------------------------------------------------


@jit
def read(g, frame, index):
    """Return entry `index` of a page table."""
    return get_entry(g.memory[frame], index, g.config[0].levels)


@jit
def store_at(g, v, va, frame, index, value):
    """Store an entry through address `va`, in the way of the paging mode.

    A PAE kernel stores the high half first when it makes an entry present, the low half first when it clears one, and
    both at once (CMPXCHG8B) when it changes one.
    """
    levels = g.config[0].levels
    enter_kernel(g, v)
    old = read(g, frame, index)
    set_entry(g.memory[frame], index, levels, value)
    if not g.state[0].booted:
        emit(g, POKE, 0, frame * 4096 + index * bytes_of_entry(levels), value, bytes_of_entry(levels), 0, 0)
    elif levels == 3 and value == 0:
        emit(g, WRITE, v, va, 0, 4, PFEC_W, 1)
        emit(g, WRITE, v, va + 4, 0, 4, PFEC_W, 1)
    elif levels == 3 and old & P == 0:
        emit(g, WRITEHL, v, va, value, 0, 0, 0)
    else:
        emit(g, WRITE, v, va, value, bytes_of_entry(levels), PFEC_W, 0)


@jit
def reach(g, v, frame):
    """Return the address at which the kernel sees a frame, opening a window if the direct map leaves it out."""
    config, state = g.config[0], g.state[0]
    if frame < config.lowmem or not state.booted:
        return config.direct_map + frame * 4096
    vcpu = g.vcpus[v]
    window = config.window + v * 4096
    if vcpu.window != frame:
        vcpu.window = frame
        index = guest_index(window, 1, config.levels)
        address = config.direct_map + state.window_table * 4096 + index * bytes_of_entry(config.levels)
        store_at(g, v, address, state.window_table, index, frame << 12 | P | RW | A | D | G)
        invalidate(g, v, window)
    return window


@jit
def store(g, v, frame, index, value):
    """Store entry `index` of a page table."""
    store_at(g, v, reach(g, v, frame) + index * bytes_of_entry(g.config[0].levels), frame, index, value)

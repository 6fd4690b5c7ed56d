"""Guest frames: entries and stores in guest format, and the map from gfn to machine frame.

Frames are placed identically: frame number and gfn are the same number, and a gfn beyond the guest's
memory has no frame and reads as emulated MMIO (Xen: `gfn_to_mfn`, 2008).
"""

from __future__ import annotations

import numpy as np

from ..compiled import jit
from ..x86 import get_entry
from . import counters as ctr
from .state import INVALID, MMIO_DM, RAM, RAM_RO
from .types import OOS_MAY_WRITE, OUT_OF_SYNC, SHF_TYPES


@jit
def p2m(d, gfn):
    """Return (frame, type of memory) behind `gfn`; the frame is INVALID unless it is RAM."""
    d.counters[ctr.p2m_lookup] += 1
    if gfn >= d.config[0].guest_pages:
        return INVALID, MMIO_DM
    kind = d.frames[gfn].p2m_type
    return (INVALID if kind == MMIO_DM else gfn), kind


@jit
def is_ram(kind):
    return kind == RAM or kind == RAM_RO


@jit
def is_page_table(d, gmfn):
    """Say whether a frame has at least one shadow (Xen: PGC_page_table)."""
    return d.frames[gmfn].shadow_flags & SHF_TYPES != 0


@jit
def is_oos(d, gmfn):
    """Say whether a frame's shadow may lag behind it (Xen: mfn_is_out_of_sync)."""
    return d.frames[gmfn].shadow_flags & OUT_OF_SYNC != 0


@jit
def may_write(d, gmfn):
    """Say whether writable mappings of a page table are legal (Xen: mfn_oos_may_write)."""
    return d.frames[gmfn].shadow_flags & OOS_MAY_WRITE != 0


@jit
def guest_entry(d, gmfn, index, levels):
    """Return entry `index` of the guest page table in frame `gmfn`."""
    return get_entry(d.memory[gmfn], index, levels)


@jit
def before_store(d, gmfn, offset):
    """See to it that the snapshot of a page keeps what is in the line at byte `offset`, which will be written."""
    lag = d.lag[gmfn]
    if not is_oos(d, gmfn) or lag.snapshot == 0:
        return
    line = offset >> 6
    if lag.kept >> line & 1 == 0:
        lag.kept |= np.int64(1) << line
        for w in range(8 * line, 8 * line + 8):
            d.tables[lag.snapshot, w] = d.memory[gmfn, w]
    lag.written |= np.int64(1) << line


@jit
def store(d, gmfn, offset, value, length):
    """Store the low `length` bytes of `value`, little-endian, at byte `offset` of a frame."""
    if length == 8 and offset & 7 == 0:
        d.memory[gmfn, offset >> 3] = value
        return
    page = d.memory[gmfn].view(np.uint8)
    for i in range(length):
        page[offset + i] = (value >> (8 * i)) & 0xFF


@jit
def marked_store(d, gmfn, offset, value, length):
    """Store as `store` does, in a machine whose snapshots must keep what was there."""
    if is_oos(d, gmfn):
        before_store(d, gmfn, offset)
        if offset & 63 > 64 - length:
            before_store(d, gmfn, offset + length - 1)
    store(d, gmfn, offset, value, length)

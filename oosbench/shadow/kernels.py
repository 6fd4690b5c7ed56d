"""The pieces of a resync by themselves, many times over, to be timed (`oosbench.costs.calibration`)."""

from __future__ import annotations

from ..compiled import entry
from ..x86 import D
from .content import BY_CR3, follow_blocks, resync_l1
from .snapshot import copy_page, take_snapshot


@entry
def copies(d, v, slot, times):
    """Take the snapshot of the page in `slot` of `v`, so many times: page and copy stay in the near cache."""
    for _ in range(times):
        take_snapshot(d, v, slot)


@entry
def cold_copies(d, first, pages, smfn):
    """Copy each of `pages` guest frames into a pool page of its own, from `smfn` on: nothing is in a cache."""
    for i in range(pages):
        # Frames apart from each other, so that the processor does not see the next one coming.
        copy_page(d.tables[smfn + i], d.memory[first + (i * 7919) % pages])


@entry
def content_passes(d, v, slot, times):
    """Make so many content passes over the page in `slot` of `v`."""
    for _ in range(times):
        resync_l1(d, v, slot, BY_CR3)
        d.state[0].resyncs = 0


@entry
def dirty_passes(d, v, slot, dirty, times):
    """Make so many content passes over the page in `slot` of `v`; before each, `dirty` entries change their D bit."""
    page = d.memory[d.vcpus[v].oos[slot]]
    for _ in range(times):
        for i in range(dirty):
            page[i] ^= D
        resync_l1(d, v, slot, BY_CR3)
        d.state[0].resyncs = 0


@entry
def page_copies(d, first, pages, smfn, times):
    """Copy `pages` guest frames to as many pool pages from `smfn` on, all in turn so many times."""
    for _ in range(times):
        for i in range(pages):
            copy_page(d.tables[smfn + i], d.memory[first + i])


@entry
def scans(d, first, pages, smfn, times):
    """Look for changes in `pages` guest frames since pool pages from `smfn` on were copied, all so many times."""
    dirty = 0
    for _ in range(times):
        for i in range(pages):
            changed, _ = follow_blocks(d, 0, 0, d.memory[first + i], d.tables[smfn + i], 4)
            dirty += changed
    return dirty

"""The pieces of a resync by themselves, many times over, to be timed (`oosbench.costs.calibration`).

They do in full what the original does: copy whole pages, and compare whole pages.
"""

from __future__ import annotations

from ..compiled import entry, jit
from ..x86 import D
from .content import BY_CR3, content_pass, follow_blocks
from .snapshot import complete_snapshot, copy_page
from .state import INVALID


@entry
def copies(d, v, slot, times):
    """Copy the page in `slot` of `v` to its snapshot, so many times: both stay in the near cache."""
    for _ in range(times):
        copy_page(d.tables[d.vcpus[v].oos_snapshot[slot]], d.memory[d.vcpus[v].oos[slot]])


@entry
def cold_copies(d, first, pages, smfn):
    """Copy each of `pages` guest frames into a pool page of its own, from `smfn` on: nothing is in a cache."""
    for i in range(pages):
        # Frames apart from each other, so that the processor does not see the next one coming.
        copy_page(d.tables[smfn + i], d.memory[first + (i * 7919) % pages])


@jit
def _complete(d, v, slot):
    """Let the page in `slot` of `v` have the whole snapshot that it would have had."""
    gmfn = d.vcpus[v].oos[slot]
    if gmfn != INVALID and d.lag[gmfn].snapshot != 0:
        complete_snapshot(d, gmfn)


@entry
def content_passes(d, v, slot, times):
    """Make so many content passes over the page in `slot` of `v`."""
    _complete(d, v, slot)
    for _ in range(times):
        content_pass(d, v, slot, BY_CR3, True)
        d.state[0].resyncs = 0


@entry
def dirty_passes(d, v, slot, dirty, times):
    """Make so many content passes over the page in `slot` of `v`; before each, `dirty` entries change their D bit."""
    page = d.memory[d.vcpus[v].oos[slot]]
    _complete(d, v, slot)
    for _ in range(times):
        for i in range(dirty):
            page[i] ^= D
        content_pass(d, v, slot, BY_CR3, True)
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

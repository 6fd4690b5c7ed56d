"""The pieces of a resync by themselves, many times over, to be timed (`oosbench.calibration`)."""

from __future__ import annotations

from .._jit import entry
from .content import BY_CR3, resync_l1
from .snapshot import take_snapshot


@entry
def copies(d, v, slot, times):
    """Take the snapshot of the page in `slot` of `v`, so many times: page and copy stay in the near cache."""
    for _ in range(times):
        take_snapshot(d, v, slot)


@entry
def cold_copies(d, first, pages, smfn):
    """Copy each of `pages` guest frames into a pool page of its own, from `smfn` on: nothing is in a cache."""
    for i in range(pages):
        target = d.tables[smfn + i]
        # Frames apart from each other, so that the processor does not see the next one coming.
        source = d.memory[first + (i * 7919) % pages]
        for w in range(512):
            target[w] = source[w]


@entry
def content_passes(d, v, slot, times):
    """Make so many content passes over the page in `slot` of `v`."""
    for _ in range(times):
        resync_l1(d, v, slot, BY_CR3)
        d.state[0].resyncs = 0

"""A direct map of 4 KiB pages, in place of the recorded one.

Linux maps all memory by large pages where it can, and the shadow of a large page is a splintered one, in which the
fixups of 2008 do nothing. With small pages they do: so this variant of a recording shows what they are worth. It
changes only how writable mappings of a table are found, and adds some faults on the direct map.

The tables of the map stand in frames above the guest's memory, which the guest never uses.
"""

from __future__ import annotations

import numpy as np

from ..traces.events import EVENT, POKE
from ..x86 import NX, RW, US, A, D, G, P

_LEAST_EXTRA = 1024


def extra_pages(ram_pages: int) -> int:
    """Return how many frames the tables take: one L3, an L2 for each GiB, an L1 for each 2 MiB, and some to spare."""
    return max(_LEAST_EXTRA, 2 * (ram_pages // 512))


def root_index(direct_map: int) -> int:
    """Return the entry of every root that leads to the direct map."""
    return direct_map >> 39 & 511


def l3_entry(ram_pages: int) -> int:
    """Return what that entry is replaced by."""
    return ram_pages << 12 | P | RW | US | A | D


def small_pages(ram_pages: int) -> np.ndarray:
    """Return the events (EVENT[n], all POKE) that build the tables of the map.

    Parameters
    ----------
    ram_pages : int
        Frames of guest memory; the tables come behind them.
    """
    l3mfn, l2mfn = ram_pages, ram_pages + 1
    tables = np.arange(ram_pages // 512)
    l2s = np.arange(-(-len(tables) // 512))
    first_l1 = l2mfn + len(l2s)
    frames = np.arange(ram_pages)
    address = np.concatenate([(l3mfn << 12) + 8 * l2s, (l2mfn << 12) + 8 * tables, (first_l1 << 12) + 8 * frames])
    value = np.concatenate(
        [
            (l2mfn + l2s) << 12 | P | RW | US | A | D,
            (first_l1 + tables) << 12 | P | RW | A | D,
            frames << 12 | P | RW | A | D | G | NX,
        ]
    )
    events = np.zeros(len(address), EVENT)
    events["op"], events["width"] = POKE, 8
    events["line"] = np.arange(len(address)) + 2
    events["address"], events["value"] = address, value
    return events

"""A direct map of 4 KiB pages, in place of the recorded one.

Linux maps all memory by large pages where it can, and the shadow of a large page is a splintered one, in which the
fixups of 2008 do nothing. With small pages they do: so this variant of a recording shows what they are worth. It
changes only how writable mappings of a table are found, and adds some faults on the direct map.

The tables of the map stand in frames above the guest's memory, which the guest never uses.
"""

from __future__ import annotations

import numpy as np

from ..events import EVENT, POKE
from ..x86 import NX, RW, US, A, D, G, P

EXTRA_PAGES = 1024  # for one L3, one L2, and 512 L1 tables
ROOT_INDEX = 273  # the entry of every root that leads to the direct map
L3_ENTRY = 2**18 << 12 | P | RW | US | A | D  # what it is replaced by


def small_pages(ram_pages: int) -> np.ndarray:
    """Return the events (EVENT[n], all POKE) that build the tables of the map, for a guest of 1 GiB.

    Parameters
    ----------
    ram_pages : int
        Frames of guest memory; the tables come behind them.
    """
    l3mfn, l2mfn, first_l1 = ram_pages, ram_pages + 1, ram_pages + 2
    tables = np.arange(ram_pages // 512)
    frames = np.arange(ram_pages)
    address = np.concatenate([[l3mfn << 12], (l2mfn << 12) + 8 * tables, (first_l1 << 12) + 8 * frames])
    value = np.concatenate(
        [
            [l2mfn << 12 | P | RW | US | A | D],
            (first_l1 + tables) << 12 | P | RW | A | D,
            frames << 12 | P | RW | A | D | G | NX,
        ]
    )
    events = np.zeros(len(address), EVENT)
    events["op"], events["width"] = POKE, 8
    events["line"] = np.arange(len(address)) + 2
    events["address"], events["value"] = address, value
    return events

"""Where a model kernel has things in its address space, by the guest's paging mode.

User regions begin at `first_page` and are `SPAN` pages apart, so that each has page tables of its own, as program,
heap, libraries and stack of a process mostly do. Kernel addresses are Linux's where Linux has the thing.
"""

from __future__ import annotations

from typing import NamedTuple

from ..x86 import signed

SPAN = 2**14  # pages between the beginnings of two regions: 64 MiB
MAX_REGIONS = 24  # of one process
MAX_PAGES = 2**13  # of one region: 32 MiB, so that no two have a table in common


class Layout(NamedTuple):
    """Addresses of a model kernel.

    Attributes
    ----------
    first_page : int
        Number of the first user page.
    direct_map : int
        Where all memory, or low memory, is mapped.
    lowmem : int
        How many pages the direct map can hold.
    vmalloc : int
        Where kernel memory is mapped page by page.
    self_map : int
        Where a self-map shows the page tables.
    window : int
        A page for temporary mappings; the other vCPUs' follow.
    trampoline : int
        With page-table isolation, all the kernel that is mapped while user code runs.
    """

    first_page: int
    direct_map: int
    lowmem: int
    vmalloc: int
    self_map: int
    window: int
    trampoline: int


#: By levels of paging. Each kernel area has an L2 entry (in 64-bit mode an L4 entry) of its own, or several.
LAYOUTS = {
    2: Layout(0x08048, 0xC0000000, 2**17, 0xF0000000, 0xFE800000, 0xFF400000, 0xFFC00000),
    3: Layout(0x08048, 0xC0000000, 2**17, 0xF0000000, 0xFE800000, 0xFF400000, 0xFFC00000),
    4: Layout(
        0x7F0000000,
        signed(0xFFFF888000000000),
        2**27,
        signed(0xFFFFC90000000000),
        signed(0xFFFFF68000000000),
        signed(0xFFFFFFFFFF200000),
        signed(0xFFFFFE0000000000),
    ),
}

"""What speed is measured against: a table walk that depends on itself, and the C library's compare and copy.

All of it is called from compiled code, in batches: a call from Python takes ten times as long as the work.
"""

from __future__ import annotations

import numpy as np

from ..compiled import entry, jit
from ..compiled.calls import memcmp, memcpy

#: Tables of the yardstick, 4 KiB each, and the walks of a batch.
TABLES, WALKS = 1024, 4_000_000
SEED = 88172645463325252


@jit
def _next(r):
    """Return the next number of Marsaglia's xorshift."""
    r ^= r << np.uint64(13)
    r ^= r >> np.uint64(7)
    return r ^ r << np.uint64(17)


@entry
def fill(tables, r):
    """Fill tables, uint64[TABLES * 512], with entries that point to each other; return the generator's state."""
    for i in range(len(tables)):
        r = _next(r)
        tables[i] = (r % np.uint64(TABLES)) << np.uint64(12) | np.uint64(7)
    return r


@entry
def walks(tables, r, times):
    """Walk four levels, each load waiting for the one before; return the sum of what was found."""
    found = np.uint64(0)
    for _ in range(times):
        r = _next(r)
        table = np.uint64(0)
        for level in range(3, -1, -1):
            index = (r >> np.uint64(9 * level)) & np.uint64(511)
            table = (tables[table * np.uint64(512) + index] >> np.uint64(12)) & np.uint64(0xFFFFFFFF)
        found += table
    return found


@entry
def memcmp_pages(a, b, times):
    """Compare pages, int64[n, 512] each, with the C library, all in turn so many times; return how many differ."""
    differ = 0
    for _ in range(times):
        for i in range(len(a)):
            differ += memcmp(a[i].ctypes.data, b[i].ctypes.data, 4096) != 0
    return differ


@entry
def memcpy_pages(a, b, times):
    """Copy pages `a` to `b` with the C library, all in turn so many times."""
    for _ in range(times):
        for i in range(len(a)):
            memcpy(b[i].ctypes.data, a[i].ctypes.data, 4096)


def warm(pages: np.ndarray) -> None:
    """Compile what is here; `pages` is any int64[n, 512]."""
    tables = np.zeros(TABLES * 512, np.uint64)
    walks(tables, np.uint64(fill(tables, np.uint64(SEED))), 1)
    memcpy_pages(pages, pages, memcmp_pages(pages, pages, 0))

"""What kinds of shadow there are, and the two magic entries that save a walk.

Types and their numbers are Xen's as of the snapshot patch (047782fa01), which added number 16.
"""

from __future__ import annotations

import numpy as np

from ..compiled import jit
from ..x86 import RW, US, P

FREE = 0
L1_32, FL1_32, L2_32 = 1, 2, 3
L1_PAE, FL1_PAE, L2_PAE, L2H_PAE = 4, 5, 6, 7
L1_64, FL1_64, L2_64, L2H_64, L3_64, L4_64 = 8, 9, 10, 11, 12, 13
P2M_TABLE, MONITOR_TABLE, OOS_SNAPSHOT = 14, 15, 16

NAMES = (
    "none l1_32 fl1_32 l2_32 l1_pae fl1_pae l2_pae l2h_pae l1_64 fl1_64 l2_64 l2h_64 l3_64 l4_64 "
    "p2m_table monitor_table oos_snapshot"
).split()

# By type: page-table level, the guest's paging levels, and log2 of the pages one shadow takes.
# A 2-level guest's L1 has 1024 entries, hence two pages of shadow; its L2 needs a pair of
# shadow entries for each of 1024, hence four.
LEVEL = np.array([0, 1, 1, 2, 1, 1, 2, 2, 1, 1, 2, 2, 3, 4, 0, 0, 0])
GUEST_LEVELS = np.array([0, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 0, 0, 0])
ORDER = np.array([0, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0])

# A splintered superpage (fl1) shadows no guest table: its entries are made up from the L2 entry.
IS_FL1 = np.array([t in (FL1_32, FL1_PAE, FL1_64) for t in range(17)])
IS_L1 = np.array([t in (L1_32, L1_PAE, L1_64) for t in range(17)])

# By the guest's paging levels: its type of L1, of fl1, of L2.
L1_TYPE = np.array([0, 0, L1_32, L1_PAE, L1_64])
FL1_TYPE = np.array([0, 0, FL1_32, FL1_PAE, FL1_64])
L2_TYPE = np.array([0, 0, L2_32, L2_PAE, L2_64])

# Bits of a guest frame's shadow_flags: bit t says "has a shadow of type t".
SHF_L1_ANY = 1 << L1_32 | 1 << L1_PAE | 1 << L1_64
SHF_TYPES = sum(1 << t for t in range(L1_32, P2M_TABLE))
SHF_32 = 1 << L1_32 | 1 << L2_32
SHF_PAE_64 = SHF_TYPES & ~SHF_32
OOS_MAY_WRITE = 1 << 29
OUT_OF_SYNC = 1 << 30

# Magic L1 entries: bit 0 and the upper half all ones. Reserved bits make the hardware fault
# without a walk by Xen. "Guest not present" is all ones; the other stands for emulated MMIO.
GNP = -1
_MMIO = -(2**32) | P
_MMIO_GFN = 0xFFFFFFF0  # bits 4..31

# Types are numbered so that these hold; the tables above are indexed by them.
assert len(NAMES) == len(LEVEL) == len(GUEST_LEVELS) == len(ORDER) == OOS_SNAPSHOT + 1


@jit
def is_magic(entry):
    """Say whether a shadow L1 entry is one of the two magic ones."""
    return entry >> 32 == -1 and entry & P != 0


@jit
def mmio_magic(gfn, entry):
    """Return the magic entry for emulated MMIO at `gfn`, mapped by the guest with `entry`."""
    return _MMIO | ((gfn << 4) & _MMIO_GFN) | (entry & (RW | US))

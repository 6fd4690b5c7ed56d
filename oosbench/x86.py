"""x86 paging as the hardware sees it: entry bits, error-code bits, paging-mode geometry.

Entries and addresses are signed 64-bit integers throughout the package: NX is the sign bit, and an
address in the upper half of the address space is negative. Mixing signed and unsigned 64-bit integers
would turn them into floating point under NumPy's rules.
"""

from __future__ import annotations

import numpy as np

from .compiled import jit

PAGE_SIZE = 4096

# Bits of a page-table entry.
P, RW, US, PWT, PCD, A, D = 0x001, 0x002, 0x004, 0x008, 0x010, 0x020, 0x040
PAT = PSE = 0x080  # bit 7: PAT in an L1 entry, "large page" in an L2 entry
G = 0x100
NX = -(2**63)

# Bits of a page-fault error code.
PFEC_P, PFEC_W, PFEC_U, PFEC_RSVD, PFEC_I = 1, 2, 4, 8, 16

LEVELS = (2, 3, 4)  # 2-level, PAE and 64-bit paging
MAX_FRAMES = {2: 2**20, 3: 2**28, 4: 2**28}  # frames a guest can have: 4 GiB, 1 TiB, 1 TiB


def signed(value: int) -> int:
    """Return the 64-bit pattern `value` as the signed integer with the same bits."""
    return value - 2**64 if value >= 2**63 else value


def unsigned(value: int) -> int:
    """Return the signed 64-bit integer `value` as the unsigned integer with the same bits."""
    return int(value) & (2**64 - 1)


def entry_size(levels: int) -> int:
    """Return the bytes of one page-table entry: 4 in 2-level paging, else 8."""
    return 4 if levels == 2 else 8


bytes_of_entry = jit(entry_size)  # for compiled code, which Python cannot call

FRAME_MASK = (1 << 40) - 1  # of a frame number: bits 12 to 51 of an entry
_LOW = 0xFFFFFFFF


def frame_in(entry: int) -> int:
    """Return the frame number in a page-table entry, the guest's or a shadow's."""
    return (entry >> 12) & FRAME_MASK


def index_in_table(va: int, level: int, levels: int) -> int:
    """Return the index of `va` in a guest table of `level`, in paging with `levels` levels."""
    if levels == 2:
        return (va >> (2 + 10 * level)) & 1023
    return (va >> (3 + 9 * level)) & 511


frame_of = jit(frame_in)
guest_index = jit(index_in_table)


@jit
def get_entry(page, index, levels):
    """Return entry `index` of a page (int64[512]) in the format of a guest with `levels` levels."""
    if levels == 2:
        return (page[index >> 1] >> (32 * (index & 1))) & _LOW
    return page[index]


@jit
def set_entry(page, index, levels, value):
    """Set entry `index` of a page in the format of a guest with `levels` levels."""
    if levels != 2:
        page[index] = value
    elif index & 1:
        page[index >> 1] = (page[index >> 1] & _LOW) | np.int64(value) << 32
    else:
        page[index >> 1] = (page[index >> 1] & ~_LOW) | (value & _LOW)

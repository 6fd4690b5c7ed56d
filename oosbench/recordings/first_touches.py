"""First touches, made ready for `convert`."""

from __future__ import annotations

import numpy as np

from ..compiled import entry
from ..x86 import PFEC_I, PFEC_U, PFEC_W
from .convert import ROW_CR3

#: A first touch: the row it happened before, the page touched, and W, U, I bits of the access. Touches with the
#: same `key` are alike: same vCPU, same page, same access and, in the lower half, same root.
TOUCH = np.dtype([("row", "i4"), ("page", "i4"), ("key", "i4"), ("access", "u1"), ("vcpu", "u1")])
#: A page that is touched somewhere; `seen_device` once it has translated to no RAM.
TOUCHED = np.dtype([("va", "i8"), ("region", "i4"), ("seen_device", "?")])

#: What a vCPU's TLB may remember of a page: when it was filled, and the rights that walks gave since the last flush.
TLB = np.dtype([("filled", "i8"), ("rights", "u1")])


@entry
def ready_touches(pos, vpn, kind, vcpu, rows, pages, roots, touches, alike):
    """Make first touches ready, but for their keys.

    Parameters
    ----------
    pos, vpn, kind, vcpu : arrays of t
        As recorded.
    rows : ROW[r]
    pages : int64[p]
        The address of each page that is touched.
    roots : int64[vcpus]
        NOT_MAPPED.
    touches : TOUCH[t]
        Filled in.
    alike : int64[t]
        Filled with a number that touches that are alike have in common.
    """
    row = passed = 0
    for i in range(len(pos)):
        row = min(row + np.int64(pos[i]), len(rows))
        while passed < row:
            if rows[passed].kind == ROW_CR3:
                roots[rows[passed].vcpu] = rows[passed].page
            passed += 1
        page, what = np.int64(vpn[i]), np.int64(kind[i])
        access = PFEC_W if what & 3 == 1 else PFEC_I if what & 3 == 2 else 0
        upper = pages[page] < 0
        # In the upper half, what the processor reads and writes while it delivers an event is recorded as the user's.
        if what >= 16 and not (upper and access != PFEC_I):
            access |= PFEC_U
        touch = touches[i]
        touch.row = row
        touch.page = page
        touch.access = access
        touch.vcpu = vcpu[i]
        alike[i] = ((page << 6 | vcpu[i]) << 5 | access) << 28 | (0 if upper else roots[vcpu[i]] + 1)

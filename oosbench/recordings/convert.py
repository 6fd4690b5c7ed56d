"""From recording to trace: the rules by which recorded activity becomes events of a machine.

The converter keeps the guest's page tables as the trace stores them (`memory`), which frames are page tables
(`live`), and which were, are not, and have not been overwritten since (`retired`).

* A store to a page table is a WRITE through the kernel's direct map.
* A table that appears had its contents before the pointer to it: they are stored first. If the frame was a table
  before, three zero stores come before that: they stand for the guest clearing the page, after which the shadow
  code lets go of what it was.
* A recorded fault is an ACCESS, which must end in a fault with that error code (or, like an access by way of a TLB,
  in none, if another vCPU has just forbidden it in a table that is out of sync).
* The first touch of a page since a TLB flush is an ACCESS that must succeed. Touches that a shadow MMU cannot
  tell from one before are left out. So are those that the tables forbid and permitted when the same vCPU touched the
  page before, since its last flush: another vCPU has changed them, and the flush is still to come.
* A write touch to a live table is left out, its stores being recorded; to a retired one it is a real store.
* Each event is of the vCPU that it was recorded of, and walks from the root in force there.
"""

from __future__ import annotations

import numpy as np

from ..compiled import entry, jit
from ..traces.events import ACCESS, CR3, INVLPG, POKE, WRITE
from ..x86 import PFEC_I, PFEC_U, PFEC_W
from .walk import NOT_MAPPED, permits, walk

# Kinds of rows in a recording.
ROW_CR3, ROW_INVLPG, ROW_FLUSHALL, ROW_PF, ROW_WRITE, ROW_LINK, ROW_INIT, ROW_UNLINK, ROW_ROOT = range(2, 11)
# Those that give nothing: marks, the end of a root, bits set by the recorded hardware.
ROW_MARK, ROW_ROOTEND, ROW_ADUPD = 1, 11, 14
ROW_KINDS = (ROW_MARK, *range(ROW_CR3, ROW_ROOTEND + 1), ROW_ADUPD)

#: A row of a recording, made ready. `frame` is that of the table (of a CR3 row: the new root), `page` its
#: incarnation (of an INVLPG: the page that is touched, or -1), `region` the 2 MiB of address space that an L1 table
#: or an address belongs to.
ROW = np.dtype(
    [
        ("kind", "u1"),
        ("level", "u1"),
        ("error", "u1"),
        ("vcpu", "u1"),
        ("index", "i4"),
        ("page", "i4"),
        ("region", "i4"),
        ("frame", "i8"),
        ("value", "i8"),
        ("va", "i8"),
    ]
)


@jit
def _emit(events, n, vcpu, op, address, value, access, spelled):
    """Append an event; return how many there are now."""
    event = events[n]
    event.op = op
    event.vcpu = vcpu
    event.width = 8 if op == WRITE or op == POKE else 0
    event.access = access
    event.line = n + 2
    event.address = address
    event.value = value
    event.spelled = spelled
    return n + 1


@jit
def _store(events, n, vcpu, memory, direct_map, frame, index, value):
    """Store an entry through the direct map."""
    memory[frame, index] = value
    return _emit(events, n, vcpu, WRITE, direct_map + frame * 4096 + index * 8, value, PFEC_W, 0)


@jit
def _poke(events, n, memory, frame, index, value):
    """Put an entry into memory without the machine noticing."""
    memory[frame, index] = value
    return _emit(events, n, 0, POKE, frame * 4096 + index * 8, value, 0, 0)


@jit
def _contents(events, n, memory, retired, roots, direct_map, rows, first, last):
    """Give a new table its contents: those of the INIT rows from `first` up to `last`."""
    frame = rows[first - 1].frame
    vcpu = np.int64(rows[first - 1].vcpu)
    if roots[vcpu] == NOT_MAPPED:  # of a vCPU's first root, the others have stored the contents
        for other in range(len(roots)):
            if roots[other] != NOT_MAPPED:
                vcpu = other
    root = roots[vcpu]
    if root == NOT_MAPPED:  # before the first CR3 load nothing runs that could store
        for i in range(first, last):
            n = _poke(events, n, memory, frame, rows[i].index, rows[i].value)
        return n
    reachable = walk(memory, root, direct_map + frame * 4096)[0] == frame
    if reachable and retired[frame]:
        for index in range(3):
            n = _store(events, n, vcpu, memory, direct_map, frame, index, 0)
    retired[frame] = False
    for index in range(512):
        given = False
        for i in range(first, last):
            given = given or rows[i].index == index
            if rows[i].index == index and not reachable:
                n = _poke(events, n, memory, frame, index, rows[i].value)
        if not given and memory[frame, index] != 0:
            if reachable:
                n = _store(events, n, vcpu, memory, direct_map, frame, index, 0)
            else:
                n = _poke(events, n, memory, frame, index, 0)
    for i in range(first, last if reachable else first):
        n = _store(events, n, vcpu, memory, direct_map, frame, rows[i].index, rows[i].value)
    return n


@jit
def _touch(events, n, vcpu, memory, live, retired, frame, va, access):
    """Make a touch an event, unless it is a write to a live table."""
    if access & PFEC_W and 0 <= frame < len(memory):
        if live[frame] >= 0:
            return n
        if retired[frame]:
            retired[frame] = False
            for index in range(1 if access & PFEC_U else 3):
                memory[frame, index] = 0
                n = _emit(events, n, vcpu, WRITE, va + 8 * index, 0, access, 2)
            return n
    return _emit(events, n, vcpu, ACCESS, va, 0, access, 0)


@entry
def convert(
    rows,
    touches,
    touched,
    direct_map,
    roots,
    flushed,
    tlbs,
    memory,
    live,
    retired,
    seen,
    region_changed,
    linked,
    events,
    n,
):
    """Turn a recording into events.

    Parameters
    ----------
    rows : ROW[r]
    touches : TOUCH[t]
        In order; each happened before row ``touch.row``.
    touched : TOUCHED[p]
    direct_map : int
        Where the kernel maps all memory.
    roots : int64[vcpus]
        NOT_MAPPED; the root in force on each vCPU.
    flushed : int64[vcpus]
        Zero; when each vCPU last flushed its TLB.
    tlbs : TLB[vcpus, p]
        Zero.
    memory : int64[frames, 512]
        The tables as the trace stores them.
    live : int32[frames]
        -1; the incarnation of the table that a frame is.
    retired : bool[frames]
        False.
    seen : int64[keys], region_changed : int64[regions], linked : int64[frames]
        Zero; when a touch with that key came through, a region's L1 table was written or an address in it
        invalidated, a frame became or ceased to be a table.
    events : EVENT[...]
        Filled from row `n` on.
    n : int
        How many events there are already.

    Returns
    -------
    int
        How many events there are.
    """
    now = 1
    upper_changed = 0
    t = 0
    r = 0
    while r <= len(rows):
        while t < len(touches) and (r == len(rows) or touches[t].row <= r):
            touch = touches[t]
            page = touched[touch.page]
            va = page.va
            now += 1
            t += 1
            vcpu = np.int64(touch.vcpu)
            access = np.int64(touch.access)
            frame, rights = walk(memory, roots[vcpu], va)
            tlb = tlbs[vcpu, touch.page]
            if tlb.filled <= flushed[vcpu]:
                tlb.rights = 0
            if not permits(rights, access) and permits(np.int64(tlb.rights), access):
                continue
            tlb.filled = now
            tlb.rights |= rights
            last = seen[touch.key]
            fresh = last > upper_changed and last > region_changed[page.region] and not page.seen_device
            if fresh and va < 0:
                place = (va - direct_map) >> 12
                fresh = not (0 <= place < len(linked)) or last > linked[place]
            if fresh:
                continue
            seen[touch.key] = now
            if frame >= len(memory):
                page.seen_device = True
            n = _touch(events, n, vcpu, memory, live, retired, frame, va, access)
        if r == len(rows):
            break
        row = rows[r]
        kind = row.kind
        vcpu = np.int64(row.vcpu)
        now += 1
        r += 1
        if kind == ROW_CR3 or (kind == ROW_WRITE and row.level >= 2):
            while r < len(rows) and (rows[r].kind == ROW_ROOT or rows[r].kind == ROW_LINK):
                r += 1
                if rows[r - 1].kind == ROW_LINK:
                    first = r
                    while r < len(rows) and rows[r].kind == ROW_INIT:
                        r += 1
                    n = _contents(events, n, memory, retired, roots, direct_map, rows, first, r)
                    live[rows[first - 1].frame] = rows[first - 1].page
                    linked[rows[first - 1].frame] = now
                    upper_changed = now
        if kind == ROW_CR3:
            roots[vcpu] = row.frame
            flushed[vcpu] = now
            n = _emit(events, n, vcpu, CR3, row.frame * 4096, 0, 0, 0)
        elif kind == ROW_WRITE:
            n = _store(events, n, vcpu, memory, direct_map, row.frame, row.index, row.value)
            if row.level >= 2:
                upper_changed = now
            else:
                region_changed[row.region] = now
        elif kind == ROW_INVLPG:
            if row.page >= 0:
                tlbs[vcpu, row.page].rights = 0
            n = _emit(events, n, vcpu, INVLPG, row.va, 0, 0, 0)
            region_changed[row.region] = now
        elif kind == ROW_FLUSHALL:
            flushed[vcpu] = now
            n = _emit(events, n, vcpu, CR3, roots[vcpu] * 4096, 0, 0, 0)
        elif kind == ROW_PF:
            wanted = PFEC_I if row.error & PFEC_I else np.int64(row.error) & PFEC_W
            n = _emit(events, n, vcpu, ACCESS, row.va, 0, wanted | (row.error & PFEC_U), 0)
        elif kind == ROW_UNLINK:
            if live[row.frame] == row.page:
                live[row.frame] = -1
                retired[row.frame] = True
            linked[row.frame] = now
    return n

"""From recording to trace: the rules by which recorded activity becomes events of a machine.

The converter keeps the guest's page tables as the trace stores them (`memory`), which frames are page tables
(`live`), and which were, are not, and have not been overwritten since (`retired`).

* A store to a page table is a WRITE through the kernel's direct map.
* A table that appears had its contents before the pointer to it: they are stored first. If the frame was a table
  before, three zero stores come before that: they stand for the guest clearing the page, after which the shadow
  code lets go of what it was.
* A recorded fault is an ACCESS, which must end in a fault with that error code.
* The first touch of a page since a TLB flush is an ACCESS that must succeed. Touches that a shadow MMU cannot
  tell from one before are left out.
* A write touch to a live table is left out, its stores being recorded; to a retired one it is a real store.
* Each event is of the vCPU that it was recorded of, and walks from the root in force there.
"""

from __future__ import annotations

import numpy as np

from .._jit import entry, jit
from ..events import ACCESS, CR3, INVLPG, POKE, WRITE
from ..x86 import PFEC_I, PFEC_U, PFEC_W, PSE, P, frame_of

# Kinds of rows in a recording.
ROW_CR3, ROW_INVLPG, ROW_FLUSHALL, ROW_PF, ROW_WRITE, ROW_LINK, ROW_INIT, ROW_UNLINK, ROW_ROOT = range(2, 11)
# Those that give nothing: marks, the end of a root, bits set by the recorded hardware.
ROW_MARK, ROW_ROOTEND, ROW_ADUPD = 1, 11, 14
ROW_KINDS = (ROW_MARK, *range(ROW_CR3, ROW_ROOTEND + 1), ROW_ADUPD)

#: A row of a recording, made ready. `frame` is that of the table (of a CR3 row: the new root), `page` its
#: incarnation, `region` the 2 MiB of address space that an L1 table or an address belongs to.
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
#: A first touch: the row it happened before, the page touched, and W, U, I bits of the access. Touches with the
#: same `key` are alike: same vCPU, same page, same access and, in the lower half, same root.
TOUCH = np.dtype([("row", "i4"), ("page", "i4"), ("key", "i4"), ("access", "u1"), ("vcpu", "u1")])
#: A page that is touched somewhere; `seen_device` once it has translated to no RAM.
TOUCHED = np.dtype([("va", "i8"), ("region", "i4"), ("seen_device", "?")])

NOT_MAPPED = -1


@jit
def _walk(memory, root, va):
    """Return the frame that `va` translates to by the tables in `memory`, NOT_MAPPED if it does not."""
    table = root
    for level in (4, 3, 2, 1):
        if table < 0 or table >= len(memory):
            return NOT_MAPPED
        value = memory[table, (va >> (3 + 9 * level)) & 511]
        if value & P == 0:
            return NOT_MAPPED
        table = frame_of(value)
        if (level == 3 or level == 2) and value & PSE:
            inside = (1 << (9 * (level - 1))) - 1
            return (table & ~inside) | ((va >> 12) & inside)
    return table


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
    reachable = _walk(memory, root, direct_map + frame * 4096) == frame
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
def _touch(events, n, vcpu, memory, live, retired, root, va, access):
    """Make a touch an event, unless it is a write to a live table."""
    if access & PFEC_W:
        frame = _walk(memory, root, va)
        if 0 <= frame < len(memory):
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


@entry
def convert(rows, touches, touched, direct_map, roots, memory, live, retired, seen, region_changed, linked, events, n):
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
            last = seen[touch.key]
            fresh = last > upper_changed and last > region_changed[page.region] and not page.seen_device
            if fresh and va < 0:
                frame = (va - direct_map) >> 12
                fresh = not (0 <= frame < len(linked)) or last > linked[frame]
            if fresh:
                continue
            seen[touch.key] = now
            vcpu = np.int64(touch.vcpu)
            if _walk(memory, roots[vcpu], va) >= len(memory):
                page.seen_device = True
            n = _touch(events, n, vcpu, memory, live, retired, roots[vcpu], va, np.int64(touch.access))
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
            n = _emit(events, n, vcpu, CR3, row.frame * 4096, 0, 0, 0)
        elif kind == ROW_WRITE:
            n = _store(events, n, vcpu, memory, direct_map, row.frame, row.index, row.value)
            if row.level >= 2:
                upper_changed = now
            else:
                region_changed[row.region] = now
        elif kind == ROW_INVLPG:
            n = _emit(events, n, vcpu, INVLPG, row.va, 0, 0, 0)
            region_changed[row.region] = now
        elif kind == ROW_FLUSHALL:
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

"""Which frames of a guest are page tables, and which of its stores go to them.

A trace says at which address a guest stores, and not what is there. `follow` keeps the guest's memory as the trace
stores it, walks the guest's own tables as the processor would, and counts references: a frame is a page table of
level n while a table of level n + 1 points to it, and a root from its first CR3 load until no vCPU has it loaded and
the lower half of its address space is empty. No shadow is involved. Accessed and dirty bits that a processor would set
are left out. A PAE root is 32 bytes, and there may be several in a page, as Linux has them: the page is taken for one
table, and whatever is present in it for a pointer to one.
"""

from __future__ import annotations

import numpy as np

from ..compiled import entry, jit
from ..x86 import PFEC_U, PSE, RW, US, P, frame_of, get_entry, guest_index
from .events import CR3, POKE, WP, WRITE, WRITEHL

#: A store to an entry of a page table: the row of the trace, the level the table had, its number, the entry, and
#: whether the store changed it.
STORE = np.dtype([("row", "i8"), ("level", "i8"), ("table", "i8"), ("index", "i8"), ("changed", "i8")])

#: A page table, from the row that made it one to the row with which it ceased to be one (-1: it did not). A frame that
#: becomes one again is another table.
TABLE = np.dtype([("frame", "i8"), ("level", "i8"), ("born", "i8"), ("died", "i8")])

_NONE = -1
FULL = -1


@jit
def _is_link(value, level, levels):
    """Say whether an entry of a table of `level` points to a table."""
    return level > 1 and value & P != 0 and (value & PSE == 0 or level > 3 or (level == 3 and levels == 3))


@jit
def _level_of(f, frame):
    """Return the highest level at which a frame is a table, 0 if it is none."""
    for level in range(4, 0, -1):
        if f.references[frame, level] > 0:
            return level
    return 0


@jit
def _settle(f, frame, before, row):
    """Begin or end the life of a table after the references to a frame have changed."""
    now = _level_of(f, frame)
    if now == before:
        return
    if before == 0:
        if f.state[0] == len(f.tables):
            f.state[2] = 1
            return
        table = f.tables[f.state[0]]
        table.frame, table.level, table.born, table.died = frame, now, row, _NONE
        f.number[frame] = f.state[0]
        f.state[0] += 1
    elif now == 0:
        f.tables[f.number[frame]].died = row
        f.number[frame] = _NONE
    else:
        f.tables[f.number[frame]].level = now


@jit
def _refer(f, levels, frame, level, by, row):
    """Count one more (`by` 1) or one less (-1) reference to a frame as a table of `level`, and to what it points to."""
    stack = f.stack
    depth = 0
    stack[0, 0], stack[0, 1], stack[0, 2] = frame, level, -1
    while depth >= 0:
        frame, level, index = stack[depth]
        last = 1024 if levels == 2 else 512
        if index < 0:
            depth -= 1
            if frame >= len(f.references):
                continue
            before = _level_of(f, frame)
            f.references[frame, level] += by
            _settle(f, frame, before, row)
            if f.references[frame, level] != (1 if by > 0 else 0) or level == 1:
                continue
            depth += 1
            index = 0
        while index < last and not _is_link(get_entry(f.memory[frame], index, levels), level, levels):
            index += 1
        if index >= last:
            depth -= 1
            continue
        stack[depth, 2] = index + 1
        depth += 1
        stack[depth, 0] = frame_of(get_entry(f.memory[frame], index, levels))
        stack[depth, 1], stack[depth, 2] = level - 1, -1


@jit
def _forget_dead_root(f, levels, frame, row):
    """End a root that no vCPU has loaded and that maps nothing in the lower half."""
    if frame == _NONE or not f.is_root[frame]:
        return
    for v in range(len(f.roots)):
        if f.roots[v] != _NONE and f.roots[v] >> 12 == frame:
            return
    for index in range(512 if levels < 4 else 256):
        lower = levels != 3 or index & 3 < 2
        if lower and get_entry(f.memory[frame], index, levels) & P:
            return
    f.is_root[frame] = False
    _refer(f, levels, frame, levels, -1, row)


@jit
def _load_root(f, levels, v, address, row):
    old, frame = f.roots[v], address >> 12
    f.roots[v] = address
    if not f.is_root[frame]:
        f.is_root[frame] = True
        _refer(f, levels, frame, levels, 1, row)
    if old != _NONE:
        _forget_dead_root(f, levels, old >> 12, row)


@jit
def _change(f, levels, frame, index, old, new, row, record):
    """Take note that an entry has been stored."""
    level = _level_of(f, frame)
    if level == 0:
        return
    if record:
        if f.state[1] == len(f.stores):
            f.state[2] = 1
            return
        store = f.stores[f.state[1]]
        f.state[1] += 1
        store.row, store.level, store.table, store.index = row, level, f.number[frame], index
        store.changed = new != old
    if new == old:
        return
    for l in range(level, 1, -1):
        if f.references[frame, l] == 0:
            continue
        was, now = _is_link(old, l, levels), _is_link(new, l, levels)
        if was and now and frame_of(old) == frame_of(new):
            continue
        if now:
            _refer(f, levels, frame_of(new), l - 1, 1, row)
        if was:
            _refer(f, levels, frame_of(old), l - 1, -1, row)
    if f.is_root[frame] and new & P == 0:
        _forget_dead_root(f, levels, frame, row)


@jit
def _store(f, levels, place, value, length, row, record):
    """Store bytes at a guest-physical address."""
    frame, done = place >> 12, 0
    if frame >= len(f.memory):
        return
    while done < length:
        offset = (place & 4095) + done
        word, shift = offset >> 3, offset & 7
        count = min(length - done, 8 - shift)
        old = f.memory[frame, word]
        new = old
        for i in range(count):
            byte = (value >> (8 * (done + i))) & 0xFF
            at = 8 * (shift + i)
            new = (new & ~(0xFF << at)) | byte << at
        f.memory[frame, word] = new
        if levels != 2:
            _change(f, levels, frame, word, old, new, row, record)
        else:
            for half in range(2):
                if shift < 4 * half + 4 and shift + count > 4 * half:
                    before, after = (old >> (32 * half)) & 0xFFFFFFFF, (new >> (32 * half)) & 0xFFFFFFFF
                    _change(f, levels, frame, 2 * word + half, before, after, row, record)
        done += count


@jit
def find_leaf(f, levels, v, va, must):
    """Walk the guest's own tables, as the processor of vCPU `v` would.

    Parameters
    ----------
    f : Following, or anything with `memory` and `roots`
    must : int
        Bits that every entry on the way must have.

    Returns
    -------
    frame, index : int
        The entry that maps `va`; the frame is -1 if there is none.
    place : int
        The guest-physical address behind `va`, -1 likewise.
    """
    if f.roots[v] == _NONE:
        return _NONE, 0, _NONE
    table = f.roots[v] >> 12
    for level in range(levels, 0, -1):
        index = guest_index(va, level, levels)
        needed = must
        if levels == 3 and level == 3:
            index += (f.roots[v] & 4095) >> 3
            needed = P
        if table >= len(f.memory):
            return _NONE, 0, _NONE
        value = get_entry(f.memory[table], index, levels)
        if value & needed != needed:
            return _NONE, 0, _NONE
        if level == 1:
            return table, index, frame_of(value) << 12 | (va & 4095)
        if not _is_link(value, level, levels):
            if level > 2:
                return _NONE, 0, _NONE
            inside = (1 << (22 if levels == 2 else 21)) - 1
            return table, index, (frame_of(value) << 12 & ~inside) | (va & inside)
        table = frame_of(value)
    return _NONE, 0, _NONE


@jit
def _translate(f, levels, v, va, by_user):
    """Return the guest-physical address that a store of vCPU `v` to `va` goes to, -1 if it does not happen."""
    must = P | (RW if by_user or f.wp[v] else 0) | (US if by_user else 0)
    return find_leaf(f, levels, v, va, must)[2]


@entry
def follow(f, events, levels):
    """Follow a trace.

    Parameters
    ----------
    f : Following
        From `oosbench.traces.summary`; what is found is left in ``f.tables`` and ``f.stores``.
    events : EVENT[n]
    levels : int

    Returns
    -------
    int
        The number of rows, or FULL if there is no room for what was found.
    """
    for row in range(len(events)):
        event = events[row]
        v, op = np.int64(event.vcpu), event.op
        if op == POKE:
            _store(f, levels, event.address, event.value, np.int64(event.width), row, False)
        elif op == CR3:
            _load_root(f, levels, v, event.address, row)
        elif op == WP:
            f.wp[v] = event.value
        elif op == WRITE or op == WRITEHL:
            place = _translate(f, levels, v, event.address, event.access & PFEC_U != 0)
            if place != _NONE:
                _store(f, levels, place, event.value, 8 if op == WRITEHL else np.int64(event.width), row, True)
        if f.state[2]:
            return FULL
    return len(events)

"""Leaf entries and the frames they refer to: taking, dropping and write-protecting.

A present leaf entry holds one reference to its target, a writable one also a type reference
(Xen: PGT_writable_page). The magic entries hold nothing.
"""

from __future__ import annotations

from ..compiled import jit
from ..x86 import RW, P, frame_of
from . import counters as ctr
from .types import is_magic


@jit
def get_page_from_l1e(d, entry):
    """Take the references that `entry` holds."""
    if entry & P and not is_magic(entry):
        target = d.frames[frame_of(entry)]
        target.references += 1
        d.counters[ctr.get_page] += 1
        if entry & RW:
            target.type_count += 1
            d.counters[ctr.get_page_type] += 1


@jit
def put_page_from_l1e(d, entry):
    """Drop the references that `entry` holds."""
    if entry & P and not is_magic(entry):
        target = d.frames[frame_of(entry)]
        target.references -= 1
        d.counters[ctr.put_page] += 1
        if entry & RW:
            target.type_count -= 1
            d.counters[ctr.put_page_type] += 1


@jit
def maps_writable(entry, gmfn):
    """Say whether a leaf entry is a writable mapping of `gmfn`."""
    return entry & (P | RW) == P | RW and frame_of(entry) == gmfn


@jit
def write_l1e(d, sl1mfn, slot, old, new):
    """Store a leaf entry whose references were taken, and drop those of the old one."""
    d.tables[sl1mfn, slot] = new
    shadow = d.shadows[sl1mfn]
    shadow.present += (new & P) - (old & P)
    shadow.filled |= (new & P) << (slot >> 3)
    d.counters[ctr.set_l1e_changed] += 1
    put_page_from_l1e(d, old)


@jit
def lower_l1e(d, sl1mfn, slot, new):
    """Set a leaf entry to one that grants less: zero, or the same without RW. It needs no fixup."""
    d.counters[ctr.set_l1e_calls] += 1
    old = d.tables[sl1mfn, slot]
    if old != new:
        get_page_from_l1e(d, new)
        write_l1e(d, sl1mfn, slot, old, new)

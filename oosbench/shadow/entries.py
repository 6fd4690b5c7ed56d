"""Setting leaf entries, with the references and fixups that go with them."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import RW, P, frame_of
from . import counters as ctr
from .fixups import fixup_add
from .guest import may_write, p2m
from .propagate import PREFETCH, propagate_l1e
from .references import get_page_from_l1e, write_l1e
from .types import is_magic


@jit
def set_l1e(d, v, sl1mfn, slot, new):
    """Set entry `slot` of shadow page `sl1mfn`, on behalf of vCPU `v`. Xen: shadow_set_l1e."""
    d.counters[ctr.set_l1e_calls] += 1
    record = new & (P | RW) == P | RW and not is_magic(new) and may_write(d, frame_of(new))
    if record or d.tables[sl1mfn, slot] != new:
        _change_l1e(d, v, sl1mfn, slot, new, record)


@jit
def _change_l1e(d, v, sl1mfn, slot, new, record):
    """Set an entry that changes, or is to be recorded because it maps an out-of-sync page writable."""
    if record and d.config[0].fixup_first:
        fixup_add(d, v, frame_of(new), sl1mfn, slot)  # even for an entry that stays as it is
    old = d.tables[sl1mfn, slot]
    if old == new:
        return
    get_page_from_l1e(d, new)
    if record and not d.config[0].fixup_first:
        # With the array this may take the rights of this very entry, whose old value we hold already.
        fixup_add(d, v, frame_of(new), sl1mfn, slot)
    write_l1e(d, sl1mfn, slot, old, new)


@jit
def refresh_l1e(d, v, sl1mfn, slot, entry, levels):
    """Derive a shadow entry anew from guest entry `entry`, without a demand for it."""
    gfn = frame_of(entry)
    target, kind = p2m(d, gfn)
    set_l1e(d, v, sl1mfn, slot, propagate_l1e(d, v, entry, levels, target, kind, gfn, PREFETCH))

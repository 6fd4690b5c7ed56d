"""The walk of the guest's own tables, which also sets their accessed and dirty bits."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import NX, PFEC_I, PFEC_U, PFEC_W, PSE, RW, US, A, D, P, bytes_of_entry, frame_of, guest_index, set_entry
from . import counters as ctr
from .guest import before_store, guest_entry, is_ram, p2m
from .propagate import supports_superpages
from .state import INVALID


@jit
def _needed(d, v, error):
    """Return the bits that each entry on the way must grant; NX stands for "not NX". Xen: mandatory_flags."""
    vcpu = d.vcpus[v]
    need = P
    if error & PFEC_W and (vcpu.wp or error & PFEC_U):
        need |= RW
    if error & PFEC_U:
        need |= US
    if error & PFEC_I and vcpu.levels > 2 and vcpu.nx:
        need |= NX
    return need


@jit
def _table(d, entry):
    """Return the frame of the table that a guest entry points to, INVALID if it is no RAM."""
    gmfn, kind = p2m(d, frame_of(entry))
    return gmfn if is_ram(kind) else INVALID


@jit
def _read(d, gmfn, index, levels):
    """Return an entry of a guest table: one step of a walk."""
    d.counters[ctr.guest_walk_step] += 1
    return guest_entry(d, gmfn, index, levels)


@jit
def _set_ad_bits(d, gmfn, index, levels, entry, dirty):
    """Set A, and D if `dirty`, in a guest entry. Neither shadow nor snapshot is told. Return the entry."""
    new = entry | A | (D if dirty else 0)
    if new != entry:
        d.counters[ctr.ad_update] += 1
        before_store(d, gmfn, index * bytes_of_entry(levels))
        set_entry(d.memory[gmfn], index, levels, new)
    return new


@jit
def guest_walk_tables(d, v, va, error):
    """Walk the guest's tables for an access to `va` with error-code bits `error`. Xen: guest_walk_tables.

    What was found is left in ``d.walk[0]``. Accessed and dirty bits are set only if the walk succeeds.

    Returns
    -------
    int
        Bits P, RW, US, NX that the access needs and that some level withholds; 0 for success. A walk that
        meets a P of zero ends there.
    """
    d.counters[ctr.shadow_guest_walk] += 1
    vcpu = d.vcpus[v]
    levels = vcpu.levels
    gw = d.walk[0]
    gw.va = va
    gw.version = d.state[0].gtable_dirty_version
    gw.l3mfn = gw.l2mfn = gw.l1mfn = INVALID
    need = _needed(d, v, error)
    missing = 0
    if levels == 4:
        gw.l4e = _read(d, vcpu.guest_root, guest_index(va, 4, 4), 4)
        missing = need & ~(gw.l4e ^ NX)
        if missing & P:
            return missing
        gw.l3mfn = _table(d, gw.l4e)
        if gw.l3mfn == INVALID:
            return missing | P
        gw.l3e = _read(d, gw.l3mfn, guest_index(va, 3, 4), 4)
        missing |= need & ~(gw.l3e ^ NX)
    elif levels == 3:
        gw.l3e = vcpu.gl3e[(va >> 30) & 3]  # as it was at the last CR3 load
        missing = P & ~gw.l3e
    if missing & P:
        return missing
    gw.l2mfn = vcpu.guest_root if levels == 2 else _table(d, gw.l3e)
    if gw.l2mfn == INVALID:
        return missing | P
    index2, index1 = guest_index(va, 2, levels), guest_index(va, 1, levels)
    gw.l2e = _read(d, gw.l2mfn, index2, levels)
    missing |= need & ~(gw.l2e ^ NX)
    if missing & P:
        return missing
    superpage = gw.l2e & PSE != 0 and supports_superpages(d, v, levels)
    if superpage:
        # No guest L1e: one is made up that grants everything. The L2 shadow entry holds the rights.
        gw.l1e = ((frame_of(gw.l2e) & ~1) + index1) << 12 | P | RW | US | A | D
    else:
        gw.l1mfn = _table(d, gw.l2e)
        if gw.l1mfn == INVALID:
            return missing | P
        gw.l1e = _read(d, gw.l1mfn, index1, levels)
        missing |= need & ~(gw.l1e ^ NX)
    if missing:
        return missing
    write = error & PFEC_W != 0
    if levels == 4:
        gw.l4e = _set_ad_bits(d, vcpu.guest_root, guest_index(va, 4, 4), 4, gw.l4e, False)
        gw.l3e = _set_ad_bits(d, gw.l3mfn, guest_index(va, 3, 4), 4, gw.l3e, False)
    gw.l2e = _set_ad_bits(d, gw.l2mfn, index2, levels, gw.l2e, superpage and write)
    if not superpage:
        gw.l1e = _set_ad_bits(d, gw.l1mfn, index1, levels, gw.l1e, write)
    return missing

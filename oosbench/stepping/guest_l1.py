"""A guest L1 table beside its snapshot and its shadow, and where the guest's tables lead an address.

All of it is looked up in the arrays of a machine, and changes nothing there, not even a counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..shadow.snapshot import snapshot_as_page
from ..shadow.state import INVALID, MMIO_DM, Domain
from ..shadow.types import FL1_TYPE, GUEST_LEVELS, IS_L1, L1_TYPE, ORDER, OUT_OF_SYNC
from ..x86 import PSE, RW, P, frame_in, index_in_table

#: Kinds of entry, as numbers: nothing there; not present, but not empty either; present without and with RW; the two
#: magic ones of a shadow.
EMPTY, ABSENT, READ_ONLY, WRITABLE, GNP, MMIO = range(6)


class Place(NamedTuple):
    """Where the guest's tables lead an address.

    Attributes
    ----------
    table, index : int
        Frame of the L1 table that translates it, and the entry there. `table` is INVALID if the walk ends
        earlier, or at a superpage.
    frame : int
        The guest frame that is mapped, INVALID if none is, or no memory.
    superpage : int
        The frame number in the entry of the superpage that it lies in, INVALID if in none.
    """

    table: int = INVALID
    index: int = -1
    frame: int = INVALID
    superpage: int = INVALID


NOWHERE = Place()


def lookup(d: Domain, v: int, va: int) -> Place:
    """Return where the tables of vCPU `v`, as they are in memory, lead an address."""
    vcpu = d.vcpus[v]
    levels, table = int(vcpu.levels), int(vcpu.guest_root)
    for level in range(levels, 0, -1):
        index = index_in_table(va, level, levels)
        entry = int(vcpu.gl3e[index & 3]) if level == levels == 3 else int(_entries(d.memory[table], levels)[index])
        if level == 1:
            return Place(table, index, _frame(d, entry))
        if not entry & P:
            return NOWHERE
        if level == 2 and entry & PSE and (levels != 2 or not vcpu.paged or vcpu.pse):
            first, inside = frame_in(entry), index_in_table(va, 1, levels)
            return Place(INVALID, inside, _ram(d, (first & ~1) + inside), first)
        table = _ram(d, frame_in(entry))
        if table == INVALID:
            return NOWHERE
    raise AssertionError("an L1 entry ends every walk")


def _frame(d: Domain, entry: int) -> int:
    return _ram(d, frame_in(entry)) if entry & P else INVALID


def _ram(d: Domain, frame: int) -> int:
    """Return a frame if it is memory, else INVALID."""
    is_ram = frame < d.config[0].guest_pages and d.frames.p2m_type[frame] != MMIO_DM
    return frame if is_ram else INVALID


def _entries(page: np.ndarray, levels: int) -> np.ndarray:
    """Return a page (int64[512]) as the entries that it holds."""
    return page.view(np.uint32).astype(np.int64) if levels == 2 else page.copy()


@dataclass(frozen=True, eq=False)
class GuestL1:
    """A guest L1 table, its snapshot and its shadow, as they were when this was made.

    There are 512 entries in each, 1024 in a 2-level guest.

    Attributes
    ----------
    gmfn : int
        The guest frame; of a splintered superpage the first one that it maps.
    levels : {2, 3, 4}
    guest, snapshot, shadow : int64[n] or None
        None for what there is not: a superpage has no L1 table, only an out-of-sync table a snapshot.
    out_of_sync : bool
    splintered : bool
        Whether this is the shadow of a superpage.
    vcpu, slot : int
        Who holds it, INVALID if nobody.
    stores : int
        Stores without an exit since it went out of sync.
    """

    gmfn: int
    levels: int
    guest: np.ndarray | None
    snapshot: np.ndarray | None
    shadow: np.ndarray | None
    out_of_sync: bool = False
    splintered: bool = False
    vcpu: int = INVALID
    slot: int = INVALID
    stores: int = 0

    @classmethod
    def of(cls, d: Domain, gmfn: int) -> GuestL1:
        """Return what guest frame `gmfn` holds, read as an L1 table, whether it is shadowed as one or not."""
        frame = d.frames[gmfn]
        kind = next((t for t in map(int, L1_TYPE[2:]) if frame.shadow_flags >> t & 1), 0)
        levels = int(GUEST_LEVELS[kind]) if kind else int(d.config[0].levels)
        out_of_sync = bool(frame.shadow_flags & OUT_OF_SYNC)
        vcpu, slot = next(((v, s) for v, s, held in slots(d) if held == gmfn), (INVALID, INVALID))
        kept = out_of_sync and d.lag[gmfn].snapshot and slot != INVALID
        return cls(
            gmfn=gmfn,
            levels=levels,
            guest=_entries(d.memory[gmfn], levels),
            snapshot=_entries(snapshot_as_page(d, gmfn), levels) if kept else None,
            shadow=_shadow(d, gmfn, kind) if kind else None,
            out_of_sync=out_of_sync,
            vcpu=vcpu,
            slot=slot,
            stores=int(d.lag[gmfn].oos_writes) if out_of_sync else 0,
        )

    @classmethod
    def of_superpage(cls, d: Domain, gfn: int, levels: int) -> GuestL1:
        """Return the splintered superpage whose first frame is `gfn`."""
        return cls(gfn, levels, None, None, _shadow(d, gfn, int(FL1_TYPE[levels])), splintered=True)

    @property
    def entries(self) -> int:
        """How many there are: 1024 in a 2-level guest, else 512."""
        return 1024 if self.levels == 2 else 512

    @property
    def dirty(self) -> np.ndarray:
        """Which entries of the guest differ from the snapshot (bool[n]); none where there is no snapshot."""
        return np.zeros(self.entries, bool) if self.snapshot is None else self.guest != self.snapshot

    @property
    def stale(self) -> np.ndarray:
        """Which dirty entries are present in the shadow (bool[n]): those that a resync will derive anew."""
        return self.dirty if self.shadow is None else self.dirty & (self.shadow & P != 0)


def slots(d: Domain) -> list[tuple[int, int, int]]:
    """Return (vCPU, slot, frame or INVALID) of every slot that there is."""
    return [(v, s, int(d.vcpus.oos[v, s])) for v in range(len(d.vcpus)) for s in range(int(d.vcpus.slots[v]))]


def shadowed_l1(d: Domain) -> list[int]:
    """Return the guest frames that are shadowed as L1 tables, in order."""
    return sorted({int(x) for x in d.shadows.backpointer[: len(d.tables)][IS_L1[d.shadows.type[: len(d.tables)]]]})


def kinds(entries: np.ndarray) -> np.ndarray:
    """Return the kind of each entry (int8[n]), of a guest's L1 or a shadow's."""
    present, magic = entries & P != 0, entries >> 32 == -1
    told = np.where(present, np.where(entries & RW != 0, WRITABLE, READ_ONLY), np.where(entries != 0, ABSENT, EMPTY))
    return np.where(present & magic, np.where(entries == -1, GNP, MMIO), told).astype(np.int8)


def _shadow(d: Domain, number: int, kind: int) -> np.ndarray | None:
    """Return the entries of the shadow of a frame (of an fl1: a gfn), None if there is none."""
    pages = len(d.tables)
    found = np.flatnonzero((d.shadows.backpointer[:pages] == number) & (d.shadows.type[:pages] == kind))
    return d.tables[found[0] : found[0] + (1 << ORDER[kind])].reshape(-1).copy() if len(found) else None

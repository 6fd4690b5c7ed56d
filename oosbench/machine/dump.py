"""The final tables of a machine as text, in the grammar of the conformance dumps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..shadow.snapshot import snapshot_as_page
from ..shadow.state import FIXUP_IN_ARRAY, FIXUP_IN_TABLE, INVALID, SNAPSHOT_OFF, Domain
from ..shadow.types import GNP, GUEST_LEVELS, IS_FL1, L4_64, LEVEL, NAMES, OOS_MAY_WRITE, ORDER, OUT_OF_SYNC
from ..x86 import NX, RW, US, A, D, P, unsigned

_FLAGS = ((P, "P"), (RW, "W"), (US, "U"), (A, "A"), (D, "D"), (NX, "X"))
_FNV_START, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


def dump(d: Domain) -> Iterator[str]:
    """Yield the lines of a dump: shadows, guest tables, leaf entries, slots, snapshots, fixups."""
    guest_pages = int(d.config[0].guest_pages)
    kinds = d.shadows.type
    first_pages = np.flatnonzero((kinds > 0) & (kinds <= L4_64))
    first_pages = [s for s in first_pages.tolist() if s % (1 << ORDER[kinds[s]]) == 0]
    live = sorted((int(d.shadows.backpointer[s]), int(kinds[s]), s) for s in first_pages)
    real = [x for x in live if not IS_FL1[x[1]] and x[0] < guest_pages]
    for gmfn, kind, smfn in real:
        shadow = d.shadows[smfn]
        yield (
            f"SHADOW {gmfn:x} {NAMES[kind]} refs={shadow.references} pinned={shadow.pinned} "
            f"wrcount={d.frames[gmfn].type_count}"
        )
    for gmfn in sorted({x[0] for x in real}):
        yield f"GMEM {gmfn:x} {_fnv(d.memory[gmfn]):016x}"
    for gmfn, kind, smfn in real:
        if LEVEL[kind] == 1:
            flags = d.frames[gmfn].shadow_flags
            oos = (" OOS" if flags & OUT_OF_SYNC else "") + (" MAYWRITE" if flags & OOS_MAY_WRITE else "")
            yield f"L1 {NAMES[kind]} {gmfn:x} refs={d.shadows[smfn].references}{oos}"
            yield from _entries(d, smfn)
    for gfn, kind, smfn in live:
        if IS_FL1[kind]:
            yield f"L1 {NAMES[kind]} {gfn:x} refs={d.shadows[smfn].references}"
            yield from _entries(d, smfn)
    if d.config[0].oos:
        yield from _slots(d)
        yield from _fixups(d)


def _fnv(page: np.ndarray) -> int:
    told = _FNV_START
    for word in page.view(np.uint64).tolist():
        told = (told ^ word) * _FNV_PRIME & (2**64 - 1)
    return told


def _entries(d: Domain, smfn: int) -> Iterator[str]:
    """Yield the entries of an L1 shadow that are not zero."""
    table = d.tables[smfn : smfn + (1 << ORDER[d.shadows[smfn].type])].reshape(-1)
    for index in np.flatnonzero(table).tolist():
        entry = int(table[index])
        if entry == GNP:
            yield f"  {index} GNP"
        elif entry & P and entry >> 32 == -1:
            yield f"  {index} MMIO gfn={(entry >> 4) & 0xFFFFFFF:x} flags={entry & (RW | US):x}"
        else:
            letters = "".join(letter if entry & bit else "-" for bit, letter in _FLAGS)
            yield f"  {index} {(entry >> 12) & (2**40 - 1):x} {letters}"


def _slots(d: Domain) -> Iterator[str]:
    config = d.config[0]
    slots = [(v, k, int(d.vcpus[v].oos[k])) for v in range(len(d.vcpus)) for k in range(d.vcpus[v].slots)]
    for v, k, gmfn in slots:
        hint = "" if config.fixups == FIXUP_IN_ARRAY else f" va={unsigned(d.vcpus[v].oos_va[k]):x}"
        yield f"OOS v{v} slot{k} " + ("-" if gmfn == INVALID else f"gfn={gmfn:x}{hint}")
    if config.snapshot == SNAPSHOT_OFF:
        return
    for v, k, gmfn in slots:
        if gmfn != INVALID:
            differ = snapshot_difference(d, v, k)
            yield f"SNAPDIFF v{v} slot{k}:" + "".join(f" {g}" for g in differ)


def snapshot_difference(d: Domain, v: int, slot: int) -> list[int]:
    """Return the indices at which the page in a slot and its snapshot, if it has one, differ."""
    gmfn = d.vcpus[v].oos[slot]
    kind = next(t for t in range(L4_64 + 1) if d.frames[gmfn].shadow_flags >> t & 1)
    width = np.uint32 if GUEST_LEVELS[kind] == 2 else np.uint64
    if not d.lag[gmfn].snapshot:
        return []
    snapshot = snapshot_as_page(d, gmfn)
    return np.flatnonzero(d.memory[gmfn].view(width) != snapshot.view(width)).tolist()


def _fixups(d: Domain) -> Iterator[str]:
    def holder(fixup: np.record) -> str:
        shadow = d.shadows[fixup.smfn]
        return f"in-shadow-of={shadow.backpointer:x}({NAMES[shadow.type]})"

    for v in range(len(d.vcpus)):
        if d.config[0].fixups == FIXUP_IN_TABLE:
            for i, fixup in enumerate(d.fixups[v]):
                if fixup.gmfn != INVALID:
                    yield f"FIXUP v{v} idx{i} gfn={fixup.gmfn:x} {holder(fixup)} off={fixup.slot}"
        elif d.config[0].fixups == FIXUP_IN_ARRAY:
            for k in range(d.vcpus[v].slots):
                if d.vcpus[v].oos[k] != INVALID:
                    first, behind = (slot * d.config[0].fixups_per_slot for slot in (k, k + 1))
                    pairs = d.fixups[v][first:behind]
                    told = [
                        f"{i}:" + ("-" if f.gmfn == INVALID else f"{holder(f)},off={f.slot}")
                        for i, f in enumerate(pairs)
                    ]
                    yield f"FIXUPS v{v} slot{k} next={d.vcpus[v].fixup_next[k]} " + " ".join(told)

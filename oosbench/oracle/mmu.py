"""vCPUs, the walk of memory as it is, and all the walks that a TLB may remember."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from ..traces.events import P2M_TYPES
from ..x86 import NX, PFEC_I, PFEC_U, PFEC_W, PSE, RW, US, A, D, P
from .memory import Memory, read

ABSENT = -1  # where a walk ends that meets an entry that is not present, or a table that is no RAM
_FRAMES = (1 << 40) - 1  # frame numbers: bits 12 to 51 of an entry
_EVERYTHING = -1
# By levels: how far to shift an address for the index into the table of each level, and the index's bits. The
# topmost level of PAE is not in memory, but in the processor.
_TABLES = {
    2: ((22, 0x3FF), (12, 0x3FF)),
    3: ((21, 0x1FF), (12, 0x1FF)),
    4: ((39, 0x1FF), (30, 0x1FF), (21, 0x1FF), (12, 0x1FF)),
}


@dataclass(slots=True)
class Walk:
    """One walk of the guest's tables.

    Attributes
    ----------
    at : tuple of int
        Byte addresses of the entries it read; empty for a remembered one.
    frame : int
        Guest frame where it ends, or ABSENT.
    granted, any_of : int
        Bits that all its entries have, and that at least one has.
    leaf : int
        The last entry.
    flush : int
        Row of the last flush that covers it.
    """

    at: tuple[int, ...]
    frame: int
    granted: int = _EVERYTHING
    any_of: int = 0
    leaf: int = _EVERYTHING
    flush: float = -inf

    def is_marked(self, access: int) -> bool:
        """Say whether A is set in all its entries, and D in the last one if the access is a store."""
        return bool(self.granted & A) and not (access & PFEC_W and not self.leaf & D)


@dataclass(slots=True)
class Vcpu:
    """What of a processor counts for paging. Times are rows of the trace."""

    paging: bool = False
    cr3: int = 0
    pdpt: list[int] = field(default_factory=list)  # PAE: the four L3 entries, as they were at the last flush
    wp: int = 0
    nx: int = 0
    pse: int = 0
    nx_off_until: float = inf
    flushed: int = -1
    pages: dict[int, int] = field(default_factory=dict)  # page -> its last INVLPG
    superpages: dict[int, int] = field(default_factory=dict)  # the same for the superpage that a page would be in


class Mmu:
    """Walks of the tables of a guest with `levels` levels."""

    def __init__(self, levels: int, vcpus: int, guest_pages: int, memory: Memory) -> None:
        self.memory = memory
        self.vcpus = [Vcpu() for _ in range(vcpus)]
        self.read_only: set[int] = set()  # frames that are not plain RAM
        self.mmio: set[int] = set()
        self._levels = levels
        self._guest_pages = guest_pages
        self._tables = _TABLES[levels]
        self._l2_shift = self._tables[-2][0]
        self._entry_size = 4 if levels == 2 else 8

    # --- what the guest does ----------------------------------------------------------------------------------

    def set_type(self, frame: int, kind: int) -> None:
        """Change the type of a frame."""
        self.read_only.discard(frame)
        self.mmio.discard(frame)
        {"ram": set(), "ro": self.read_only, "mmio": self.mmio}[P2M_TYPES[kind]].add(frame)

    def load_cr3(self, vcpu: Vcpu, value: int) -> None:
        """Load CR3; the first time, turn paging on with all that belongs to it."""
        vcpu.cr3 = value
        if not vcpu.paging:
            vcpu.paging = True
            vcpu.wp = vcpu.pse = 1
            self.set_nx(vcpu, int(self._levels > 2))
        self.flush(vcpu)

    def set_nx(self, vcpu: Vcpu, value: int) -> None:
        """Switch EFER.NX, which flushes nothing."""
        if vcpu.nx != value:
            vcpu.nx = value
            vcpu.nx_off_until = self.memory.now if value else inf

    def flush(self, vcpu: Vcpu) -> None:
        """Forget all translations of a vCPU. PAE reads the L3 entries anew."""
        if not vcpu.paging:
            return
        vcpu.flushed = self.memory.now
        vcpu.pages.clear()
        vcpu.superpages.clear()
        if self._levels == 3:
            vcpu.pdpt = [read(self.memory.word, vcpu.cr3 + 8 * i, 8) for i in range(4)]
        self.memory.forget(min(other.flushed for other in self.vcpus if other.paging))

    def invlpg(self, vcpu: Vcpu, va: int) -> None:
        """Forget the translations of a page, or of the superpage it is in."""
        vcpu.pages[va >> 12] = vcpu.superpages[va >> self._l2_shift] = self.memory.now

    # --- walks ------------------------------------------------------------------------------------------------

    def is_ram(self, frame: int) -> bool:
        """Say whether there is memory behind a frame."""
        return 0 <= frame < self._guest_pages and frame not in self.mmio

    def walk(self, vcpu: Vcpu, va: int) -> Walk:
        """Walk memory as it is."""
        if not vcpu.paging:
            return _unpaged(va)
        table = self._root(vcpu, va)
        at: tuple[int, ...] = ()
        granted, any_of = _EVERYTHING, 0
        for shift, mask in self._tables:
            if table == ABSENT:
                return Walk(at, ABSENT)
            place = table << 12 | ((va >> shift) & mask) * self._entry_size
            entry = self.entry(place)
            at += (place,)
            if not entry & P:
                return Walk(at, ABSENT)
            granted &= entry
            any_of |= entry
            if shift == 12 or (shift == self._l2_shift and self._is_superpage(vcpu, entry)):
                return Walk(at, self._end(entry, shift, va), granted, any_of, entry)
            table = self._below(entry)
        raise AssertionError("an L1 entry ends every walk")

    def remembered(self, vcpu: Vcpu, va: int) -> Iterator[Walk]:
        """Yield every walk that a TLB of the vCPU may hold: each entry from any moment since the last flush."""
        if not vcpu.paging:
            yield _unpaged(va)
            return
        flush = max(vcpu.flushed, vcpu.pages.get(va >> 12, -1))
        superpage_flush = max(vcpu.flushed, vcpu.superpages.get(va >> self._l2_shift, -1))

        def descend(table: int, level: int, granted: int, any_of: int, end: float) -> Iterator[Walk]:
            if table == ABSENT:
                return
            shift, mask = self._tables[level]
            for entry, ended in self._entries(table << 12 | ((va >> shift) & mask) * self._entry_size, flush):
                if not entry & P:
                    continue
                g, a, e = granted & entry, any_of | entry, min(end, ended)
                if shift == self._l2_shift and self._is_superpage(vcpu, entry):
                    if e > superpage_flush:
                        yield Walk((), self._end(entry, shift, va), g, a, entry, superpage_flush)
                elif shift == 12:
                    yield Walk((), self._end(entry, shift, va), g, a, entry, flush)
                else:
                    yield from descend(self._below(entry), level + 1, g, a, e)

        yield from descend(self._root(vcpu, va), 0, _EVERYTHING, 0, inf)

    def entry(self, place: int) -> int:
        """Return the entry at a byte address."""
        word = self.memory.words.get(place >> 3, 0)
        return word if self._entry_size == 8 else (word >> ((place & 4) << 3)) & 0xFFFFFFFF

    def _entries(self, place: int, flush: int) -> list[tuple[int, float]]:
        """Return what the entry at a byte address was since a flush, and until when."""
        values = self.memory.values(place >> 3, flush)
        if self._entry_size == 8:
            return values
        ends: dict[int, float] = {}
        for word, end in values:
            entry = (word >> ((place & 4) << 3)) & 0xFFFFFFFF
            ends[entry] = max(end, ends.get(entry, end))
        return list(ends.items())

    def _root(self, vcpu: Vcpu, va: int) -> int:
        """Return the frame of the topmost table that is in memory."""
        if self._levels != 3:
            return vcpu.cr3 >> 12
        entry = vcpu.pdpt[(va >> 30) & 3]
        return self._below(entry) if entry & P else ABSENT

    def _below(self, entry: int) -> int:
        """Return the frame of the table that an upper entry points to."""
        frame = (entry >> 12) & _FRAMES
        return frame if self.is_ram(frame) else ABSENT

    def _is_superpage(self, vcpu: Vcpu, l2e: int) -> bool:
        return bool(l2e & PSE and (self._levels != 2 or vcpu.pse))

    def _end(self, leaf: int, shift: int, va: int) -> int:
        """Return the frame that a leaf entry maps `va` to."""
        frame = (leaf >> 12) & _FRAMES
        return frame if shift == 12 else ((frame & ~1) + ((va >> 12) & self._tables[-1][1])) & _FRAMES

    # --- rights -----------------------------------------------------------------------------------------------

    def permits(self, vcpu: Vcpu, walk: Walk, access: int) -> bool:
        """Say whether a walk of memory, done now, permits the access."""
        if walk.frame == ABSENT or not _grants(vcpu, walk.granted, access):
            return False
        return not (access & PFEC_I and walk.any_of & NX and vcpu.nx)

    def permitted(self, vcpu: Vcpu, walk: Walk, access: int) -> bool:
        """Say whether a remembered walk permits the access, with NX on or off as it was since the flush."""
        if not _grants(vcpu, walk.granted, access):
            return False
        return not (access & PFEC_I and walk.any_of & NX and vcpu.nx_off_until <= walk.flush)

    def fault_code(self, vcpu: Vcpu, walk: Walk, access: int) -> int:
        """Return the error code of the fault that a walk of memory gives."""
        code = access if vcpu.nx and self._levels > 2 else access & ~PFEC_I
        return code if walk.frame == ABSENT else code | 1


def _unpaged(va: int) -> Walk:
    """Return where an address ends while paging is off: all of 4 GiB are there, with all rights."""
    return Walk((), (va & 0xFFFFFFFF) >> 12)


def _grants(vcpu: Vcpu, granted: int, access: int) -> bool:
    """Say whether the entries grant user access and stores as far as the access needs them."""
    need = 0
    if access & PFEC_U:
        need |= US
    if access & PFEC_W and (access & PFEC_U or vcpu.wp):
        need |= RW
    return granted & need == need

"""The machine's memory beside the oracle's own: what an event did, and what was found wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..x86 import PFEC_I, PFEC_U, PFEC_W, A, D
from .finding import AD, MEMORY, RIGHTS, TRANSLATION, Finding
from .memory import Memory, read
from .mmu import Mmu, Vcpu, Walk

NOWHERE, DROPPED = -1, -2  # where a store went that is in no frame


class Evidence:
    """What there is to judge one event by.

    Attributes
    ----------
    memory : Memory
        The oracle's own.
    mmu : Mmu
        The walks of it.
    found : list of Finding
        What was found wrong with the event.
    """

    def __init__(self, levels: int, vcpus: int, guest_pages: int) -> None:
        self.memory = Memory()
        self.mmu = Mmu(levels, vcpus, guest_pages, self.memory)
        self.found: list[Finding] = []
        self._event = (0, 0, 0)
        self._viewed: np.ndarray | None = None
        self._machine = memoryview(b"").cast("Q")

    def begin(self, row: int, line: int, v: int, memory: np.ndarray) -> None:
        """Turn to the next event, after which the machine's memory is `memory`."""
        self._event = (line, row, v)
        self.memory.now = row
        self.found = []
        if memory is not self._viewed:
            self._viewed = memory
            self._machine = memoryview(memory).cast("B").cast("Q")

    # --- memory -------------------------------------------------------------------------------------------------

    def walk(self, vcpu: Vcpu, va: int, access: int, start: int = 0, stored: int = 0, anywhere: bool = False) -> Walk:
        """Walk memory as it is, and take over the A and D bits that this walk may have set.

        The event's stores cover `stored` bytes from the guest-physical address `start` on; or, if it is not known
        what frame they went to, from the same offset in any.
        """
        offset = 4095 if anywhere else -1
        walk = self.mmu.walk(vcpu, va)
        if walk.is_marked(access) or not self.mmu.permits(vcpu, walk, access):
            return walk
        for place in walk.at:
            number, shift = place >> 3, (place & 4) << 3
            wanted = A | D if access & PFEC_W and place == walk.at[-1] else A
            word = self.memory.word(number)
            marked = word | wanted << shift
            self.memory.set_word(number, word | (self._machine[number] & marked))
            if 0 <= (place - start) & offset < stored:
                # The store went over this very entry, or may have: whether it was marked before cannot be seen.
                self.memory.was(number, marked)
        return self.mmu.walk(vcpu, va)

    def compare(self, va: int, places: tuple[int, ...]) -> None:
        """Report words, of those that an event may have touched, that are not as they should be."""
        words = self.memory.words
        for place in places:
            number = place >> 3
            held, own = self._machine[number], words.get(number, 0)
            if held != own:
                self.report(va, MEMORY, f"{number << 3:#x} holds {held:#x}, not {own:#x}")
                self.memory.set_word(number, held)

    def changed(self, place: int, width: int) -> bool:
        """Say whether the machine's memory differs from the oracle's own in some bytes."""
        return read(self._machine.__getitem__, place, width) != read(self.memory.word, place, width)

    def landed(self, vcpu: Vcpu, va: int, access: int, width: int, value: int, later: int) -> int:
        """Return where a store went that left no place: to where the value is now, and was not before.

        The walk of another store may have set the bits `later` in it meanwhile.
        """
        return self._holder(self._landings(vcpu, va, access), width, value, later)

    def find_store(self, vcpu: Vcpu, va: int, access: int, width: int, value: int, later: int) -> int:
        """Return where a store went, and report if no legal walk explains that."""
        place = self.landed(vcpu, va, access, width, value, later)
        if place == NOWHERE:
            legal = [at for at in self._landings(vcpu, va, access) if self.mmu.is_ram(at >> 12)]
            if legal:
                wanted = value & (1 << 8 * width) - 1
                self.report(va, MEMORY, f"{legal[0]:#x} does not hold the {wanted:#x} that was stored")
                self._adopt(legal[0], width)
                return NOWHERE
            self.search(vcpu, va, access, self.mmu.is_ram, "was emulated")
            illegal = (frame << 12 | (va & 4095) for frame in self.ends(vcpu, va))
            place = self._holder(illegal, width, value, later)
        return place

    def _adopt(self, place: int, width: int) -> None:
        """Take over what the machine has, after a finding."""
        for number in (place >> 3, (place + width - 1) >> 3):
            self.memory.set_word(number, self._machine[number])

    def _holder(self, places: Iterator[int], width: int, value: int, later: int) -> int:
        """Return the one of some places that took a store: it changed, or at least it holds the value."""
        best = NOWHERE
        value &= (1 << 8 * width) - 1
        for place in places:
            if not self.mmu.is_ram(place >> 12):
                continue
            held = read(self._machine.__getitem__, place, width)
            if held & ~later == value & ~later:
                if self.changed(place, width):
                    return place
                if best < 0:
                    best = place
            elif place >> 12 in self.mmu.read_only and best == NOWHERE:
                best = DROPPED
        return best

    # --- what is legal --------------------------------------------------------------------------------------------

    def hits(self, vcpu: Vcpu, access: int, walk: Walk) -> bool:
        """Say whether a walk of memory, done now, lets the access through, with all bits set that it sets."""
        return walk.is_marked(access) and self.mmu.permits(vcpu, walk, access)

    def _landings(self, vcpu: Vcpu, va: int, access: int) -> Iterator[int]:
        """Yield the places where a legal TLB may let an access go, the one by memory as it is first."""
        for walk in self.mmu.remembered(vcpu, va):
            if walk.is_marked(access) and self.mmu.permitted(vcpu, walk, access):
                yield walk.frame << 12 | (va & 4095)

    def ends(self, vcpu: Vcpu, va: int) -> list[int]:
        """Return the frames where a walk that a TLB may remember ends, whatever its rights."""
        return sorted({walk.frame for walk in self.mmu.remembered(vcpu, va)})

    def search(self, vcpu: Vcpu, va: int, access: int, is_end: Callable[[int], bool], told: str) -> None:
        """Report unless a TLB may remember a walk that permits the access and ends where it should."""
        kind = TRANSLATION
        for walk in self.mmu.remembered(vcpu, va):
            if not is_end(walk.frame):
                continue
            if not self.mmu.permitted(vcpu, walk, access):
                kind = RIGHTS if kind == TRANSLATION else kind
            elif not walk.is_marked(access):
                kind = AD
            else:
                return
        self.report_ends(vcpu, va, kind, f"{name(access)} {told}")

    # --- findings -------------------------------------------------------------------------------------------------

    def report(self, va: int | None, kind: str, message: str) -> None:
        """Report something about the event."""
        line, row, v = self._event
        self.found.append(Finding(line, row, None if va is None else v, va, kind, message))

    def report_ends(self, vcpu: Vcpu, va: int, kind: str, message: str) -> None:
        """Report, with where the access could have ended."""
        legal = " or ".join(f"{frame << 12:#x}" for frame in self.ends(vcpu, va)) or "nothing"
        self.report(va, kind, f"{message}; since its flush memory mapped the page to {legal}")


def name(access: int) -> str:
    """Return what an access is called."""
    what = "store" if access & PFEC_W else "fetch" if access & PFEC_I else "read"
    return f"a {'user' if access & PFEC_U else 'supervisor'} {what}"

"""A small guest before it is text, and the text that a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from oosbench.x86 import PSE, RW, US, A, D, P, entry_size, unsigned

FRAMES = 64
KERNEL, USER_WINDOW = P | RW | A | D, P | RW | US | A | D

# Frames and what they are for. In PAE guests a root is 32 bytes of its frame.
ROOTS = (1, 2, 3, 4)
KERNEL_L3, KERNEL_L2, KERNEL_L1, USER_WINDOW_L1 = 5, 6, 7, 8
L3S, L2S = (9, 10), (11, 12, 13, 14)
L1S = (15, 16, 18, 21)  # three of them, 15, 18 and 21, have the same home among three slots
DATA = (30, 31, 32, 33)
NO_RAM = 0xFEE00
TABLES = (*L3S, *L2S, *L1S)


class Geometry(NamedTuple):
    """Where things are in a mode: entries of a table, shift of an L2 entry, the windows."""

    entries: int
    shift: int
    large: int  # all memory by one large page
    small: int  # all memory by small pages
    user: int  # the leaf tables, for the user
    self_map: int  # the tables of the user half, through themselves


GEOMETRY = {
    2: Geometry(1024, 22, 0x40000000, 0x40400000, 0x40800000, 0xC0000000),
    3: Geometry(512, 21, 0x40000000, 0x40200000, 0x40400000, 0xC0000000),
    4: Geometry(512, 21, 0x8000000000, 0x8000200000, 0x8000400000, 0x10000000000),
}
INDICES = (0, 1, 31, 32, 33, 511)


@dataclass(frozen=True)
class Guest:
    """A guest before it is text.

    Attributes
    ----------
    levels, vcpus, spaces : int
    careful : bool
        Whether all vCPUs flush between a change of a table and the next use of memory.
    late : frozenset of int
        vCPUs that start with paging off.
    base : int
        Where the leaf tables map, in entries of a 2-level root: at 0, or beyond 1 GiB. Other guests have 0.
    steps : list of tuple
        What it does; see `steps`.
    """

    levels: int
    vcpus: int
    spaces: int
    careful: bool
    late: frozenset[int]
    base: int
    steps: list[tuple]

    def text(self) -> str:
        """Return the trace of the guest."""
        return "\n".join([f"MODE {self.levels} {self.vcpus} {FRAMES} 0", *self._tables(), *Story(self).lines()]) + "\n"

    # --- the tables it starts with ---------------------------------------------------------------------------

    def root(self, space: int) -> int:
        """Return the guest-physical address of a root."""
        return ROOTS[space] << 12 | (32 * space if self.levels == 3 else 0)

    def _tables(self):
        size = entry_size(self.levels)

        def poke(frame: int, index: int, entry: int) -> str:
            return f"POKE {(frame << 12) + index * size:#x} {unsigned(entry):#x}"

        def leads_to(frame: int, bits: int = USER_WINDOW) -> int:
            return frame << 12 | bits

        large = KERNEL | PSE
        for space in range(self.spaces):
            root, base = ROOTS[space], self.root(space) // size % self._entries
            if self.levels == 2:
                for i in range(4):
                    yield poke(root, self.base + i, leads_to(L1S[(i + space) % 4]))
                yield poke(root, 256, large)
                yield poke(root, 257, leads_to(KERNEL_L1, KERNEL))
                yield poke(root, 258, leads_to(USER_WINDOW_L1))
                yield poke(root, 768, leads_to(root, KERNEL))
            elif self.levels == 3:
                l2 = L2S[space]
                yield poke(root, base, leads_to(l2, P))
                yield poke(root, base + 1, leads_to(KERNEL_L2, P))
                yield poke(root, base + 3, leads_to(L3S[0], P))
                for i in range(4):
                    yield poke(l2, i, leads_to(L1S[(i + space) % 4]))
            else:
                l3 = L3S[space % 2]
                yield poke(root, 0, leads_to(l3))
                yield poke(root, 1, leads_to(KERNEL_L3))
                yield poke(root, 2, leads_to(root, KERNEL))
        if self.levels == 3:
            # The L2 tables of space 0, and this one, seen through the fourth.
            yield poke(L3S[0], 0, leads_to(L2S[0], KERNEL))
            yield poke(L3S[0], 1, leads_to(KERNEL_L2, KERNEL))
            yield poke(L3S[0], 3, leads_to(L3S[0], KERNEL))
        if self.levels == 4:
            yield poke(KERNEL_L3, 0, leads_to(KERNEL_L2))
            for i, l3 in enumerate(L3S):
                yield poke(l3, 0, leads_to(L2S[i]))
                for k in range(4):
                    yield poke(L2S[i], k, leads_to(L1S[(i + k) % 4]))
        if self.levels > 2:
            yield poke(KERNEL_L2, 0, large)
            yield poke(KERNEL_L2, 1, leads_to(KERNEL_L1, KERNEL))
            yield poke(KERNEL_L2, 2, leads_to(USER_WINDOW_L1))
        for frame in range(1, FRAMES):
            yield poke(KERNEL_L1, frame, leads_to(frame, KERNEL))
        for frame in L1S:
            yield poke(USER_WINDOW_L1, frame, leads_to(frame))
        for i, frame in enumerate(L1S):
            for index in (0, 1, 31, 32):
                yield poke(frame, index, leads_to(DATA[(i + index) % 4]))

    @property
    def _entries(self) -> int:
        return GEOMETRY[self.levels].entries


class Story:
    """The events of a guest, written one step after the other."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.levels = guest.levels
        self.g = GEOMETRY[guest.levels]
        self.size = entry_size(guest.levels)
        self.space = {v: v % guest.spaces for v in range(guest.vcpus)}
        self.paged: set[int] = set()
        self.unflushed = False

    def lines(self):
        """Yield the lines."""
        for v in range(self.guest.vcpus):
            if v not in self.guest.late:
                yield from self._cr3(v, self.space[v])
        for what, v, *rest in self.guest.steps:
            yield from getattr(self, f"_{what}")(v % self.guest.vcpus, *rest)

    def _cr3(self, v, space):
        self.paged.add(v)
        self.space[v] = space % self.guest.spaces
        yield f"CR3 {v} {self.guest.root(self.space[v]):#x}"

    def _user_va(self, table: int, index: int) -> int:
        return (self.guest.base + table) << self.g.shift | index % self.g.entries << 12

    def _access(self, v, table, index, offset, kind, user):
        if self.guest.careful and self.unflushed:
            for w in sorted(self.paged):
                yield from self._cr3(w, self.space[w])
            self.unflushed = False
        va = (self._user_va(table, index) if v in self.paged else DATA[table % 4] << 12) + offset
        who = "u" if user and v in self.paged else "s"
        if kind == "w" and who == "s" and (self.guest.careful or index & 1):
            # It may hit a table.
            self.unflushed = True
            yield f"WRITE {v} {va:#x} 0x0 {1 if offset % 8 else 4}"
        else:
            yield f"ACCESS {v} {va:#x} {kind} {who}"

    def _store(self, v, window, frame, index, entry, how):
        """Store an entry of a table through one of the windows."""
        self.unflushed = True
        index = index % self.g.entries
        if frame in L3S and self.levels == 3:
            frame = L2S[frame % 2]
        if window == "user" and frame not in L1S:
            window = "small"
        if window == "self":
            # The entries of the current space's user half, wherever its tables are.
            va = self.g.self_map + self.size * ((self.guest.base + frame % 2) * self.g.entries + index)
        else:
            va = getattr(self.g, window) + (frame << 12) + index * self.size
        if v not in self.paged:
            va = (frame << 12) + index * self.size
        user = window == "user" and v in self.paged
        value = unsigned(entry) & (1 << 8 * self.size) - 1
        if how == "halves" and self.size == 8 and not user:
            yield f"WRITEHL {v} {va:#x} {value:#x}"
        elif how in (1, 2, 4) and how < self.size:
            yield f"WRITE {v} {va:#x} {value & (1 << 8 * how) - 1:#x} {how} {'u' if user else 's'}"
        elif user:
            yield f"WRITE {v} {va:#x} {value:#x} {self.size} u"
        else:
            yield f"WRITE {v} {va:#x} {value:#x}"

    def _first_table(self, v, table: int) -> int:
        """Return the frame of a leaf table that the space of `v` may have started with."""
        return L1S[(table + self.space[v] % (2 if self.levels == 4 else 4)) % 4]

    def _edit(self, v, table, index, entry):
        """Use an address, then change its entry in the table that the guest started with there."""
        yield from self._access(v, table, index, 0, "r", False)
        yield from self._store(v, "small", self._first_table(v, table), index, entry, "whole")

    def _sweep(self, v, index, entry):
        """Change an entry of every leaf table: more of them than there are slots."""
        for table in range(4):
            yield from self._access(v, table, index, 0, "r", False)
        for table in range(4):
            yield from self._store(v, "small", self._first_table(v, table), index, entry, "whole")

    def _clear(self, v, frame):
        """Clear the start of a table, as a kernel does before it uses the frame for something else."""
        for index in range(3):
            yield from self._store(v, "small", frame, index, 0, "whole")

    def _promote(self, v, table, other):
        """Change a leaf table, then make it an upper one (in a 64-bit guest), and use it as such."""
        yield from self._edit(v, table, 0, L1S[other] << 12 | KERNEL)
        if self.levels == 4:
            for l3 in L3S:
                leaf = self._first_table(v, table) << 12 | USER_WINDOW
                yield from self._store(v, "small", l3, 0, leaf, "whole")
            yield from self._access(v, 0, 0, 0, "r", False)

    def _invlpg(self, v, table, index):
        yield f"INVLPG {v} {self._user_va(table, index):#x}"

    def _switch(self, v, which, on):
        yield f"{which} {v} {on}"

    def _blow(self, v):
        yield "BLOW"

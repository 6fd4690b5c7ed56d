"""The self-check of a recording: is it consistent, and do its tables explain its page faults?

A recorder that misses a store leaves traces: an upper-level entry leads to a page that was never told to be a table, a
bit that hardware set sits in an entry that should be another, and above all a page fault happens where the tables
say that there is none, or says to be of another kind. The check replays the recording through a plain page walker
and looks for all of these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..x86 import NX, PFEC_I, PFEC_U, PFEC_W, PSE, RW, US, A, D, P, frame_in, index_in_table
from . import Recording
from . import convert as rules

_CHUNK = 1 << 16
_RUN = (rules.ROW_ROOT, rules.ROW_LINK, rules.ROW_INIT)  # new tables: they follow what makes them reachable
_ENTRY = (rules.ROW_WRITE, rules.ROW_INIT, rules.ROW_ADUPD)


@dataclass(frozen=True)
class Checked:
    """What the check of a recording found.

    Attributes
    ----------
    stores, tables, faults : int
        Recorded stores to page tables, page-table pages, page faults.
    unexplained : int
        Faults that the tables do not explain: present or not, and the access allowed.
    inconsistent : int
        Rows that contradict those before: stores that must have been missed.
    first : str
        The first thing wrong.
    """

    stores: int
    tables: int
    faults: int
    unexplained: int
    inconsistent: int
    first: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return self.unexplained == 0 and self.inconsistent == 0

    def __str__(self) -> str:
        told = (
            f"{self.faults - self.unexplained:,} of {self.faults:,} page faults explained by the tables, "
            f"{self.inconsistent:,} inconsistencies in {self.stores:,} stores to {self.tables:,} page-table pages"
        )
        return f"{told}; first: {self.first}" if self.first else told


def check(recording: Recording, progress: Callable[[str, int, int], None] | None = None) -> Checked:
    """Replay a recording through a plain page walker.

    Parameters
    ----------
    recording : Recording
    progress : callable, optional
        Called now and then with the name, the rows done and the rows there are.

    Returns
    -------
    Checked
    """
    return _Replay(recording).run(progress)


class _Replay:
    """The guest's page tables while a recording is replayed."""

    def __init__(self, recording: Recording) -> None:
        self._name, self._ram = recording.name, recording.ram_pages
        self._rows = rows = recording.rows
        self._values = recording.values
        self._pfn, self._levels = rows["page_pfn"].tolist(), rows["page_lvl"].tolist()
        self._entries: dict[int, dict[int, int]] = {}  # of each frame that is or was a table
        self._live: dict[int, int] = {}  # frame -> number of the page-table page it is
        self._due: list[tuple[int, int]] = []  # (frame, level) that entries lead to: to be told at once
        self._roots: dict[int, int] = {}  # of each vCPU, the frame of the root in force
        self._wrong = {"unexplained": 0, "inconsistent": 0}
        self._first = ""
        self._row = 0

    def run(self, progress: Callable[[str, int, int], None] | None) -> Checked:
        rows = self._rows
        columns = [rows[name].tolist() for name in ("ev", "page", "lvl", "idx", "va", "vcpu")] + [self._values.tolist()]
        total = len(columns[0])
        for row, (kind, page, level, index, va, vcpu, value) in enumerate(zip(*columns, strict=True)):
            self._row = row
            if progress is not None and row % _CHUNK == 0:
                progress(self._name, row, total)
            if self._due and kind not in _RUN:
                self._settle()
            if kind in _ENTRY:
                self._entry(kind, page, level, index, value)
            elif kind == rules.ROW_LINK:
                self._live[self._pfn[page]] = page
                self._entries[self._pfn[page]] = {}
            elif kind == rules.ROW_UNLINK:
                if page < len(self._pfn) and self._live.get(self._pfn[page]) == page:
                    del self._live[self._pfn[page]]
            elif kind == rules.ROW_CR3:
                self._roots[vcpu] = self._pfn[page]
                self._due.append((self._pfn[page], 4))
            elif kind == rules.ROW_PF:
                self._fault(vcpu, va & (2**64 - 1), level)
        self._settle()
        kinds = rows["ev"]
        faults, stores = (int(np.count_nonzero(kinds == kind)) for kind in (rules.ROW_PF, rules.ROW_WRITE))
        return Checked(stores, len(self._pfn), faults, **self._wrong, first=self._first)

    def _blame(self, what: str, why: str) -> None:
        self._wrong[what] += 1
        self._first = self._first or f"row {self._row}: {why}"

    def _settle(self) -> None:
        """Whatever entries lead to must be tables by now."""
        for frame, level in self._due:
            page = self._live.get(frame)
            if page is None or self._levels[page] != level:
                self._blame("inconsistent", f"an entry leads to frame {frame:#x}, of which no L{level} table is told")
        self._due.clear()

    def _entry(self, kind: int, page: int, level: int, index: int, value: int) -> None:
        frame = self._pfn[page] if page < len(self._pfn) else -1
        if self._live.get(frame) != page or (kind == rules.ROW_WRITE and self._levels[page] != level):
            self._blame("inconsistent", f"page {page} is no L{level} table now")
            return
        entries = self._entries[frame]
        if kind == rules.ROW_ADUPD and (entries.get(index, 0) ^ value) & ~(A | D):
            self._blame("inconsistent", f"entry {index} of page {page} has changed in more than its A and D bits")
        entries[index] = value
        level = self._levels[page]
        if level > 1 and value & P and not (value & PSE and level < 4) and frame_in(value) < self._ram:
            self._due.append((frame_in(value), level - 1))

    def _fault(self, vcpu: int, va: int, code: int) -> None:
        rights = self._walk(self._roots.get(vcpu, -1), va)
        if rights is None:
            self._blame("unexplained", f"fault at {va:#x}: the walk leaves what is known")
            return
        present = rights != 0
        denied = (
            (code & PFEC_W and not rights & RW)
            or (code & PFEC_U and not rights & US)
            or (code & PFEC_I and rights & NX)
        )
        if present != bool(code & P) or (present and not denied):
            held = "present" if present else "not present"
            self._blame("unexplained", f"fault at {va:#x} with error code {code:#x}, where the page is {held}")

    def _walk(self, root: int, va: int) -> int | None:
        """Return P, RW, US and NX (any of) of a translation; 0 if there is none, None if it cannot be known."""
        frame, rights = root, P | RW | US
        for level in (4, 3, 2, 1):
            page = self._live.get(frame)
            if page is None or self._levels[page] != level:
                return None
            value = self._entries[frame].get(index_in_table(va, level, 4), 0)
            if not value & P:
                return 0
            rights = (rights & value & (P | RW | US)) | ((rights | value) & NX)
            if level == 1 or (level < 4 and value & PSE):
                return rights
            frame = frame_in(value)
        return rights

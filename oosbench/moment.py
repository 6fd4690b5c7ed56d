"""`Moment`: what one event did to a machine."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .events import ACCESS, WRITE, WRITEHL
from .guest_l1 import NOWHERE, GuestL1, Place, slots
from .shadow.state import INVALID, Domain
from .x86 import PFEC_W, entry_size


@dataclass(frozen=True)
class Held:
    """A page in a slot of a vCPU."""

    gmfn: int
    vcpu: int
    slot: int

    @classmethod
    def by(cls, d: Domain) -> set[Held]:
        """Return all that are held."""
        return {cls(gmfn, v, slot) for v, slot, gmfn in slots(d) if gmfn != INVALID}


@dataclass(frozen=True, eq=False)
class Moment:
    """What one event did.

    Attributes
    ----------
    number : int
        Of the event, from 1; 0 is the moment before the first.
    event : EVENT or None
    text : str
        The event as a line of a trace.
    outcome : str
        "OK", "FAULT", "EMUL", "MMIO", "STUCK", "DEAD", or "" for what is no access.
    error : int
        The error code, if the outcome is a fault.
    moved : dict of str to int
        By how much each counter moved, those that did.
    passes : RESYNC[...]
        The content passes that it made.
    at : Place
        Where the guest's own tables led its address, before it.
    levels : int
        Paging levels of its vCPU, afterwards.
    flags : int
        ``shadow_flags`` of the frame it went to, before it, with the types it was shadowed as on the way.
    target : GuestL1 or None
        That frame afterwards, if it is or was shadowed as an L1.
    paged : bool
        Whether its vCPU had paging on, before it.
    entered, left : list of Held
        Pages that were put in a slot, or moved to it, and those no longer there.
    pokes : int
        Words stored behind the machine's back just before.
    crash : str
        What the original would have died of, if it would.
    """

    number: int
    event: np.record | None = None
    text: str = ""
    outcome: str = ""
    error: int = 0
    moved: dict[str, int] = field(default_factory=dict)
    passes: np.recarray | None = None
    at: Place = NOWHERE
    levels: int = 0
    flags: int = 0
    target: GuestL1 | None = None
    paged: bool = False
    entered: list[Held] = field(default_factory=list)
    left: list[Held] = field(default_factory=list)
    pokes: int = 0
    crash: str = ""

    @property
    def written(self) -> int:
        """Frame of the L1 table that it stored to, or tried to; INVALID if it stored to none."""
        if self.event is None or self.target is None:
            return INVALID
        stores = self.event.op in (WRITE, WRITEHL) or (self.event.op == ACCESS and self.event.access & PFEC_W)
        return self.target.gmfn if stores else INVALID

    @property
    def written_index(self) -> int:
        """The entry of that table that it stored to."""
        return (int(self.event.address) & 4095) // entry_size(self.target.levels)

    @property
    def table(self) -> tuple[int, int]:
        """Frame of the L1 table that it is about, and the entry in it; INVALID and -1 if there is none."""
        if self.written != INVALID:
            return self.written, self.written_index
        if self.at.table != INVALID:
            return self.at.table, self.at.index
        if self.passes is not None and len(self.passes):
            return int(self.passes.gmfn[np.argmax(self.passes.dirty)]), -1
        return (self.left[0].gmfn if self.left else INVALID), -1

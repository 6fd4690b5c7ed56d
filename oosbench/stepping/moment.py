"""`Moment`: what one event did to a machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..machine import Machine
from ..shadow import counters as ctr
from ..shadow.crash import Crash
from ..shadow.replay import OUTCOMES
from ..shadow.state import INVALID, Domain
from ..shadow.types import OUT_OF_SYNC, SHF_L1_ANY, SHF_TYPES
from ..traces.events import ACCESS, INVLPG, WRITE, WRITEHL
from ..traces.text import spell_events
from ..x86 import PFEC_W, entry_size
from .guest_l1 import NOWHERE, GuestL1, Place, lookup, slots


class Held(NamedTuple):
    """A page in a slot of a vCPU."""

    vcpu: int
    slot: int
    gmfn: int

    @classmethod
    def by(cls, d: Domain) -> set[Held]:
        """Return all that are held."""
        return {cls(*held) for held in slots(d) if held[2] != INVALID}


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
    place : int
        The guest-physical address, if the outcome is OK; the error code, if it is a fault.
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
    stale : bool
        Whether the table that translates its address is out of sync, and the entry there differs from the snapshot.
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
    place: int = 0
    moved: dict[str, int] = field(default_factory=dict)
    passes: np.recarray | None = None
    at: Place = NOWHERE
    levels: int = 0
    flags: int = 0
    target: GuestL1 | None = None
    stale: bool = False
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


def observe(machine: Machine, row: int, number: int, pokes: int) -> Moment:
    """Let a machine do the event that comes next, and return what it did.

    Parameters
    ----------
    machine : Machine
    row : int
        The row of the event, where the machine is.
    number, pokes : int
        For the moment.
    """
    event, domain = machine.trace.events[row], machine.domain
    vcpu = domain.vcpus[event.vcpu]
    has_address = event.op in (ACCESS, WRITE, WRITEHL, INVLPG)
    at = lookup(domain, int(event.vcpu), int(event.address)) if has_address else NOWHERE
    flags, paged = _flags(domain, at.frame), bool(vcpu.paged)
    counters, held, logged = domain.counters.copy(), Held.by(domain), int(domain.state[0].resyncs)
    crash = ""
    try:
        machine.advance(row + 1)
    except Crash as died:
        crash = str(died)
    moved = domain.counters - counters
    if domain.state[0].resyncs < logged:
        logged = 0  # the log was full, and emptied just before
    flags |= _flags(domain, at.frame) & SHF_TYPES
    outcome = OUTCOMES[machine.outcomes.outcome[row]]
    now = Held.by(domain)
    return Moment(
        number=number,
        event=event,
        text=spell_events(machine.trace.events[row : row + 1])[int(event.line)],
        outcome=outcome,
        place=int(machine.outcomes.place[row]),
        moved={ctr.NAMES[i]: int(moved[i]) for i in np.flatnonzero(moved)},
        passes=np.array(domain.resyncs[logged : domain.state[0].resyncs]).view(np.recarray),
        at=at,
        levels=int(vcpu.levels),
        flags=flags,
        target=GuestL1.of(domain, at.frame) if flags & SHF_L1_ANY else None,
        stale=_is_stale(domain, at),
        paged=paged,
        entered=sorted(now - held),
        left=sorted(held - now),
        pokes=pokes,
        crash=crash,
    )


def _flags(d: Domain, frame: int) -> int:
    """Return the ``shadow_flags`` of a frame, 0 if it is INVALID."""
    return int(d.frames.shadow_flags[frame]) if frame != INVALID else 0


def _is_stale(d: Domain, at: Place) -> bool:
    """Say whether the entry at a place differs from a snapshot of its table."""
    return bool(_flags(d, at.table) & OUT_OF_SYNC) and bool(GuestL1.of(d, at.table).dirty[at.index])

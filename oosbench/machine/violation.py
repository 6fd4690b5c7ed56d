"""`Violation`: an invariant that does not hold, told in words."""

from __future__ import annotations

from dataclasses import dataclass

from ..shadow.auditor import Auditor
from ..x86 import unsigned

# By invariant and what is wrong with it. Numbers that are entries or flags are shown in hexadecimal.
_TOLD = {
    (0, 0): "{found} hardware walks faulted, and {expected} faults were handled",
    (0, 1): "{found} faults ended, of {expected}",
    (0, 2): "{found} snapshots were copied, for {expected} unsyncs",
    (0, 3): "{found} entries were propagated at resync, it must be {expected}",
    (1, 0): "entry {index} of its shadow is {found:#x}, more than the {expected:#x} that its guest entry allows",
    (2, 0): "it is in sync, and mapped writable {found} times",
    (3, 0): "may-write is {found}, out-of-sync is {expected}",
    (3, 1): "it is out of sync with shadows of types {found:#x}; one, as an L1, is right",
    (3, 2): "it is out of sync, and its shadow of type {expected} is not in the hash",
    (4, 0): "it is out of sync, and {found} slots hold it; one is right",
    (4, 1): "it is in slot {found}; its home is {expected}",
    (4, 2): "slot {index} holds it, and it is not out of sync (flags {found:#x})",
    (5, 0): "there are {found} snapshot pages, it must be {expected}",
    (5, 1): "the snapshot page of slot {index} has type {found}, not {expected}, or is referred to",
    (5, 2): "the snapshot page of slot {index} is one of vCPU {found} as well",
    (6, 0): "its type count is {found}; {expected} entries map it writable",
    (6, 1): "it has {found} references; entries, shadows and roots make {expected}",
    (6, 2): "its shadow counts {found} present entries, it has {expected}",
    (7, 0): "its shadow has {found} references; upper entries, pin and roots make {expected}",
    (7, 1): "its shadow remembers an upper entry, {found:#x}, that does not point to it",
    (8, 0): "its shadow is in chain {found} of the hash, it must be {expected}",
    (8, 1): "it has a shadow of a type that its flags, {found:#x}, do not have ({expected:#x})",
    (8, 2): "{found} shadows are in the hash, {expected} are alive",
    (8, 3): "frames say that they have {found} shadows, there are {expected}",
    (9, 0): "a page in a free chunk has type {found}",
    (9, 1): "the list of order {index} says that it has {found} chunks, it has {expected}",
    (9, 2): "{found} pages are free or in use, of {expected}",
    (9, 3): "{found} pages are counted as in use, {expected} are",
    (10, 0): "fixup {index} remembers it, and the table is said to be empty",
    (10, 1): "entry {index} maps it writable ({found:#x}), and no fixup of its slot, {expected}, knows",
    (11, 0): "pages may go out of sync, with {found} of {expected} vCPUs paged",
    (11, 1): "it is out of sync, which no page may be",
    (
        12,
        0,
    ): "after the CR3 load entry {index} is {found:#x}, more than the {expected:#x} that the guest's table allows",
    (12, 1): "after the CR3 load slot {index} still holds it",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold.

    Attributes
    ----------
    invariant : int
        Its number; 0 for a check sum of the counters.
    message : str
        What was found, and what is right.
    vcpu, gmfn, smfn, index : int
        Where: vCPU, guest frame, page of the pool, entry or slot; -1 where that means nothing.
    found, expected : int
        What was found, and what is right.
    """

    invariant: int
    message: str
    vcpu: int
    gmfn: int
    smfn: int
    index: int
    found: int
    expected: int

    def __str__(self) -> str:
        where = [("vCPU", self.vcpu, "d"), ("frame", self.gmfn, "#x"), ("pool page", self.smfn, "#x")]
        told = ", ".join(f"{what} {number:{style}}" for what, number, style in where if number >= 0)
        return f"I{self.invariant}{', ' if told else ''}{told}: {self.message}"


def violations(auditor: Auditor) -> list[Violation]:
    """Return what an auditor has taken down."""
    found = []
    for record in auditor.violations[: min(int(auditor.count[0]), len(auditor.violations))]:
        numbers = {name: int(record[name]) for name in auditor.violations.dtype.names}
        shown = numbers | {
            side: unsigned(numbers[side]) if numbers[side] < -1 else numbers[side] for side in ("found", "expected")
        }
        message = _TOLD[numbers["invariant"], numbers.pop("what")].format(**shown)
        found.append(Violation(message=message, **numbers))
    return found

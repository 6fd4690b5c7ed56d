"""Primitive events: what a shadow MMU does that costs time, and how often a machine did it.

The road from counters to money: `tally` makes of a `Result` a `Tally`, the events by name; `oosbench.costs` has their
prices. A rival that is no `Machine` gives a `Tally` of its own. Events and names are those of spec section 7.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from ..errors import CostError
from ..machine import Result
from ..traces import Trace

CATEGORIES = (
    "exits",
    "walks",
    "emulation",
    "snapshot copy",
    "compare",
    "propagate",
    "references",
    "write revocation",
    "flushes",
    "IPIs",
    "tables",
    "locks",
)


class Event(NamedTuple):
    """A kind of primitive event.

    Attributes
    ----------
    category : str
        One of `CATEGORIES`.
    about : str
    count : callable or None
        From the counters of a machine and its number of vCPUs to how often it happened; None for what only rivals do.
    """

    category: str
    about: str
    count: Callable[[pd.Series, int], int] | None = None


def _counter(name: str) -> Callable[[pd.Series, int], int]:
    return lambda c, vcpus: c[name]


#: By name.
EVENTS: Mapping[str, Event] = {
    "vmexit_pf": Event("exits", "exit and entry for a page fault", _counter("shadow_fault")),
    "vmexit_cr3": Event("exits", "exit and entry for a MOV CR3", _counter("cr3_loads")),
    "vmexit_invlpg": Event("exits", "exit and entry for an INVLPG", _counter("invlpgs")),
    "vmexit_cr": Event("exits", "exit and entry for another control register", _counter("vmexit_cr")),
    "guest_walk": Event("walks", "a walk of the guest's tables", _counter("shadow_guest_walk")),
    "guest_walk_step": Event("walks", "an entry read in a walk of the guest's tables", _counter("guest_walk_step")),
    "ad_update": Event("walks", "an accessed or dirty bit set in a guest entry", _counter("ad_update")),
    "shadow_walk": Event("walks", "a walk of the shadow by the hypervisor", _counter("shadow_walk")),
    "hash_lookup": Event("walks", "a look for the shadow of a page", _counter("shadow_hash_lookups")),
    "hash_chain_step": Event("walks", "a shadow looked at in a chain of the hash", _counter("hash_chain_step")),
    "map_page": Event(
        "walks",
        "a frame mapped for a while: two a snapshot, three a content pass, one an emulated store",
        lambda c, vcpus: 2 * c.snapshot_copies + 3 * c.resync_l1_calls + c.emul_writes,
    ),
    "walk_reference": Event("walks", "a memory reference of the processor's own walk"),
    "unsync_mark": Event("walks", "a parent told that a table below is out of sync"),
    "unsync_visit": Event("walks", "a marked entry followed on the way down to a table out of sync"),
    "emulate_insn": Event("emulation", "an instruction emulated", _counter("emulate_insn")),
    "emulate_skip_verify": Event("emulation", "an emulated store not validated", _counter("emulate_skip_verify")),
    "validate_gl1e": Event("emulation", "a leaf entry validated", _counter("shadow_validate_gl1e_calls")),
    "validate_upper": Event(
        "emulation",
        "an upper entry validated",
        lambda c, vcpus: sum(c[f"shadow_validate_gl{level}e_calls"] for level in (2, 3, 4)),
    ),
    "snapshot_copy": Event("snapshot copy", "a page of 4 KiB copied", _counter("snapshot_copies")),
    "snapshot_entry_write": Event("snapshot copy", "an entry of a snapshot written", _counter("snapshot_writes")),
    "snapshot_lookup": Event("snapshot copy", "a look for the snapshot of a page", _counter("snapshot_lookups")),
    "resync_entries_tested": Event("compare", "a shadow entry looked at by a resync", _counter("resync_tested")),
    "snapshot_compare": Event("compare", "an entry compared with what is kept", _counter("snapshot_compare")),
    "line_compare": Event("compare", "a cache line compared with what is kept", _counter("line_compare")),
    "p2m_lookup": Event("propagate", "a frame looked up by its gfn", _counter("p2m_lookup")),
    "propagate": Event("propagate", "a shadow entry derived", _counter("propagate")),
    "set_l1e_call": Event("propagate", "a leaf entry to be set, changed or not", _counter("set_l1e_calls")),
    "sl1e_write": Event("propagate", "a leaf entry changed", _counter("set_l1e_changed")),
    "slNe_write": Event("propagate", "an upper entry written", _counter("slNe_write")),
    "get_page": Event("references", "a reference taken on a frame", _counter("get_page")),
    "put_page": Event("references", "a reference on a frame dropped", _counter("put_page")),
    "get_page_type": Event("references", "a writable reference taken on a frame", _counter("get_page_type")),
    "put_page_type": Event("references", "a writable reference on a frame dropped", _counter("put_page_type")),
    "shadow_ref": Event("references", "a reference taken on a shadow", _counter("shadow_ref")),
    "shadow_put": Event("references", "a reference on a shadow dropped", _counter("shadow_put")),
    "rmap_add": Event("references", "a mapping entered in the reverse map"),
    "rmap_remove": Event("references", "a mapping taken out of the reverse map"),
    "fixup_add": Event(
        "write revocation",
        "a writable mapping remembered",
        lambda c, vcpus: c.shadow_oos_fixup_add_ok + c.shadow_oos_fixup_add,
    ),
    "fixup_probe": Event("write revocation", "a remembered mapping looked at", _counter("fixup_probe")),
    "guess_probe": Event("write revocation", "a likely place looked at", _counter("guess_probe")),
    "bf_scan_shadow": Event("write revocation", "a shadow searched for writable mappings", _counter("bf_scan_shadow")),
    "bf_scan_entry": Event("write revocation", "an entry of it looked at", _counter("bf_scan_entry")),
    "rmap_walk": Event("write revocation", "a mapping of the reverse map looked at"),
    "tlb_flush_domain": Event("flushes", "a flush of a domain's TLBs", _counter("tlb_flush_mask")),
    "tlb_flush_local": Event("flushes", "a flush of one TLB", _counter("tlb_flush_local")),
    "ipi": Event("IPIs", "another processor told to flush", lambda c, vcpus: c.tlb_flush_mask * (vcpus - 1)),
    "page_alloc": Event("tables", "a shadow taken from the pool", _counter("shadow_alloc")),
    "page_free": Event("tables", "a shadow given back", _counter("shadow_free")),
    "page_zero": Event("tables", "a page of 4 KiB zeroed", _counter("page_zero")),
    "shadow_destroy": Event("tables", "a shadow destroyed, entry by entry", _counter("shadow_destroy")),
    "hash_insert": Event("tables", "a shadow entered in the hash", _counter("shadow_hash_inserts")),
    "hash_delete": Event("tables", "a shadow taken out of the hash", _counter("shadow_hash_deletes")),
    "unpin": Event("tables", "a root no longer kept alive", _counter("unpin")),
    "unhook": Event("tables", "a root emptied", _counter("unhook")),
    "lock_acquire": Event("locks", "the shadow lock taken", _counter("lock_acquire")),
}


@dataclass(frozen=True, eq=False)
class Tally:
    """How often each primitive event happened, and what made it so.

    Attributes
    ----------
    trace : str
        Name of the trace.
    guest : str
        Digest of the trace itself: what may be compared has the same.
    system : str
        Preset or rival.
    events : Series of int
        Every name of `EVENTS`, in that order.
    own : mapping of str to int
        What the system counts under names of its own.
    """

    trace: str
    guest: str
    system: str
    events: pd.Series
    own: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        trace: Trace,
        system: str,
        counts: Mapping[str, int],
        guest: str | None = None,
        own: Mapping[str, int] | None = None,
    ) -> Tally:
        """Return the tally of these counts; events that are not named did not happen.

        Raises
        ------
        CostError
            If a name is none of `EVENTS`: nobody could price it.
        """
        unknown = [name for name in counts if name not in EVENTS]
        if unknown:
            raise CostError(f"{system}: no event is called {', '.join(unknown)}; there are {', '.join(EVENTS)}")
        events = pd.Series({name: int(counts.get(name, 0)) for name in EVENTS}, name=system)
        return cls(trace.name, guest or fingerprint(trace), system, events, own or {})


def fingerprint(trace: Trace) -> str:
    """Return a digest of what a trace says: its mode and its events, whatever it is called."""
    mode = f"{trace.levels} {trace.vcpus} {trace.guest_pages} {trace.shadow_pages} "
    columns = (trace.events[name].tobytes() for name in ("op", "vcpu", "width", "access", "address", "value"))
    return hashlib.sha256(mode.encode() + b"".join(columns)).hexdigest()[:16]


def counted(counters: pd.Series | pd.DataFrame, vcpus: int | pd.Series) -> dict[str, int | pd.Series]:
    """Return how often each event happened that a machine counts, by name; of a frame, one number per row."""
    return {name: event.count(counters, vcpus) for name, event in EVENTS.items() if event.count is not None}


def tally(result: Result) -> Tally:
    """Return the primitive events of a machine's run."""
    return Tally.of(result.trace, result.preset.name, counted(result.counters, result.trace.vcpus))


def same_guest(tallies: Iterable[Tally]) -> list[Tally]:
    """Return the tallies, if all are of one guest.

    Raises
    ------
    CostError
        If they are of different traces, or two of the same system: then nothing can be learnt from a difference.
    """
    tallies = list(tallies)
    first = tallies[0]
    for other in tallies[1:]:
        if other.guest != first.guest:
            raise CostError(
                f"{other.system} ran {other.trace} ({other.guest}), {first.system} ran {first.trace} ({first.guest}): "
                "only systems that ran the same trace can be compared"
            )
    names = [one.system for one in tallies]
    if len(set(names)) < len(names):
        raise CostError(f"compared are {', '.join(names)}: each system must be there once")
    return tallies

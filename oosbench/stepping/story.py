"""What an event did and why, in a few words: from the event, its outcome, and the counters that it moved.

Rules bear the names of Xen's functions of June 2008. Nothing is told that did not happen: each clause belongs to a
counter, a content pass, or a slot that changed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..shadow.content import CAUSES
from ..shadow.state import INVALID
from ..shadow.types import LEVEL, NAMES, OUT_OF_SYNC, SHF_TYPES
from ..traces.events import ACCESS, AUDIT, BLOW, CR3, INVLPG, NX, P2M, PSE, WP, WRITE, WRITEHL
from ..x86 import PFEC_I, PFEC_P, PFEC_U, PFEC_W, unsigned
from .moment import Moment

#: By cause of a content pass: why it was made.
WHY = {
    "cr3": "a CR3 load is the guest's TLB flush, from which on it expects the new entries (shadow_resync_current_vcpu)",
    "other-vcpu": "this vCPU flushed and may reach it (shadow_sync_other_vcpus)",
    "evict": "its slot was wanted for another page (oos_hash_add)",
    "link": "its shadow was being linked under an L2 entry, which needs no flush by the guest (shadow_set_l2e)",
    "upper-link": "an L3 or L4 shadow entry became present, and any table may hang below it (shadow_set_l3e, _l4e)",
    "promote": "it was about to be shadowed in another role as well (shadow_promote)",
    "walk": "it turned up as an upper table of the walk (gw_remove_write_accesses)",
    "mode": "in another paging mode its entries would be misread (sh_update_paging_modes)",
    "fault": "this preset brings everything back at every fault, as Shadow-1 did",
}


def tell(moment: Moment) -> str:
    """Return what the event did and why: one sentence, or a few where several things happened."""
    if moment.event is None:
        return "Before the first event: the guest's memory is there, and paging is off on every vCPU."
    told = [_deed(moment), *_made(moment), *_content(moment), *_slots(moment), *_lost(moment)]
    if moment.pokes:
        told.insert(0, f"{_count(moment.pokes, 'store')} came from outside, with no vCPU (POKE). Then")
    if moment.crash:
        told.append(f"Here the original would have crashed: {moment.crash}.")
    return " ".join(filter(None, told))


def _count(n: int, what: str, many: str = "") -> str:
    """Return a number and its noun."""
    return f"{n:,} {what if n == 1 else many or what + 's'}"


def _hex(number: int) -> str:
    return f"{unsigned(number):#x}"


# --- what the guest did --------------------------------------------------------------------------------------------


def _deed(m: Moment) -> str:
    """Return what the guest did, and what came of it at once."""
    event = m.event
    who, op = f"vCPU {event.vcpu}", event.op
    if op == ACCESS:
        how = "wrote to" if event.access & PFEC_W else "fetched from" if event.access & PFEC_I else "read"
        mode = "user" if event.access & PFEC_U else "supervisor"
        return f"{who} {how} {_place(m)} as {mode}: {_outcome(m)}"
    if op in (WRITE, WRITEHL):
        did = "wrote" if m.outcome in ("OK", "EMUL") else "tried to write"
        how = ", the high half first" if op == WRITEHL else ""
        return f"{who} {did} {_hex(event.value)} to {_place(m)}{how}: {_outcome(m)}"
    if op == CR3:
        did = "loaded CR3" if m.paged else "turned paging on"
        return f"{who} {did}, with its root in frame {event.address >> 12:#x} (sh_update_cr3).{_flush(m)}"
    if op == INVLPG:
        return f"{who} invalidated {_hex(event.address)}: {_invlpg(m)}"
    if op == WP:
        return f"{who} set CR0.WP to {event.value}; while it is 0, supervisor writes to read-only pages are emulated."
    if op == NX:
        return f"{who} set EFER.NX to {event.value}; entries derived from now on carry NX only while it is 1."
    if op == PSE:
        return f"{who} set CR4.PSE to {event.value}, and its tables are read anew.{_flush(m)}"
    if op == P2M:
        kind = ("plain memory", "read-only memory", "emulated MMIO")[event.value]
        return f"Frame {event.address:#x} became {kind}; entries derived from now on follow it (_sh_propagate)."
    if op == BLOW:
        return "Every shadow not loaded was thrown out, and those loaded were emptied (shadow_blow_tables)."
    assert op == AUDIT
    return "The original audits its shadows here, which changes nothing."


def _place(m: Moment) -> str:
    """Return where an access went."""
    if m.written != INVALID:
        return f"entry {m.written_index} of L1 table {m.written:#x}"
    where = _hex(m.event.address)
    if m.at.table != INVALID:
        where += f" (entry {m.at.index} of L1 table {m.at.table:#x})"
    return where + (f", a page shadowed as {_roles(m.flags)}" if m.flags & SHF_TYPES else "")


def _roles(flags: int) -> str:
    """Return the types that a frame is shadowed as."""
    return " and ".join(NAMES[t] for t in range(len(LEVEL)) if flags & SHF_TYPES & 1 << t)


def _outcome(m: Moment) -> str:
    """Return what became of an access."""
    moved = m.moved
    if m.outcome == "FAULT":
        how = "Xen walked the guest's tables and found that they forbid it"
        if moved.get("shadow_fault_fast_gnp"):
            how = "the magic entry GNP in the shadow says, without a walk, that the guest has nothing there"
        elif moved.get("hvm_inject"):
            how = "the emulated store found that the guest's tables forbid it"
        why = "a right is missing" if m.place & PFEC_P else "not present"
        return f"{how}, so the guest gets the fault, error code {m.place:#x} ({why})."
    if m.outcome == "MMIO":
        fast = moved.get("shadow_fault_fast_mmio")
        how = "the magic MMIO entry in the shadow says so without a walk" if fast else "the page is no plain memory"
        return f"{how}, so the device model takes it (sh_page_fault)."
    if m.outcome == "EMUL":
        return _emulated(m)
    if m.outcome == "STUCK":
        return f"after {_count(moved.get('shadow_fault', 0), 'fault')} it is given up."
    if m.outcome == "DEAD":
        return "it never ended."
    return _fixed(m) if moved.get("shadow_fault") else _hit(m)


def _hit(m: Moment) -> str:
    """Return how an access went that caused no exit."""
    if m.written == INVALID or not m.target.out_of_sync:
        marked = ", and got D set" if m.moved.get("hw_ad_updates") else ""
        told = f"no exit, the shadow has the entry, which leads to {m.place:#x}{marked}."
        late = " The guest has changed its own since, but not flushed: a TLB might still have the old one."
        return told + (late if m.stale else "")
    stores = _count(m.target.stores, "store")
    told = f"no exit, because the table is out of sync: {stores} that its shadow was not told of."
    if m.target.snapshot is not None:
        dirty, stale = (int(np.count_nonzero(x)) for x in (m.target.dirty, m.target.stale))
        differ = _count(dirty, "entry differs", "entries differ")
        told += f" {differ} from the snapshot, {stale} of them stale in the shadow."
    return told


def _fixed(m: Moment) -> str:
    """Return how a fault was mended that the guest never hears of."""
    moved = m.moved
    fault = "the page fault" if moved["shadow_fault"] == 1 else f"the last of {moved['shadow_fault']} page faults"
    if moved.get("shadow_unsync"):
        where = next((f"slot {p.slot} of vCPU {p.vcpu}" for p in m.entered if p.gmfn == m.at.frame), "a slot")
        told = f"{fault} found it shadowed once, as an L1, so it went out of sync in {where} (sh_unsync); from now on"
        told += " its writes need no exit."
        return told + (" A snapshot was copied." if moved.get("snapshot_copies") else "")
    if m.written != INVALID and m.flags & OUT_OF_SYNC and m.target.out_of_sync:
        return f"{fault} found the table out of sync already, so it became writable here too (_sh_propagate)."
    return f"{fault} found the guest's tables in order, and the shadow followed (sh_page_fault)."


def _emulated(m: Moment) -> str:
    """Return why a store was emulated."""
    moved = m.moved
    if moved.get("shadow_fault_fast_emulate"):
        why = "without a walk because the same page was written last"
    elif moved.get("shadow_fault_emulate_wp"):
        why = "because its page is read-only and CR0.WP is off"
    elif moved.get("unsync_calls"):
        why = f"because sh_unsync refused: {_refusal(m)}"
    elif m.flags & SHF_TYPES:
        why = "because it went to a page table, which is write-protected"
    else:
        why = "because its page is not writable in the shadow"
    done = "the shadow followed at once (sh_validate_guest_pt_write)"
    if moved.get("emulate_skip_verify"):
        done = "the entry was not present and is not, so there is nothing to follow"
    elif not m.flags & SHF_TYPES:
        done = "there is no shadow to follow"
    return f"Xen emulated the store {why}; {done}."


def _refusal(m: Moment) -> str:
    if m.flags & OUT_OF_SYNC:
        return "the table is out of sync already"
    roles = m.flags & SHF_TYPES
    if roles & (roles - 1) or not any(roles >> t & 1 and LEVEL[t] == 1 for t in range(len(LEVEL))):
        return f"the page is shadowed as {_roles(roles)}, and only what is one L1 and nothing else may"
    return "a vCPU has paging off"


def _flush(m: Moment) -> str:
    """Return what a flush of the guest's found to bring back."""
    if not m.moved.get("resync_all_calls"):
        return " On this machine no table goes out of sync, so there is nothing to catch up."
    return "" if m.moved.get("shadow_resync") else " No page of its own was out of sync."


def _invlpg(m: Moment) -> str:
    if m.moved.get("lock_acquire"):
        return (
            f"its table {m.at.table:#x} is out of sync, so shadow entry {m.at.index} was zeroed; the next access "
            "faults and derives it anew, and the snapshot need not know (sh_invlpg)."
        )
    if m.moved.get("tlb_flush_local"):
        return "it lies in a splintered superpage, so the whole TLB was flushed (sh_invlpg)."
    if m.moved.get("hw_invlpg"):
        return "its table is in sync, so the shadow is right and only the TLB forgets (sh_invlpg)."
    return "the shadow has no table there, so the TLB has nothing either (sh_invlpg)."


# --- what followed -------------------------------------------------------------------------------------------------


def _made(m: Moment) -> Iterator[str]:
    """Yield what was made on the way."""
    moved = m.moved
    if moved.get("shadow_hash_inserts"):
        yield f"{_count(moved['shadow_hash_inserts'], 'table')} got a shadow (sh_make_shadow)."
    if moved.get("ad_update"):
        yield f"A or D was set in {_count(moved['ad_update'], 'guest entry', 'guest entries')} (guest_walk_tables)."
    if moved.get("prefetch_entries"):
        behind = _count(moved["prefetch_entries"], "shadow entry behind it was", "shadow entries behind it were")
        yield f"{behind} derived ahead (sh_prefetch)."
    if moved.get("shadow_oos_fixup_add_ok") or moved.get("shadow_oos_fixup_add"):
        yield "Where it is mapped writable was noted (oos_fixup_add)."
    noted = moved.get("snapshot_writes", 0) - (int(m.passes.dirty.sum()) if len(m.passes) else 0)
    if noted > 0 and moved.get("snapshot_lookups"):
        yield f"The table is out of sync, so {_count(noted, 'entry', 'entries')} of its snapshot followed."


def _content(m: Moment) -> Iterator[str]:
    """Yield what the content passes found, those of one cause together. Xen: sh_resync_l1."""
    for cause in dict.fromkeys(m.passes.cause.tolist()):
        rows = m.passes[m.passes.cause == cause]
        held = "page" if all(rows.owner == m.event.vcpu) else "page of another vCPU"
        many = f"{len(rows)} {held.replace('page', 'pages')} were" if len(rows) > 1 else f"1 {held} was"
        did = "brought up to date, and stayed out of sync" if CAUSES[cause] == "other-vcpu" else "resynced"
        yield f"{many} {did} because {WHY[CAUSES[cause]]}: {'; '.join(_found(m, row) for row in rows)}."
    if m.moved.get("skip_sync"):
        pages = _count(m.moved["skip_sync"], "page of another vCPU hangs", "pages of other vCPUs hang")
        yield f"{pages} below a root not loaded here, and could wait (safe_not_to_sync)."


def _found(m: Moment, row: np.record) -> str:
    """Return what one content pass found."""
    present = _count(int(row.compared), "present entry", "present entries")
    told = f"{row.gmfn:#x}, with {_count(int(row.writes), 'store')}: {present}"
    if m.moved.get("snapshot_compare"):
        told += f" compared with the snapshot, {row.dirty} dirty"
    everything = m.moved.get("resync_propagated", 0) != m.passes.dirty.sum()
    return f"{told}, {row.compared if everything else row.dirty} derived anew"


def _slots(m: Moment) -> Iterator[str]:
    """Yield what moved among the slots."""
    if m.moved.get("slot_swap"):
        yield from (
            f"Page {page.gmfn:#x} made room and moved on to slot {page.slot} (oos_hash_add)."
            for page in m.entered
            if page.gmfn != m.at.frame
        )
    if m.moved.get("shadow_unsync_evict"):
        kept = {page.gmfn for page in m.entered}
        yield from (
            f"So page {page.gmfn:#x} was evicted from slot {page.slot} of vCPU {page.vcpu}."
            for page in m.left
            if page.gmfn not in kept
        )


def _lost(m: Moment) -> Iterator[str]:
    """Yield what lost its shadow."""
    moved = m.moved
    if moved.get("shadow_early_unshadow"):
        yield "It was the second zero in a row, so the page lost its shadow, as if it was being cleared for other use."
    elif moved.get("shadow_unshadow"):
        why = ", as a user's write tells that it is no page table" if moved.get("shadow_fault_emulate_failed") else ""
        pages = _count(moved["shadow_unshadow"], "page lost its shadow", "pages lost their shadows")
        yield f"{pages}{why} (sh_remove_shadows)."
    if moved.get("shadow_prealloc_1"):
        yield f"The shadow pool was short, and {_count(moved.get('unpin', 0), 'root')} had to go (shadow_prealloc)."

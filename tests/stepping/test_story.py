"""The story of an event: the essential words, and the numbers, on guests small enough to read."""

from __future__ import annotations

import re

import pytest

from oosbench import Trace
from oosbench.shadow.content import CAUSES
from oosbench.stepping import TimeMachine, tell
from oosbench.stepping.story import WHY
from oosbench.traces.events import OPS

from ..small_guests import GUEST, OUT_OF_SYNC, USER_MAPS_ROOT

# More L1 tables: frames 6 to 9, mapped by 0x2000 to 0x5000, serve 0x400000 to 0xa00000. Frames 6 and 9 have the same
# one of 3 slots for their home.
MORE = "".join(
    f"POKE {0x3000 + 8 * i:#x} {0x4067 + 4096 * i:#x}\nPOKE {0x4000 + 8 * i:#x} {0x4063 + 4096 * i:#x}\n"
    f"POKE {0x4000 + 4096 * i:#x} 0x20067\n"
    for i in range(2, 6)
)
CR3 = "CR3 0 0x1000\n"


def stories(events: str, preset: str = "oos-snapshot", guest: str = GUEST) -> list[str]:
    """Return what is told of each event."""
    time = TimeMachine(Trace.from_text(guest + events, "told"), preset)
    return [tell(time.forward()) for _ in range(time.events)]


def last(events: str, preset: str = "oos-snapshot", guest: str = GUEST) -> str:
    return stories(events, preset, guest)[-1]


def has(told: str, *parts: str) -> None:
    for part in parts:
        assert part in told


def test_before_the_first_event():
    has(tell(TimeMachine(Trace.from_text(GUEST)).moment), "Before the first event", "paging is off")


def test_the_first_cr3_turns_paging_on():
    has(last(""), "vCPU 0 turned paging on, with its root in frame 0x1", "1 table got a shadow", "No page of its own")


def test_a_fault_that_the_guest_never_hears_of():
    told = last("ACCESS 0 0x200000 r u\n")
    has(
        told, "vCPU 0 read 0x200000 (entry 0 of L1 table 0x5) as user: the page fault found the guest's tables in order"
    )
    has(told, "3 tables got a shadow", "31 shadow entries behind it were derived ahead (sh_prefetch)")


def test_an_access_without_a_fault():
    told = stories("ACCESS 0 0x200000 r u\nACCESS 0 0x201000 w u\nACCESS 0 0x201000 w u\n")
    has(told[2], "vCPU 0 wrote to 0x201000", "no exit, the shadow has the entry, which leads to 0x", ", and got D set.")
    has(told[3], "no exit, the shadow has the entry, which leads to 0x")


def test_an_access_that_still_finds_what_the_guest_has_changed():
    told = stories(OUT_OF_SYNC + "ACCESS 0 0x200000 r u\nACCESS 0 0x201000 r u\n")
    has(
        told[3], "the shadow has the entry, which leads to 0x", ". The guest has changed its own since, but not flushed"
    )
    has(told[4], "the shadow has the entry, which leads to 0x")
    assert "has changed" not in told[4]


def test_the_walk_sets_a_and_d():
    told = last("POKE 0x5020 0xb007\nACCESS 0 0x204000 w u\n", guest=GUEST.replace("CR3", "POKE 0x5020 0xb007\nCR3"))
    has(told, "A or D was set in 1 guest entry (guest_walk_tables)")


def test_a_fault_for_the_guest():
    told = stories("ACCESS 0 0x200000 r u\nACCESS 0 0x210000 r u\nACCESS 0 0x300000000 w u\nACCESS 0 0x203000 x u\n")
    has(told[2], "GNP", "without a walk", "the guest gets the fault, error code 0x4 (not present)")
    has(told[3], "walked the guest's tables", "error code 0x6 (not present)")
    has(told[4], "fetched from 0x203000", "error code 0x15 (a right is missing)")


def test_unsync_and_its_snapshot():
    told = last(OUT_OF_SYNC)
    has(told, "vCPU 0 wrote 0xc067 to entry 0 of L1 table 0x5: the page fault found it shadowed once, as an L1")
    has(
        told,
        "went out of sync in slot 2 of vCPU 0 (sh_unsync); from now on its writes need no exit",
        "A snapshot was copied",
    )
    has(told, "(oos_fixup_add)")
    assert "snapshot" not in last(OUT_OF_SYNC, "oos-fixups")


def test_a_store_that_nobody_is_told_of():
    told = stories(OUT_OF_SYNC + "WRITE 0 0x10 0xd067\nWRITE 0 0x800 0xd067\nWRITE 0 0x800 0x0\n")
    has(told[3], "wrote 0xd067 to entry 2 of L1 table 0x5: no exit, because the table is out of sync: 2 stores")
    has(told[3], "2 entries differ from the snapshot, 2 of them stale in the shadow.")
    has(told[4], "3 stores", "3 entries differ from the snapshot, 2 of them stale")
    has(told[5], "2 entries differ")
    has(stories(OUT_OF_SYNC + "WRITE 0 0x10 0xd067\n", "oos-fixups")[3], "2 stores that its shadow was not told of.")


def test_a_second_mapping_of_a_table_out_of_sync():
    guest = GUEST.replace("POKE 0x4008 0x5021", "POKE 0x4008 0x5023")
    has(
        last(OUT_OF_SYNC + "WRITE 0 0x1010 0xd067\n", guest=guest),
        "out of sync already, so it became writable here too",
    )


def test_a_fault_through_a_table_out_of_sync_refreshes_the_snapshot():
    told = last(OUT_OF_SYNC + "INVLPG 0 0x201000\nACCESS 0 0x201000 r u\n")
    has(told, "the shadow followed", "The table is out of sync, so 1 entry of its snapshot followed.")


def test_resync_at_a_cr3_load():
    told = last(OUT_OF_SYNC + "WRITE 0 0x10 0xd067\nACCESS 0 0x202000 r u\n" + CR3)
    has(told, "vCPU 0 loaded CR3", "1 page was resynced because a CR3 load is the guest's TLB flush")
    has(told, "0x5, with 2 stores: 32 present entries compared with the snapshot, 2 dirty, 2 derived anew")
    assert last(OUT_OF_SYNC + CR3, "oos-snapshot-untrusted").count(
        "32 present entries compared with the snapshot, 1 dirty, 32 der"
    )
    has(last(OUT_OF_SYNC + CR3, "oos-fixups"), "0x5, with 1 store: 32 present entries, 32 derived anew")
    has(last(CR3, "emulate"), "no table goes out of sync, so there is nothing to catch up")


def test_eviction_and_moving_on():
    fill = "".join(f"ACCESS 0 {0x200000 * i:#x} r u\n" for i in range(2, 6))
    write = "".join(f"WRITE 0 {0x1000 * i:#x} 0x21067\n" for i in (2, 5))
    told = stories(fill + write + "WRITE 0 0x3000 0x21067\n", guest=GUEST.replace(CR3, MORE + CR3))
    has(
        told[-2],
        "entry 0 of L1 table 0x9",
        "slot 0 of vCPU 0",
        "Page 0x6 made room and moved on to slot 1 (oos_hash_add)",
    )
    has(
        told[-1],
        "L1 table 0x7",
        "1 page was resynced because its slot was wanted for another page (oos_hash_add): 0x6, with 1 store",
    )
    has(told[-1], "So page 0x6 was evicted from slot 1 of vCPU 0.")


def test_emulated_writes_and_why():
    told = stories("ACCESS 0 0x200000 r u\n" + 3 * "WRITE 0 0x8 0x0\n", "emulate")
    has(
        told[2],
        "Xen emulated the store because it went to a page table, which is write-protected; the shadow followed at once",
    )
    has(told[3], "without a walk because the same page was written last; the entry was not present and is not")
    has(told[3], "It was the second zero in a row, so the page lost its shadow")
    refused = last("WRITE 0 0x2000 0x4063\n", guest=GUEST.replace(CR3, "POKE 0x4010 0x3063\n" + CR3))
    has(refused, "sh_unsync refused: the page is shadowed as l2_64, and only", "(sh_validate_guest_pt_write)")
    two = GUEST.replace("MODE 4 1", "MODE 4 2")
    has(last(OUT_OF_SYNC, guest=two), "sh_unsync refused: a vCPU has paging off")
    protected = last(OUT_OF_SYNC + "WP 0 0\nWRITE 0 0x1008 0xd067\n")
    has(protected, "read-only and CR0.WP is off", "so 1 entry of its snapshot followed")


def test_a_user_s_store_unshadows():
    told = last("ACCESS 0 0x200000 r u\nWRITE 0 0x0 0xc067 8 u\n", "emulate", GUEST.replace("0x5063", "0x5067"))
    has(told, "1 page lost its shadow, as a user's write tells that it is no page table (sh_remove_shadows)")


def test_mmio():
    told = stories("P2M 9 mmio\nACCESS 0 0x201000 r u\nACCESS 0 0x201000 r u\n")
    has(told[1], "Frame 0x9 became emulated MMIO", "(_sh_propagate)")
    has(told[2], "no plain memory, so the device model takes it")
    has(told[3], "magic MMIO entry", "without a walk")


def test_invlpg():
    told = stories(OUT_OF_SYNC + "INVLPG 0 0x201000\nINVLPG 0 0x0\nINVLPG 0 0x300000000\n")
    has(told[3], "its table 0x5 is out of sync, so shadow entry 1 was zeroed", "(sh_invlpg)")
    has(told[4], "its table is in sync", "only the TLB forgets")
    has(told[5], "the shadow has no table there")
    large = GUEST.replace("POKE 0x3010", "").replace(CR3, "POKE 0x3010 0xe7\n" + CR3)
    has(last("ACCESS 0 0x400000 r u\nINVLPG 0 0x400000\n", guest=large), "splintered superpage")


def test_changes_of_mode():
    told = stories(OUT_OF_SYNC + "WP 0 0\nNX 0 0\nPSE 0 0\nBLOW\nAUDIT\n")
    has(told[3], "CR0.WP to 0", "supervisor writes")
    has(told[4], "EFER.NX to 0")
    has(told[5], "CR4.PSE to 0", "1 page was resynced because in another paging mode", "(sh_update_paging_modes)")
    has(told[6], "Every shadow not loaded was thrown out", "(shadow_blow_tables)")
    has(told[7], "changes nothing")


def test_stores_by_nobody():
    told = stories("POKE 0x5000 0xb067\nPOKE 0x5008 0xb067\nACCESS 0 0x200000 r u\n")
    assert told[1].startswith("2 stores came from outside, with no vCPU (POKE). Then vCPU 0 read")


def test_a_crash():
    told = last("", guest=USER_MAPS_ROOT)
    has(told, "tried to write 0x1", "it never ended", "Here the original would have crashed: ")


def test_two_vcpus(trace):
    time = TimeMachine(trace("smp2"))
    told = [tell(time.forward()) for _ in range(40)]
    has(
        told[34], "1 page was resynced because", "1 page of another vCPU was brought up to date, and stayed out of sync"
    )
    time = TimeMachine(trace("stress32"))
    assert any("could wait (safe_not_to_sync)" in tell(time.forward()) for _ in range(60))


@pytest.mark.parametrize(
    "name", ["stress64", "stress32", "stresspae", "lifecycle", "x_blow", "stress64_pressure", "aba"]
)
@pytest.mark.parametrize("preset", ["oos-snapshot", "emulate", "oos", "oos-array", "shadow1"])
def test_every_event_has_a_story_that_tells_what_it_is(trace, name, preset):
    time = TimeMachine(trace(name), preset)
    for _ in range(min(time.events, 1500)):
        moment = time.forward()
        told = tell(moment)
        assert told.endswith(".")
        assert "  " not in told
        assert not re.search(r"\bNone\b|np\.|-0x", told)
        assert ("went out of sync in" in told) == ("shadow_unsync" in moment.moved)
        assert ("resynced because" in told) >= ("shadow_resync" in moment.moved)
        assert ("emulated the store" in told) == (moment.outcome == "EMUL")
        assert ("gets the fault" in told) == (moment.outcome == "FAULT")


def test_every_cause_has_its_reason():
    assert set(WHY) == set(CAUSES)
    assert len(OPS) == 12, "a new operation needs its words"

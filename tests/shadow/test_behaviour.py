"""Behaviour that no trace of the original reaches, on guests small enough to read."""

from __future__ import annotations

import pytest

from oosbench import Machine, Result, Trace

from ..small_guests import GUEST, OUT_OF_SYNC

# Root in frame 1; its tables in 2 and 3. L1 in frame 4 maps 0x0 to frame 5 writable and 0x1000 to the same
# read-only. Frame 5 is the L1 of 0x200000, with four user pages.


def run(events: str, preset: str = "oos-snapshot") -> Result:
    return Machine(Trace.from_text(GUEST + events), preset).run()


def outcomes(result: Result) -> list[str]:
    return [line.partition(" ")[2] for line in result.outcome_lines()][1:]


def test_an_emulated_write_to_an_out_of_sync_table_reaches_its_snapshot():
    # With CR0.WP clear the supervisor stores through the read-only mapping: emulated, though the table is out of sync.
    result = run(OUT_OF_SYNC + "WP 0 0\nWRITE 0 0x1008 0xd067\nWP 0 1\nACCESS 0 0x201000 r u\nCR3 0 0x1000\n")
    assert outcomes(result)[3] == "EMUL"
    assert outcomes(result)[5].startswith("OK 0xd000")
    counters = result.counters
    assert counters.shadow_fault_emulate_wp == counters.shadow_validate_gl1e_calls == 1
    assert counters.resync_dirty == 1  # the native store; the emulated one is in the snapshot


@pytest.mark.parametrize("preset", ["oos-snapshot", "oos-snapshot-untrusted", "emulate"])
def test_the_same_guest_sees_the_same_without_the_snapshot(preset):
    result = run(OUT_OF_SYNC + "CR3 0 0x1000\nACCESS 0 0x200000 r u\nACCESS 0 0x201000 w u\n", preset)
    assert outcomes(result)[3:] == ["OK 0xc000 0x0", "OK 0x9000"]


def test_a_table_that_did_not_change_is_clean():
    changed_back = "WRITE 0 0x0 0x8067\nCR3 0 0x1000\n"
    assert run(OUT_OF_SYNC + changed_back).counters.resync_dirty == 0


def test_a_fetch_from_a_page_marked_nx_faults_only_while_nx_is_on():
    fetch = "ACCESS 0 0x203000 x u\n"
    assert outcomes(run(fetch)) == ["FAULT 0x15"]
    assert outcomes(run(f"NX 0 0\n{fetch}")) == ["", "OK 0xb000"]
    # Switching it on again flushes nothing, so what was derived without it stays.
    assert outcomes(run(f"NX 0 0\n{fetch}NX 0 1\n{fetch}"))[2:] == ["", "OK 0xb000"]


def test_a_store_in_two_halves_is_one_entry():
    # To an L1 that nothing shadows; to one that goes out of sync; to one that is emulated.
    halves = "WRITEHL 0 0x8 0x800000000000e067\n"
    used = "ACCESS 0 0x201000 r u\n"
    assert outcomes(run(halves + used)) == ["OK", "OK 0xe000 0x0"]
    assert outcomes(run(used + halves + "CR3 0 0x1000\n" + used)) == ["OK 0x9000 0x0", "OK", "", "OK 0xe000 0x0"]
    emulated = run(used + halves + used, "emulate")
    assert outcomes(emulated) == ["OK 0x9000 0x0", "EMUL", "OK 0xe000 0x0"]
    assert emulated.counters.emul_writes == 2
    assert emulated.counters.writes == 2


def test_an_audit_is_an_event_that_does_nothing():
    result = run("AUDIT\n")
    assert outcomes(result) == [""]
    assert result.counters.events == 2


def test_a_wide_read_gives_what_is_there_and_a_narrow_one_nothing():
    assert outcomes(run("ACCESS 0 0x8 r s\nACCESS 0 0x9 r s\nACCESS 0 0x8 w s\n")) == [
        "OK 0x5008 0x9067",
        "OK 0x5009",
        "OK 0x5008",
    ]


def test_narrow_stores_change_only_their_bytes():
    stores = "WRITE 0 0x20 0x1122334455667788\nWRITE 0 0x21 0xaa 1\nWRITE 0 0x24 0xbbcc 2\nWRITE 0 0x25 0xdeadbeef 4\n"
    assert outcomes(run(f"{stores}ACCESS 0 0x20 r s\nACCESS 0 0x28 r s\n"))[4:] == [
        "OK 0x5020 0xadbeefcc5566aa88",
        "OK 0x5028 0xde",
    ]


def test_a_poke_between_events_is_raw():
    # The shadow of 0x200000 is not told, and the guest has not flushed.
    result = run("ACCESS 0 0x200000 r u\nPOKE 0x5000 0xf067\nACCESS 0 0x200000 r u\n")
    assert outcomes(result) == ["OK 0x8000 0x0", "OK 0x8000 0x0"]
    assert result.counters.events == 3


def test_an_exception_of_the_emulator_is_the_guests():
    # A repeated write is emulated without a look at the guest's tables, as long as the virtual TLB knows the page.
    repeated = "ACCESS 0 0x200000 r u\nWRITE 0 0x0 0xc067\n{}POKE 0x4000 0x0\nWRITE 0 0x0 0xd067\n"
    assert outcomes(run(repeated.format(""), "emulate"))[1:] == ["EMUL", "EMUL"]
    # Page 0x222 falls into the same of its 13 entries as page 0. Then the walk finds the mapping gone.
    result = run("POKE 0x5110 0xe067\n" + repeated.format("ACCESS 0 0x222000 r u\n"), "emulate")
    assert outcomes(result)[1:] == ["EMUL", "OK 0xe000 0x0", "FAULT 0x2"]
    assert result.counters.shadow_fault_fast_emulate == result.counters.emul_exceptions == 1


@pytest.mark.parametrize("preset", ["oos", "oos-fixups", "oos-snapshot", "oos-array", "oos-fixed"])
def test_a_table_out_of_sync_that_becomes_another_vcpus_root_is_resynced(preset):
    both = GUEST.replace("MODE 4 1", "MODE 4 2") + "CR3 1 0x1000\n"
    unsync = "ACCESS 1 0x200000 r u\nWRITE 1 0x0 0xc067\n"
    machine = Machine(Trace.from_text(f"{both}{unsync}CR3 0 0x5000\n"), preset)
    resyncs = machine.run().resyncs
    assert resyncs.loc[resyncs.gmfn == 5, "cause"].tolist() == ["promote"]
    assert machine.audit() == []

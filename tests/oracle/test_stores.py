"""Values and stores, emulated ones and those in two halves."""

from __future__ import annotations

import pytest

from oosbench import Machine, Trace
from oosbench.oracle import Oracle
from oosbench.shadow.replay import OUTCOMES

from .judging import LEVELS, READ, REMAP, guest, kinds

# --- values and stores ---------------------------------------------------------------------------------------------


@LEVELS
def test_a_read_finds_what_was_stored_last(levels):
    text = guest(levels, f"WRITE 0 X0 0x11223344 4\n{READ}")
    assert kinds(text, "OK 0x8000 0x11223344") == []
    assert kinds(text, "OK 0x8000 0x0") == ["value"]


def test_narrow_stores_change_only_their_bytes():
    wide, narrow = "WRITE 0 X0 0x8122334455667788\nWRITE 0 0x200001 0xaa 1\n", "WRITE 0 0x200004 0xbbcc 2\n"
    stores = f"{wide}{narrow}WRITE 0 0x200005 0xdeadbeef 4\n"
    for place, value in (("0x200000", "0xadbeefcc5566aa88"), ("0x200008", "0xde")):
        text = guest(4, f"{stores}ACCESS 0 {place} r u\n")
        assert kinds(text) == kinds(text, f"OK 0x8{place[-3:]} {value}") == []


@pytest.mark.parametrize("word", [0x8000, 0x8008])
def test_a_store_that_went_elsewhere_is_found_in_either_word(word):
    text = guest(4, "WRITE 0 0x200004 0x1122334455667788\n")
    assert kinds(text) == []
    assert kinds(text, memory={word: 0}) == ["memory"]


def test_all_of_memory_is_compared_at_the_end():
    trace = Trace.from_text(guest(4, f"{READ}WRITE 0 X1 0x1\nWRITE 0 X1 0x0\n"))
    machine, oracle = Machine(trace), Oracle(trace)
    machine.run()
    memory = machine.domain.memory
    for row, outcome in enumerate(machine.outcomes):
        oracle.observe(row, OUTCOMES[outcome.outcome], int(outcome.place), int(outcome.value), memory)
    assert oracle.finish(memory) == []
    memory[0xC, 4] = memory[0x9, 0] = memory[0x9, 7] = -1
    one, other = oracle.finish(memory)
    assert one.kind == other.kind == "memory"
    assert one.vcpu is one.va is None
    assert str(one) == (
        "line 16: memory: 2 words of frame 0x9 differ at the end, first 0x9000: it holds 0xffffffffffffffff, not 0x0"
    )
    assert "0xc020" in other.message
    memory[0xC, 4] = memory[0x9, 0] = memory[0x9, 7] = 0
    memory[5, 0] = 0
    assert [finding.message[:18] for finding in oracle.finish(memory)] == ["1 words of frame 0"]


# --- emulated stores, devices --------------------------------------------------------------------------------------


@LEVELS
def test_an_emulated_store_may_go_where_a_legal_walk_ends(levels):
    remap = guest(levels, REMAP + "WRITE 0 X0 0x77 4\n")
    # The machine stored to frame c; pretend that it was another.
    for frame, found in ((0x8, []), (0xC, []), (0x9, ["memory", "end"])):
        elsewhere = {0x8000: 0, 0xC000: 0} | {frame << 12: 0x77}
        assert kinds(remap, "EMUL", elsewhere) == found
    flushed = guest(levels, REMAP + "CR3 0 ROOT\nWRITE 0 X0 0x77 4\n")
    assert kinds(flushed, "EMUL", {0x8000: 0x77, 0xC000: 0}) == ["memory", "end"]


def test_an_emulated_store_of_what_was_there_already_changes_nothing():
    assert kinds(guest(4, REMAP + "WRITE 0 X0 0x0\n"), "EMUL") == []
    # Two frames hold it; the one that did not before is the one that was meant, be it the new one or the old.
    twice = guest(4, "WRITE 0 {} 0x77\n" + REMAP.replace("c067", "9067") + "WRITE 0 X0 0x77\n")
    assert kinds(twice.format("0x200000"), "EMUL", {0x9000: 0x77}) == []
    assert kinds(twice.format("0x201000"), "EMUL", {0x8000: 0x77}) == []


def test_an_illegal_store_is_told_once():
    assert kinds(guest(4, "WRITE 0 X3 0x77\n"), "EMUL", {0xB000: 0x77}) == ["rights"]
    flushed = guest(4, REMAP + "CR3 0 ROOT\nWRITE 0 X0 0x77 4\n")
    assert kinds(flushed, "OK 0x8000", {0x8000: 0x77, 0xC000: 0}) == ["translation"]


def test_an_emulated_store_needs_rights_and_a_mapping():
    assert kinds(guest(4, "WRITE 0 X4 0x77\n"), "EMUL") == ["translation"]
    assert kinds(guest(4, "WRITE 0 X3 0x77\n"), "EMUL", {0xB000: 0x77}) == ["rights"]
    marked = guest(4, "WRITE 0 X3 0x77\n").replace("0xb025", "0xb065")
    assert kinds(marked, "EMUL", {0xB000: 0x77}) == ["rights"]
    assert kinds(guest(4, "WP 0 0\nWRITE 0 X3 0x77\n"), "EMUL") == []
    # What is mapped since is no RAM, but the TLB may have the old mapping.
    device = guest(4, REMAP.replace("0xc067", "0x50067") + "WRITE 0 X0 0x77\n")
    assert kinds(device, "EMUL", {0x8000: 0x77}) == []
    assert kinds(guest(4, "P2M 8 mmio\nWRITE 0 X0 0x77\n"), "EMUL", {0x8000: 0x77}) == ["translation", "end"]


def test_a_store_that_is_lost_is_told_once_for_both_its_words():
    text = guest(4, "WRITE 0 0x200004 0x1122334455667788\n")
    assert kinds(text, "EMUL") == []
    assert kinds(text, "EMUL", {0x8000: 0, 0x8008: 5}) == ["memory"]


def test_nothing_is_asked_of_the_event_that_ends_the_domain():
    assert kinds(guest(4, READ), "DEAD") == []


def test_a_store_to_read_only_memory_may_be_dropped():
    text = guest(4, "P2M 8 ro\nWRITE 0 X0 0x77\n")
    assert kinds(text, "EMUL") == kinds(text, "EMUL", {0x8000: 0x77}) == []
    assert kinds(text, preset="array") == []
    assert kinds(guest(4, "WRITE 0 X0 0x77\n"), "EMUL", {0x8000: 0}) == ["memory"]


def test_only_a_store_can_be_emulated():
    assert kinds(guest(4, READ), "EMUL") == ["outcome"]
    assert kinds(guest(4, "ACCESS 0 X0 w u\n"), "EMUL") == ["outcome"]


@LEVELS
def test_a_device_is_where_there_is_no_ram(levels):
    device = guest(levels, REMAP.replace("0xc067", "0x50067") + READ)
    assert kinds(device, "MMIO") == kinds(device, "OK 0x8000") == []
    flushed = guest(levels, REMAP.replace("0xc067", "0x50067") + "CR3 0 ROOT\n" + READ)
    assert kinds(flushed) == []
    assert kinds(flushed, "OK 0x8000") == ["translation"]
    assert kinds(guest(levels, READ), "MMIO") == ["translation"]
    for kind, access, found in (("ro", "w", []), ("ro", "r", ["translation"]), ("mmio", "r", []), ("mmio", "w", [])):
        assert kinds(guest(levels, f"P2M 8 {kind}\nACCESS 0 X0 {access} u\n"), "MMIO") == found


def test_a_device_keeps_its_store():
    assert kinds(guest(4, "P2M 8 ro\nWRITE 0 X0 0x77\n")) == []
    assert kinds(guest(4, "P2M 8 ro\nWRITE 0 X0 0x77\nP2M 8 ram\n" + READ), "OK 0x8000 0x0") == []


# --- stores in two halves ------------------------------------------------------------------------------------------


HALVES = "WRITEHL 0 X0 0x1122334455667788\n"


@LEVELS
def test_both_halves_go_where_a_legal_walk_ends(levels):
    text = guest(levels, REMAP + HALVES)
    both, high, low = 0x1122334455667788, 0x1122334400000000, 0x55667788
    for held, found in (
        ({0x8000: 0, 0xC000: both}, []),
        ({0x8000: both, 0xC000: 0}, []),
        ({0x8000: high, 0xC000: low}, []),
        ({0x8000: 0, 0xC000: high}, ["memory"]),
        ({0x8000: 0, 0xC000: low}, ["memory"]),
    ):
        for outcome in ("OK", "EMUL"):
            assert kinds(text, outcome, held) == found
    assert kinds(guest(levels, HALVES.replace("X0", "X4")), "OK") == ["translation"] * 2


@LEVELS
def test_one_of_the_halves_may_fault(levels):
    absent = guest(levels, HALVES.replace("X0", "X4"))
    assert kinds(absent) == kinds(absent, "FAULT") == []
    assert kinds(guest(levels, HALVES), "FAULT", {0x8000: 0}) == ["fault"]
    assert kinds(guest(levels, HALVES), "FAULT", {0x8000: 0x1122334400000000}) == ["fault"]
    # The first by an old mapping, the second not.
    gone = guest(levels, f"{READ}WRITE 0 0x0 0x0\n{HALVES}")
    assert kinds(gone, "FAULT", {0x8000: 0x1122334400000000}) == []
    assert kinds(gone, "FAULT", {0x8000: 0}) == []


def test_one_of_the_halves_may_go_to_a_device():
    assert kinds(guest(4, "P2M 8 mmio\n" + HALVES)) == []
    assert kinds(guest(4, HALVES), "MMIO", {0x8000: 0}) == ["translation"]
    assert kinds(guest(4, HALVES), "STUCK", {0x8000: 0}) == ["stuck"]


@pytest.mark.parametrize("entry", [0x5023, 0x5003, 0x5007])
def test_a_half_may_go_over_the_entry_that_maps_it(entry):
    # 2-level, and entry 4 of the table maps the table itself: the high half takes that away, with A or D clear,
    # and the low half's walk sets them again. The last of the three is then as it was before.
    text = guest(2, f"WRITEHL 0 0x40400c {entry << 32:#x}\n").replace("CR3", "POKE 0x5010 0x5067\nCR3", 1)
    assert kinds(text) == []
    assert kinds(text, memory={0x5010: 0x5123}) == ["memory"]


@pytest.mark.parametrize("value", ["0x5003", "0x0", "0x9003"])
def test_a_store_may_go_over_the_entry_that_maps_it(value):
    # Its walk sets A and D, which the store wipes out.
    text = guest(4, f"WRITE 0 0x204020 {value}\n").replace("CR3", "POKE 0x5020 0x5003\nCR3", 1)
    assert kinds(text) == []
    assert kinds(text, "OK 0x5020", {0x5020: 0x77}) == ["memory"]

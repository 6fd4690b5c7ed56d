"""Faults: when one is due, and with which error code."""

from __future__ import annotations

import pytest

from .judging import LEVELS, READ, guest, judged, kinds


@LEVELS
def test_a_fault_is_due_if_memory_gives_it_now(levels):
    unmap = f"{READ}WRITE 0 0x0 0x0\n"
    assert kinds(guest(levels, unmap + READ), "FAULT 0x4") == []
    assert kinds(guest(levels, unmap + READ), "OK 0x8000") == []
    assert kinds(guest(levels, f"{unmap}WRITE 0 0x0 0x8067\n{READ}"), "FAULT 0x4") == ["fault"]
    assert kinds(guest(levels, READ), "FAULT 0x4") == ["fault"]


@LEVELS
def test_the_error_code_is_that_of_the_walk(levels):
    store = guest(levels, "WRITE 0 X3 0x1 4 u\n")
    assert kinds(store) == kinds(store, "FAULT 0x7") == []
    assert kinds(store, "FAULT 0x6") == ["missing P"]
    for code in ("0x5", "0x3", "0xf", "0x17", "0x4"):
        assert kinds(store, f"FAULT {code}") == ["code"]
    absent = guest(levels, "WRITE 0 X4 0x1\n")
    assert kinds(absent) == kinds(absent, "FAULT 0x2") == []
    assert kinds(absent, "FAULT 0x3") == ["code"]


@LEVELS
def test_the_error_code_tells_a_fetch_only_while_nx_is_on(levels):
    fetch = "ACCESS 0 X4 x u\n"
    told = "0x14" if levels > 2 else "0x4"
    for events, code in ((fetch, told), (f"NX 0 1\n{fetch}", told), (f"NX 0 0\n{fetch}", "0x4")):
        assert kinds(guest(levels, events)) == kinds(guest(levels, events), f"FAULT {code}") == []
        other = "0x4" if code == "0x14" else "0x14"
        assert kinds(guest(levels, events), f"FAULT {other}") == ["code"]


@LEVELS
def test_a_table_that_is_no_ram_is_as_good_as_absent(levels):
    text = guest(levels, f"P2M 5 mmio\n{READ}")
    assert kinds(text) == kinds(text, "FAULT 0x4") == []
    assert kinds(text, "FAULT 0x5") == ["code"]
    assert kinds(text, "OK 0x8000") == ["translation"]
    assert kinds(guest(levels, f"P2M 5 mmio\nP2M 5 ram\n{READ}"), "OK 0x8000") == []


def test_a_fault_without_an_end_is_always_wrong():
    assert kinds(guest(4, READ), "STUCK") == ["stuck"]


def test_the_known_flaw_of_emulation_is_found():
    # A protection fault of an entry that was never shadowed: the original forgets P.
    text = guest(4, "WRITE 0 X3 0x1 8 u\n")
    (finding,) = judged(text, preset="emulate")
    assert finding.kind == "missing P"
    assert str(finding) == ("line 14, vcpu 0, va 0x203000: missing P: a user store faulted with code 0x6, 0x7 is right")
    assert kinds(text, preset="array") == []


@pytest.mark.parametrize(("preset", "found"), [("emulate", ["stuck"]), ("array", ["stuck"]), ("full", [])])
def test_a_user_store_to_the_table_that_maps_itself(preset, found):
    text = guest(4, "WRITE 0 X4 0x8067 8 u\n").replace("CR3", "POKE 0x5020 0x5067\nCR3", 1)
    assert kinds(text, preset=preset) == found

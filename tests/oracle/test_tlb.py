"""What a TLB may remember is accepted, and what none may is found."""

from __future__ import annotations

import numpy as np
import pytest

from oosbench.oracle.memory import Memory

from .judging import LEVELS, READ, REMAP, guest, kinds

# --- what a TLB may remember ---------------------------------------------------------------------------------------


@LEVELS
def test_an_old_mapping_may_be_used_until_a_flush_and_the_new_one_at_once(levels):
    assert kinds(guest(levels, REMAP + READ), "OK 0x8000") == []
    assert kinds(guest(levels, REMAP + READ), "OK 0xc000") == []
    assert kinds(guest(levels, REMAP + READ), "OK 0x9000") == ["translation"]


@LEVELS
@pytest.mark.parametrize("flush", ["CR3 0 ROOT", "INVLPG 0 X0", "PSE 0 1"])
def test_a_flush_ends_an_old_mapping(levels, flush):
    text = guest(levels, f"{REMAP}{flush}\n{READ}")
    assert kinds(text, "OK 0xc000") == []
    assert kinds(text, "OK 0x8000") == ["translation"]


@LEVELS
def test_a_flush_before_the_store_is_none(levels):
    assert kinds(guest(levels, f"{READ}CR3 0 ROOT\nINVLPG 0 X0\nWRITE 0 0x0 0xc067\n{READ}"), "OK 0x8000") == []


@LEVELS
def test_an_invlpg_of_another_page_flushes_nothing(levels):
    assert kinds(guest(levels, f"{REMAP}INVLPG 0 X1\n{READ}"), "OK 0x8000") == []


@LEVELS
@pytest.mark.parametrize("flush", ["CR3 {} ROOT", "INVLPG {} X0"])
def test_each_vcpu_flushes_for_itself(levels, flush):
    for flusher, found in ((0, ["translation"]), (1, [])):
        text = guest(levels, f"{REMAP}{flush.format(flusher)}\n{READ}", 2)
        assert kinds(text, "OK 0x8000") == found


@LEVELS
def test_an_entry_that_came_back_is_as_good_as_new(levels):
    back = "WRITE 0 0x0 0x8067\nCR3 0 ROOT\n"
    assert kinds(guest(levels, REMAP + back + READ), "OK 0x8000") == []
    assert kinds(guest(levels, REMAP + back + READ), "OK 0xc000") == ["translation"]


@LEVELS
def test_a_poke_is_remembered_like_a_store(levels):
    text = guest(levels, f"{READ}POKE 0x5000 0xc067\n{READ}")
    assert kinds(text, "OK 0x8000") == kinds(text, "OK 0xc000") == []


def test_the_levels_of_a_walk_may_be_from_different_moments():
    # The L2 entry of X goes to frame 6, then the old L1 changes, then the new one.
    events = f"{READ}WRITE 0 0x1008 0x6067\nWRITE 0 0x0 0xc067\n{READ}"
    for place, found in (("0x8000", []), ("0xc000", []), ("0xd000", ["translation"])):
        assert kinds(guest(4, events), f"OK {place}") == found
    text = guest(4, events).replace("CR3", "POKE 0x6000 0xd067\nCR3", 1)
    assert kinds(text, "OK 0xd000") == kinds(text, "OK 0xc000") == kinds(text, "OK 0x8000") == []


def test_rights_are_those_of_one_walk():
    # Writable for the supervisor, then read-only for users: never both at once.
    events = "ACCESS 0 X0 r s\nWRITE 0 0x0 0x8065\n"
    text = guest(4, events + "WRITE 0 X0 0x1 8 u\n").replace("POKE 0x5000 0x8067", "POKE 0x5000 0x8063")
    assert kinds(text, "OK 0x8000", {0x8000: 1}) == ["rights"]


# --- the memory of the oracle --------------------------------------------------------------------------------------


def test_what_nobody_remembers_is_forgotten():
    memory = Memory()
    for memory.now in range(100):
        memory.set_word(1, memory.now)
    assert memory.values(1, -1) == [(99, np.inf)]  # nobody had paging on
    memory.forget(99)
    for memory.now in range(100, 100_000):
        memory.set_word(memory.now % 7, memory.now)
        if memory.now % 10 == 0:
            memory.forget(memory.now - 20)  # the slowest of some vCPUs
            assert sum(len(past) for past in memory._past.values()) < 5000
    assert len(memory.values(1, 0)) < 5000
    memory.forget(99_999)
    assert memory.values(1, 0) == [(memory.word(1), np.inf)]


def test_a_sweep_keeps_what_is_remembered():
    memory = Memory()
    memory.forget(0)
    for memory.now in range(1, 20_000):
        memory.set_word(memory.now % 3, memory.now)
        memory.forget(memory.now - 30 if memory.now > 30 else 0)
    kept = dict(memory.values(0, memory.now - 30))
    assert kept == {memory.word(0): np.inf} | {end - 3: end for end in range(19_998, 19_969, -3)}

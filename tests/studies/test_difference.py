"""Where two machines part."""

from __future__ import annotations

import pytest

from oosbench import Trace, first_difference
from oosbench.errors import UsageError

from ..small_guests import GUEST, OUT_OF_SYNC, USER_MAPS_ROOT


def test_the_first_event_that_differs_is_told_with_outcomes_and_counters():
    trace = Trace.from_text(GUEST + OUT_OF_SYNC)
    found = first_difference(trace, "emulate", "oos-snapshot")
    assert found.line == len(GUEST.splitlines()) + 2
    assert found.event == "WRITE 0 0x0 0xc067"
    assert found.outcomes == ("EMUL", "OK 0x5000")
    assert found.moved.loc["emul_writes"].tolist() == [1, 0]
    assert found.moved.loc["snapshot_copies"].tolist() == [0, 1]
    assert "events" not in found.moved.index  # it moved that in both
    assert str(found).splitlines()[1:3] == ["  emulate       EMUL", "  oos-snapshot  OK 0x5000"]


def test_whether_a_store_was_emulated_the_guest_cannot_tell():
    trace = Trace.from_text(GUEST + OUT_OF_SYNC)
    assert first_difference(trace, "emulate", "oos-snapshot", guest_only=True) is None


def test_what_the_guest_can_tell_is_found_behind_what_it_cannot():
    # A fault on an address that has no shadow yet: emulate forgets to say that the entry is present.
    read_only = "POKE 0x3010 0x6067\nPOKE 0x6000 0x9021\nACCESS 0 0x400000 w s\n"
    trace = Trace.from_text(GUEST + OUT_OF_SYNC + read_only)
    found = first_difference(trace, "emulate", "oos-snapshot", guest_only=True)
    assert found.event == "ACCESS 0 0x400000 w s"
    assert found.outcomes == ("FAULT 0x2", "FAULT 0x3")


def test_machines_that_agree_give_none_and_the_same_machine_is_refused():
    trace = Trace.from_text(GUEST + OUT_OF_SYNC)
    assert first_difference(trace, "oos-snapshot", "oos-snapshot-untrusted") is None
    with pytest.raises(UsageError, match="both machines are oos-snapshot"):
        first_difference(trace, "E", "full")


def test_a_crash_is_an_outcome_too():
    found = first_difference(Trace.from_text(USER_MAPS_ROOT), "oos-snapshot", "oos-snapshot-untrusted")
    assert found is None
    told = []
    first_difference(Trace.from_text(GUEST), "A", "E", progress=lambda done, total: told.append((done, total)))
    assert told == [(12, 24), (24, 24)] or told[-1][0] == told[-1][1]

"""The time machine: wherever it goes, and whichever way, it is as a machine that only ever went forward."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oosbench import Cancelled, Machine, Trace
from oosbench.guests import generate
from oosbench.shadow.crash import DomainCrash
from oosbench.stepping import KINDS, GuestL1, TimeMachine, timemachine
from oosbench.traces.events import CR3

from ..small_guests import USER_MAPS_ROOT

#: Conformance trace and preset: every mode of paging, several vCPUs, early ends of shadows, a POKE amid the events.
WALKED = [
    ("stress64", "oos-snapshot"),
    ("stress32", "oos"),
    ("stresspae", "oos-array"),
    ("many_l1_smp4", "oos-fixed"),
    ("x_blow", "oos-snapshot"),
    ("stress64_pressure", "oos-snapshot-untrusted"),
    ("aba", "emulate"),
]
MOVES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["forward", "back"]), st.sampled_from([1, 10, 100, 3000])),
        st.tuples(st.just("goto"), st.floats(0, 1)),
        st.tuples(st.just("next"), st.sampled_from([*KINDS, "prefetch_calls"])),
    ),
    min_size=3,
    max_size=8,
)


def move(time: TimeMachine, how: str, where) -> None:
    getattr(time, how)(int(where * time.events) if how == "goto" else where)


def words(array: np.ndarray) -> np.ndarray:
    """Return an array as plain numbers, which are quicker to compare."""
    return array.view(np.ndarray).view(np.int64)


def assert_as_new(time: TimeMachine) -> None:
    """Compare with a fresh machine, array for array."""
    machine = time.machine
    fresh = Machine(machine.trace, machine.preset)
    fresh.advance(machine.row)
    for name in [field.name for field in fields(fresh.domain)]:
        assert np.array_equal(words(getattr(fresh.domain, name)), words(getattr(machine.domain, name))), name
    assert np.array_equal(fresh.outcomes[: machine.row], machine.outcomes[: machine.row])
    assert fresh.result().resyncs.equals(machine.result().resyncs)


@pytest.fixture(params=WALKED, ids=lambda param: param[0], scope="module")
def time(request, trace):
    made = TimeMachine(trace(request.param[0]), request.param[1])
    made._every = 300  # many checkpoints, and thinned
    return made


@settings(max_examples=6, deadline=None)
@given(moves=MOVES)
def test_a_walk_at_random_ends_as_a_machine_that_only_went_forward(time, moves):
    for how, where in moves:
        move(time, how, where)
    assert_as_new(time)
    assert len(time._checkpoints) <= timemachine.MOST


def test_a_generated_guest_and_a_recording(recorded):
    for source in (generate("fork_exec", 30_000, seed=3, vcpus=2), recorded("sqlite")):
        time = TimeMachine(source)
        for how, where in [("goto", 0.9), ("back", 100), ("next", "resync"), ("goto", 0.1), ("back", 1)]:
            move(time, how, where)
            assert_as_new(time)


def test_a_moment_says_the_same_from_whichever_side_one_comes(trace):
    time = TimeMachine(trace("smp2"))
    time._every = 100
    told = [(time.forward().text, time.moment.moved, time.moment.outcome, time.moment.table) for _ in range(600)]
    for number in np.random.default_rng(1).permutation(600)[:80]:
        moment = time.goto(int(number) + 1)
        assert (moment.text, moment.moved, moment.outcome, moment.table) == told[number]
        assert moment.number == time.event == number + 1


@pytest.mark.parametrize("kind", [*KINDS, "hw_ad_updates"])
def test_next_stops_at_each_event_that_moves_the_counter_and_at_no_other(trace, kind):
    counter = KINDS.get(kind, kind)
    stepped = TimeMachine(trace("many_l1"))
    wanted = [stepped.event for _ in range(1500) if counter in stepped.forward().moved]
    jumping = TimeMachine(trace("many_l1"))
    jumping._every = 200
    found = []
    while (moment := jumping.next(kind)) and moment.number <= 1500:
        assert counter in moment.moved
        found.append(moment.number)
    assert found == wanted != []


def test_where_there_is_no_next_it_stays(trace):
    time = TimeMachine(trace("t0"), "emulate")
    time.goto(5)
    assert time.next("unsync") is None
    assert time.event == 5
    assert_as_new(time)
    with pytest.raises(ValueError, match="'resink' is no counter; it may also be fault, unsync"):
        time.next("resink")


def test_it_stops_on_request_where_it_was(trace):
    time = TimeMachine(trace("stress64"))
    time._every = 500
    time.goto(40)
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        time.goto(9000, cancelled=lambda: next(asked))
    assert time.event == time.moment.number == 40
    assert_as_new(time)
    with pytest.raises(Cancelled):
        time.next("domain_crash", cancelled=lambda: time.machine.row > 3000)
    assert time.event == 40
    assert_as_new(time)


def test_beyond_the_ends_is_at_the_ends(trace):
    time = TimeMachine(trace("t0"))
    assert time.events == len(trace("t0"))
    assert time.back(7).number == 0
    assert time.focus() is None
    root = trace("t0").events.address[trace("t0").events.op == CR3][0] >> 12
    assert time.domain.memory[root].any(), "the memory that the guest begins with is there"
    assert time.forward(10**9).number == time.event == time.events
    assert time.forward().number == time.events


def test_a_trace_without_events_has_a_beginning():
    time = TimeMachine(Trace.from_text("MODE 4 1 16 256\nPOKE 0x1000 0x2067\n"))
    assert time.events == time.forward().number == 0
    assert time.domain.memory[1, 0] == 0x2067


def test_it_ends_where_the_original_dies_and_one_can_go_back_from_there():
    time = TimeMachine(Trace.from_text(USER_MAPS_ROOT + "ACCESS 0 0x0 r u\n", "dying"))
    assert time.events == 4
    for _ in range(2):
        moment = time.goto(10)
        assert (moment.number, moment.outcome, time.events) == (3, "DEAD", 3)
        assert "would have crashed here" in moment.crash
        assert time.forward() is moment
        assert time.back().number == 2
        assert_as_new(time)
    assert time.next("shadow_unshadow").number == 3
    assert time.next("domain_crash") is None
    assert time.back().crash == ""
    with pytest.raises(DomainCrash):
        time.machine.run()


def test_stores_behind_its_back_are_told_of_the_event_that_follows():
    time = TimeMachine(
        Trace.from_text(
            "MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\nPOKE 0x3000 0x1\nPOKE 0x3008 0x1\nACCESS 0 0x0 r s\n"
        )
    )
    assert time.forward().pokes == 0
    assert time.domain.memory[3, 0] == 0
    assert time.forward().pokes == 2
    assert (time.moment.outcome, time.moment.place) == ("FAULT", 0)


def test_checkpoints_are_small_few_and_thinned(recorded, monkeypatch):
    monkeypatch.setattr(timemachine, "EVERY", 2048)
    monkeypatch.setattr(timemachine, "MOST", 8)
    time = TimeMachine(recorded("sqlite"))
    time.goto(time.events)
    rows = [point.row for point in time._checkpoints]
    assert 4 <= len(rows) <= 8
    assert rows == [i * time._every for i in range(len(rows))]
    assert max(point.nbytes for point in time._checkpoints) < 8 * 2**20
    assert_as_new(time)


def test_an_l1_beside_its_snapshot_and_shadow(trace):
    time = TimeMachine(trace("many_l1"))
    moment = time.next("unsync")
    shown, index = time.focus()
    table = shown.gmfn
    assert shown.out_of_sync
    assert (shown.vcpu, shown.stores) == (0, 1)
    assert np.flatnonzero(shown.dirty).tolist() == [index], "the store itself came after the copy"
    assert [(page.gmfn, page.vcpu) for page in moment.entered] == [(table, 0)]
    before = GuestL1.of(time.domain, table)
    time.next("resync")
    after = GuestL1.of(time.domain, table)
    assert before.snapshot is not None
    assert after.snapshot is None
    assert not after.dirty.any()


@pytest.mark.parametrize("name", ["stress64", "stress32", "stresspae", "superpages"])
def test_an_address_leads_where_the_machine_s_own_walk_does(trace, name):
    time = TimeMachine(trace(name))
    tables = set()
    for _ in range(1500):
        moment = time.forward()
        walk = time.domain.walk[0]
        if moment.outcome == "OK" and "shadow_guest_walk" in moment.moved:
            assert (moment.at.table, moment.at.frame) == (walk.l1mfn, walk.l1e >> 12 & (2**40 - 1))
            tables.add(moment.at.table)
    assert len(tables) >= 3


def test_a_superpage_is_looked_at_by_its_shadow(trace):
    time = TimeMachine(trace("superpages"))
    shown = []
    for _ in range(200):
        moment = time.forward()
        if moment.outcome == "OK" and moment.at.superpage != -1:
            shown.append(time.focus())
    assert shown
    l1, index = shown[-1]
    assert l1.splintered
    assert l1.guest is None
    assert (l1.shadow[index] >> 12) == moment.at.frame or l1.shadow[index] != 0

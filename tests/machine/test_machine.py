"""The machine: stepping, stopping, going on, crashing, and what stays the same whichever way it is run."""

from __future__ import annotations

import pandas as pd
import pytest

from oosbench import Cancelled, Crash, Machine, Trace, TraceError
from oosbench.machine import machine
from oosbench.shadow import state
from oosbench.shadow.crash import DomainCrash, PoolDry

from ..small_guests import USER_MAPS_ROOT


def same(one, other) -> bool:
    return (
        one.counters.equals(other.counters)
        and (one.outcomes == other.outcomes).all()
        and one.resyncs.equals(other.resyncs)
    )


def test_stepping_and_running_give_the_same(trace):
    stepped = Machine(trace("smp2"))
    outcomes = []
    while True:
        try:
            outcomes.append(stepped.step())
        except StopIteration:
            break
    assert len(outcomes) == len(trace("smp2"))
    assert set(outcomes) == {"", "OK", "FAULT"}
    assert same(stepped.result(), Machine(trace("smp2")).run())


def test_a_full_log_is_emptied_and_nothing_is_lost(trace, monkeypatch):
    whole = Machine(trace("stress64")).run()
    monkeypatch.setattr(machine, "_LOG", machine.replay.LOG_MARGIN + 3)
    assert same(Machine(trace("stress64")).run(), whole)


def test_outcomes_need_not_be_kept(trace):
    lean = Machine(trace("cow"), keep_outcomes=False).run()
    assert len(lean.outcomes) == 0
    assert lean.counters.equals(Machine(trace("cow")).run().counters)


def test_a_run_tells_how_far_it_is_stops_on_request_and_goes_on(trace, monkeypatch):
    monkeypatch.setattr(machine, "CHUNK", 1000)
    told = []
    stopped = Machine(trace("stress64"))
    with pytest.raises(Cancelled):
        stopped.run(progress=lambda done, total: told.append((done, total)), cancelled=lambda: len(told) == 3)
    rows = len(trace("stress64").events)
    assert told == [(1000, rows), (2000, rows), (3000, rows)]
    assert same(stopped.run(), Machine(trace("stress64")).run())


def test_the_state_can_be_looked_at_as_frames(trace):
    looked = Machine(trace("t0"))
    looked.run()
    shadows = pd.DataFrame(looked.domain.shadows)
    assert shadows.type.value_counts().loc[[8, 10, 12, 13, 16]].tolist() == [2, 2, 2, 1, 3]


@pytest.mark.parametrize(
    "record", [state.FRAME, state.SHADOW, state.VCPU, state.FIXUP, state.WALK, state.STATE, state.CONFIG, state.RESYNC]
)
def test_no_field_hides_an_attribute_of_numpy(record):
    attributes = set(dir(pd.DataFrame([0]).to_records()[0])) | {"flags", "size", "data", "base", "shape", "real"}
    assert not attributes & set(record.names)


def test_what_the_original_dies_of_is_told(trace):
    # A user's store to the loaded root unshadows it, which cannot be done while it is loaded.
    dying = Machine(Trace.from_text(USER_MAPS_ROOT, "dying"))
    with pytest.raises(DomainCrash, match=r"dying, line 8 \(WRITE\), preset oos-snapshot: .*would have crashed"):
        dying.run()
    assert list(dying.result().outcome_lines())[-1] == "8 DEAD"
    assert dying.result().counters.domain_crash == 1


def test_a_pool_that_runs_dry_says_what_to_raise(trace, monkeypatch):
    monkeypatch.setattr(state, "pool_pages", lambda *asked: 20)
    with pytest.raises(PoolDry, match="shadow pool of 20 pages ran dry; raise shadow_pages"):
        Machine(trace("stress32")).run()
    assert issubclass(PoolDry, Crash)


def test_a_small_pool_is_raised_to_the_minimum():
    assert state.pool_pages(0, 1024, 1) == 132
    assert state.pool_pages(1, 1024, 1) == 256
    assert state.pool_pages(4096, 262144, 1) == 4096
    assert state.pool_pages(256, 262144, 8) == 2048


def test_a_machine_refuses_an_impossible_trace(trace):
    spoiled = trace("t0").events.copy()
    spoiled.vcpu[-1] = 7
    with pytest.raises(TraceError, match="line 1043: vcpu must be below 1"):
        Machine(Trace(4, 1, 1024, 4096, spoiled))


def test_memory_that_cannot_be_had_is_a_clear_error(monkeypatch, trace):
    def refuse(*size):
        raise MemoryError

    monkeypatch.setattr(machine, "new_domain", refuse)
    with pytest.raises(MemoryError, match=r"no room for a guest of 1,024 pages \(0.004 GiB\)"):
        Machine(trace("t0"))

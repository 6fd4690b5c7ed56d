"""Compiled code looks at no bounds, so what Python hands to it is checked before."""

from __future__ import annotations

import numpy as np
import pytest

from oosbench import Machine, Recording, RecordingError, Trace, TraceError, recordings
from oosbench.errors import UsageError

TEXT = "MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\nACCESS 0 0x0 r u\nBLOW\n"


@pytest.fixture
def small() -> Trace:
    return Trace.from_text(TEXT)


@pytest.mark.parametrize("how", ["advance", "run", "run_audited"])
@pytest.mark.parametrize("stop", [4, 5, 10**7, 2**62])
def test_a_machine_stops_at_the_end_of_its_trace(small, how, stop):
    machine = Machine(small)
    getattr(machine, how)(**{"stop": stop})
    assert machine.row == 4
    assert machine.result().counters.equals(Machine(small).run().counters)


@pytest.mark.parametrize("how", ["advance", "run", "run_audited"])
def test_a_stop_before_the_row_does_nothing(small, how):
    machine = Machine(small)
    machine.advance(2)
    getattr(machine, how)(**{"stop": -5})
    assert machine.row == 2
    with pytest.raises(TypeError):
        getattr(machine, how)(**{"stop": 2.5})


@pytest.mark.parametrize("row", [-1, -(10**6), 5, 10**9])
@pytest.mark.parametrize("how", ["advance", "run", "run_audited", "step", "deltas"])
def test_a_row_that_is_not_there_is_refused(small, row, how):
    machine = Machine(small)
    machine.row = row
    calls = {"advance": lambda: machine.advance(4), "deltas": lambda: list(machine.deltas())}
    if row > 0 and how != "advance":
        return  # there is nothing left to do, and nothing is done
    with pytest.raises(UsageError, match=rf"row is {row}, must be 0 to 4"):
        calls.get(how, getattr(machine, how))()


def test_a_checkpoint_of_another_machine_is_refused(small, trace):
    machine = Machine(small)
    mine = machine.checkpoint()
    others = [Machine(trace("cow")), Machine(small, "oos"), Machine(small, "oos-snapshot+oos_slots=8")]
    others.append(Machine(Trace.from_text(TEXT.replace("BLOW", "AUDIT"))))
    for other in others:
        with pytest.raises(UsageError, match="this checkpoint is of another machine than"):
            machine.restore(other.checkpoint())
    machine.run()
    machine.restore(mine)
    assert machine.row == 0
    Machine(small).restore(mine)  # another of the same kind is as good


def test_a_trace_cannot_be_changed_under_its_machine(small):
    machine = Machine(small)
    with pytest.raises(ValueError, match="read-only"):
        small.events.vcpu[:] = 250
    with pytest.raises(ValueError, match="read-only"):
        small.events[1] = small.events[0]
    machine.run()


def test_what_is_wrong_is_refused_before_anything_is_followed(small):
    events = small.events.copy()
    events.vcpu[1] = 63
    spoiled = Trace(4, 1, 16, 256, events)
    for use in (spoiled.summary, spoiled.to_text, lambda: Machine(spoiled)):
        with pytest.raises(TraceError, match="line 3: vcpu must be below 1"):
            use()


def test_a_recording_made_by_hand_is_checked_before_it_is_converted():
    good = recordings.load("sqlite")
    for name, value, told in (
        ("page", np.full_like(good.rows["page"], 2**30), "page must be below"),
        ("idx", np.full_like(good.rows["idx"], 5000), "idx must be below 512"),
        ("vcpu", good.rows["vcpu"][:-1], "column 'vcpu' has"),
        ("page_parent", np.full_like(good.rows["page_parent"], 2**30), "page_parent names no page"),
    ):
        with pytest.raises(RecordingError, match=f"mine: .*{told}"):
            Recording("mine", good.rows | {name: value}, good.touches).trace()
    far = good.touches | {"vpn": np.full_like(good.touches["vpn"], 2**30)}
    with pytest.raises(RecordingError, match="mine: row 0: vpn is not in vpn_table"):
        Recording("mine", good.rows, far).trace()

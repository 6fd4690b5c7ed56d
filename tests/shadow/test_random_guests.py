"""Random guests on every preset, with the audits after every event and the oracle beside the machine.

A failure shrinks to a guest of a few lines. It is left as a text trace in ``tests/failures``, ready for
``oosbench replay``.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from oosbench import Machine, Trace
from oosbench.presets import IDEAS, PRESETS
from oosbench.shadow.replay import EMUL, FAULT, OK
from oosbench.x86 import PFEC_P

from ..random_guests import (
    guests,
    keep,
    the_same_each_time,
    unexplained,
)
from ..tiers import some


@pytest.mark.parametrize("name", some([*PRESETS, *IDEAS], {"emulate", "oos-snapshot"}))
def test_a_wild_guest_sees_nothing_that_no_tlb_explains(name, tally):
    @the_same_each_time
    @given(guests())
    def check(guest):
        trace = Trace.from_text(guest.text())
        found, met = unexplained(trace, name)
        if met:
            tally[f"{' or '.join(met)} met by a random guest"] += 1
        assert not found, "\n".join([*found[:5], keep(guest.text(), name)])
        tally["random guests"] += 1
        tally["events of random guests, audited and judged"] += len(trace)

    check()


def seen(trace: Trace, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what a guest sees of each event, and its memory at the end.

    Whether a store was emulated it can not tell, nor where that went.
    """
    machine = Machine(trace, name)
    machine.run()
    outcomes = machine.outcomes.copy()
    stored = np.isin(outcomes.outcome, (OK, EMUL)) & (trace.events.access & 2 != 0)
    outcomes.place[stored] = 0
    outcomes.outcome[outcomes.outcome == EMUL] = OK
    if name == "emulate":
        faults = outcomes.outcome == FAULT
        outcomes.place[faults] |= PFEC_P
    return outcomes, machine.domain.memory[:-1]


def test_a_careful_guest_sees_the_same_on_every_preset(tally):
    @the_same_each_time
    @given(guests(careful=True))
    def check(guest):
        trace = Trace.from_text(guest.text())
        expected, memory = seen(trace, "oos-fixed")
        for name in (*PRESETS, *IDEAS):
            outcomes, found = seen(trace, name)
            if name == "emulate":
                expected_here = expected.copy()
                expected_here.place[expected.outcome == FAULT] |= PFEC_P
            else:
                expected_here = expected
            parted = np.flatnonzero(outcomes != expected_here)
            where = f"line {trace.events.line[parted[0]]} on {name}" if len(parted) else f"memory on {name}"
            assert len(parted) == 0, "\n".join([where, keep(guest.text(), f"{name}-careful")])
            assert (memory == found).all(), "\n".join([where, keep(guest.text(), f"{name}-careful")])
        tally["careful random guests, the same on every preset"] += 1

    check()

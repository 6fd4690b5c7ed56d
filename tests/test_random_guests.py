"""Random guests on every preset, with the audits after every event and the oracle beside the machine.

A failure shrinks to a guest of a few lines. It is left as a text trace in ``tests/failures``, ready for
``oosbench replay``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from oosbench import Machine, Trace, preset, watch
from oosbench.oracle.finding import MISSING_P, STUCK
from oosbench.presets import IDEAS, PRESETS
from oosbench.shadow.replay import EMUL, FAULT, OK
from oosbench.x86 import PFEC_P

from .random_guests import guests

FAILURES = Path(__file__).parent / "failures"
EXAMPLES = 100

# The same guests each time. `--hypothesis-profile` of one's own, or a larger number here, looks further.
the_same_each_time = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# The defects that a wild guest may run into, and what corrects each.
CORRECTIONS = {"D2": "resync_late", "D4": "prealloc_first", "D5": "skip_2level"}
# What is not a defect of tables out of sync: the error code of a fault before the series; and a user who stores to
# the very table that maps the address, which is unshadowed and needed again for ever (on presets that let such a
# table go out of sync, only if it may not).
KNOWN = {"emulate": {MISSING_P, STUCK}}


def keep(text: str, what: str) -> str:
    """Leave a failing guest as a trace; return where."""
    FAILURES.mkdir(exist_ok=True)
    path = FAILURES / f"{what}.trace"
    path.write_text(text)
    return f"{path}\n{text}"


def complaints(trace: Trace, on) -> list[str]:
    """Return what oracle and audits find on a preset, without what is known of it."""
    watched = watch(trace, on, audits=True, stop_at_first=False)
    known = KNOWN.get(preset(on).name, {STUCK})
    assert watched.crash is None, watched.crash
    told = [str(finding) for finding in watched.findings if finding.kind not in known]
    return told + [f"line {line}: {violation}" for line, violation in watched.violations]


def corrected(name: str, *axes: str):
    """Return a preset with some corrections; emulation alone needs none."""
    return preset(name).replace(**dict.fromkeys(axes if preset(name).oos else (), True))


def unexplained(trace: Trace, name: str) -> tuple[list[str], list[str]]:
    """Return what is found on a preset and is no defect of 2008, and the defects that were met.

    A historical preset may have such a defect: then its correction makes the finding go.
    """
    found = complaints(trace, name)
    if not found or name == "oos-fixed":
        return found, []
    met = [defect for defect, axis in CORRECTIONS.items() if not complaints(trace, corrected(name, axis))]
    return ([] if met else complaints(trace, corrected(name, *CORRECTIONS.values()))), met


@pytest.mark.parametrize("name", [*PRESETS, *IDEAS])
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

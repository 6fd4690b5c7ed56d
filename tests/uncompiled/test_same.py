"""Uncompiled, the machine gives what the original C code gives, as it does compiled."""

from __future__ import annotations

import pytest

from oosbench import Machine, Trace
from oosbench.shadow.crash import DomainCrash

from .. import golden
from ..small_guests import USER_MAPS_ROOT

SHORT = ["t0", "dirtycheck", "aba", "alias", "unshadow", "superpages", "guestfaults", "smp2", "guest32", "many_l1_pae"]


@pytest.mark.parametrize("variant", golden.VARIANTS)
@pytest.mark.parametrize("name", SHORT)
def test_a_trace_gives_what_the_original_gives(name, variant, trace):
    machine = Machine(trace(name), variant)
    result = machine.run()
    expected = golden.counters(golden.FOLDER / "expected" / variant / f"{name}.counters.json")
    assert golden.differences(result, expected) == {}
    assert list(result.outcome_lines()) == golden.lines(variant, name, "results")
    assert list(machine.dump()) == golden.lines(variant, name, "dump")


def test_a_crash_is_a_crash():
    with pytest.raises(DomainCrash):
        Machine(Trace.from_text(USER_MAPS_ROOT)).run()

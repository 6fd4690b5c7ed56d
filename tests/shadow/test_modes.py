"""What CR0.WP and CR4.PSE do to an access: as a processor would have it."""

from __future__ import annotations

import numpy as np
import pytest

from oosbench import Machine, Trace, watch
from oosbench.presets import IDEAS, PRESETS

from ..random_guests import corrected
from ..tiers import some

EVERY = some([*PRESETS, *IDEAS])

WP_CLEAR = """MODE 4 1 64 512
POKE 0x1000 0x2067
POKE 0x2000 0x3067
POKE 0x3000 0x4067
POKE 0x4000 0x8065
CR3 0 0x1000
WP 0 0
ACCESS 0 0x0 w s
ACCESS 0 0x0 w u
WP 0 1
ACCESS 0 0x0 w s
"""


@pytest.mark.parametrize("name", EVERY)
def test_a_supervisors_store_goes_through_while_wp_is_clear(name):
    watched = watch(Trace.from_text(WP_CLEAR), name, audits=True)
    told = list(watched.result.outcome_lines())
    assert told[2] == "8 EMUL"
    assert told[3].startswith("9 FAULT")
    assert told[5].startswith("11 FAULT")
    assert not watched.violations
    assert {finding.kind for finding in watched.findings} <= ({"missing P"} if name == "emulate" else set())


@pytest.mark.parametrize("who", "su")
@pytest.mark.parametrize("name", EVERY)
def test_a_store_of_unknown_value_to_read_only_memory_ends(name, who):
    text = (
        WP_CLEAR.replace("0x8065", "0x8067").replace("CR3", "P2M 8 ro\nCR3").split("WP 0 0")[0]
        + f"ACCESS 0 0x0 w {who}\n"
    )
    outcome = list(Machine(Trace.from_text(text), name).run().outcome_lines())[-1]
    assert outcome == ("8 EMUL" if Machine(Trace.from_text(text), name).preset.drop_ro_writes else "8 MMIO")


# A root that leads to itself by an entry with the bit of a large page, which CR4.PSE makes one of.
SWITCHED = """MODE 2 1 24 1024
POKE 0x9000 0x90e7
POKE 0x8000 0x4067
POKE 0x4008 0x9067
CR3 0 0x17000
PSE 0 0
CR3 0 0x8000
WRITE 0 0x2008 0x17063
WRITE 0 0x200c 0xb067
CR3 0 0x9000
ACCESS 0 0x3ff0 w s
PSE 0 1
ACCESS 0 0x2008 w u
"""


@pytest.mark.parametrize("name", EVERY)
def test_a_change_of_pse_breaks_i1_unless_it_is_corrected(name):
    """The audit is right: what was a table stays one in the shadow, and fills up with entries of a large page."""
    broken = Machine(Trace.from_text(SWITCHED), name).run_audited()
    assert [violation.invariant for violation in broken] == ([] if name == "oos-fixed" else [1])
    assert Machine(Trace.from_text(SWITCHED), corrected(name, "pse_unshadow")).run_audited() == []


# A table in frame 0x400 that becomes a large page.
SEEN = """MODE 2 1 2048 256
POKE 0x1000 0x4000e7
POKE 0x400004 0x5067
CR3 0 0x1000
PSE 0 0
ACCESS 0 0x1000 r s
PSE 0 1
ACCESS 0 0x1000 r s
"""


@pytest.mark.parametrize("name", EVERY)
def test_a_guest_would_have_seen_the_table_where_there_is_a_large_page(name):
    trace = Trace.from_text(SEEN)
    fixed = "8 OK 0x401000 0x0"
    expected = {name: ("8 OK 0x5000 0x0", ["translation"]), "oos-fixed": (fixed, [])}[name]
    for on, wanted in ((name, expected), (corrected(name, "pse_unshadow"), (fixed, []))):
        watched = watch(trace, on)
        assert (list(watched.result.outcome_lines())[-1], [finding.kind for finding in watched.findings]) == wanted


def test_setting_pse_to_what_it_is_throws_nothing_out():
    text = SWITCHED.replace("PSE 0 0", "PSE 0 1")
    plain, mended = (Machine(Trace.from_text(text), f"oos-snapshot{more}").run() for more in ("", "+pse_unshadow"))
    assert plain.counters.equals(mended.counters.rename(plain.counters.name))
    np.testing.assert_array_equal(plain.outcomes, mended.outcomes)

"""The model of KVM: what a guest sees of it is architecture, and its own rules hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from oosbench import Machine, Trace, open_trace, recordings
from oosbench.errors import CostError
from oosbench.guests import generate
from oosbench.oracle import Oracle
from oosbench.rivals.kvm import kvm, replay
from oosbench.rivals.kvm.counted import NAMES
from oosbench.rivals.kvm.replay import new_kvm, run
from oosbench.shadow.replay import EMUL, FAULT, OK, OUTCOMES, RESULT
from oosbench.x86 import FRAME_MASK, RW, P

from ..random_guests import guests, the_same_each_time

SMALL = {"pages": 8192}
# Table 4 maps itself through entry 5 of table 5: a window at 0x200000 on the leaf table of 0x0.
GUEST = """\
MODE 4 1 4096 1024
POKE 0x1000 0x2067
POKE 0x2000 0x3067
POKE 0x3000 0x4067
POKE 0x3008 0x5067
POKE 0x4008 0x100067
POKE 0x4010 0x101067
POKE 0x5000 0x4063
POKE 0x5008 0x3063
CR3 0 0x1000
ACCESS 0 0x1000 r u
"""


def counts(trace: Trace, **options) -> dict[str, int]:
    k, _ = replay(trace, **options)
    return dict(zip(NAMES, k.counted.tolist(), strict=True))


def complaints(trace: Trace, pages: int = 8192) -> list[str]:
    """Return what the oracle finds, event by event."""
    k, oracle, found = new_kvm(trace.validate(), pages), Oracle(trace), []
    results = np.zeros(len(trace.events), RESULT).view(np.recarray)
    for row in range(len(trace.events)):
        run(k, trace.events, results, row, row + 1)
        r = results[row]
        found += oracle.observe(row, OUTCOMES[r.outcome], int(r.place), int(r.value), k.memory)
    return [str(f) for f in [*found, *oracle.finish(k.memory)]]


def consistent(k) -> None:
    """Check the reverse map, the marks, and that no table in sync is mapped writable."""
    live = np.flatnonzero(k.pages.used)
    for page in live:
        for index in np.flatnonzero(k.entries[page]):
            entry, at = int(k.entries[page, index]), page * 512 + index
            frame = (entry >> 12) & FRAME_MASK
            first = k.mappings[frame] if k.pages[page].level == 1 else k.pages[frame].parents
            while first != at:
                assert first != 0, "an entry is in no list"
                first = k.after[first]
            if k.pages[page].level == 1 and entry & (P | RW) == P | RW:
                table = k.shadows[frame]
                while table != 0:
                    assert k.pages[table].unsync, "a table in sync is mapped writable"
                    table = k.pages[table].after
            if k.pages[page].level > 1:
                child = k.pages[frame]
                assert bool(k.marked[page, index]) or not (child.unsync or child.unsync_children), "a mark is missing"


@pytest.mark.parametrize("name", recordings.bundled().index)
def test_it_delivers_the_recorded_faults_and_no_other(name):
    trace = open_trace(name)
    k, results = replay(trace, keep_outcomes=True)
    machine = Machine(trace)
    machine.run()
    assert (results.outcome == FAULT).tolist() == (machine.outcomes.outcome == FAULT).tolist()
    faults = results.outcome == FAULT
    assert (results.place[faults] == machine.outcomes.place[faults]).all()
    reads = (results.outcome == OK) & (machine.outcomes.outcome == OK)
    assert (results.value[reads] == machine.outcomes.value[reads]).all()
    consistent(k)


def test_the_oracle_finds_nothing_in_a_recording():
    assert complaints(open_trace("sqlite")) == []


@pytest.mark.parametrize("vcpus", [1, 2])
@pytest.mark.parametrize("family", ["fork_exec", "mmap_churn", "working_set", "threads", "adversary", "reclaim"])
def test_the_oracle_finds_nothing_in_generated_guests(family, vcpus):
    trace = generate(family, 3000, levels=4, vcpus=vcpus, seed=3, **SMALL)
    assert complaints(trace) == []
    consistent(replay(trace)[0])


def test_a_full_pool_is_emptied_and_nobody_notices():
    assert complaints(generate("fork_exec", 3000, levels=4, seed=4, **SMALL), pages=40) == []


def test_a_wild_guest_sees_nothing_that_no_tlb_explains():
    @the_same_each_time
    @given(guests())
    def check(guest):
        trace = Trace.from_text(guest.text())
        if trace.levels == 4:
            assert complaints(trace) == []

    check()


def test_a_table_out_of_sync_is_written_without_exits_until_cr3():
    many = "".join(f"WRITE 0 {0x200000 + 8 * i:#x} {0x100067 + 4096 * i:#x}\n" for i in range(10, 60))
    c = counts(Trace.from_text(GUEST + many))
    assert c["unsyncs"] == 1
    assert c["emulate_insn"] == 0
    assert c["vmexit_pf"] <= 3
    again = counts(Trace.from_text(GUEST + many + "CR3 0 0x1000\n" + many))
    assert again["unsyncs"] == 2


def test_a_changed_entry_is_dropped_at_cr3_and_refilled_by_a_fault():
    text = GUEST + "ACCESS 0 0x2000 r u\nWRITE 0 0x200010 0x102067\nCR3 0 0x1000\n"
    before = counts(Trace.from_text(text))
    assert before["dropped"] == 1
    k, results = replay(Trace.from_text(text + "ACCESS 0 0x2000 r u\n"), keep_outcomes=True)
    assert results[-1].place == 0x102000
    assert dict(zip(NAMES, k.counted.tolist(), strict=True))["vmexit_pf"] == before["vmexit_pf"] + 1


def test_a_table_is_brought_into_sync_before_it_is_linked():
    # The leaf table is changed out of sync, then linked at another address: no flush is needed to see the change there.
    text = GUEST + "ACCESS 0 0x2000 r u\nWRITE 0 0x200010 0x102067\nWRITE 0 0x201010 0x4067\n"
    text += "ACCESS 0 0x401000 r u\nACCESS 0 0x402000 r u\n"  # the first links it, the second finds what is there
    _, results = replay(Trace.from_text(text), keep_outcomes=True)
    assert results[-1].place == 0x102000


def test_three_writes_to_an_upper_table_without_use_throw_it_out():
    # A window at 1 GiB on table 3, the L2 of all below; to use the window is no use of table 3.
    window = "POKE 0x4050 0x102067\nPOKE 0x2008 0x6067\nPOKE 0x6000 0x7067\nPOKE 0x7000 0x3063\nCR3"
    writes = [f"WRITE 0 {0x40000000 + 8 * i:#x} 0\n" for i in (10, 11, 12)]
    guest = GUEST.replace("CR3", window)
    two, three = (Trace.from_text(guest + "".join(writes[:n])) for n in (2, 3))
    assert replay(three, keep_outcomes=True)[1].outcome[-3:].tolist() == [EMUL] * 3
    assert counts(three)["page_free"] == counts(two)["page_free"] + 1
    used = Trace.from_text(guest + writes[0] + writes[1] + "ACCESS 0 0xa000 r u\n" + writes[2])
    assert counts(used)["page_free"] == counts(two)["page_free"]


@pytest.mark.parametrize("tail", ["", "WP 0 0\nACCESS 0 0x1000 r u\n"])
def test_an_access_that_writes_an_upper_table_is_no_end(tail):
    window = "POKE 0x2008 0x6067\nPOKE 0x6000 0x7067\nPOKE 0x7000 0x3063\nCR3"
    trace = Trace.from_text(GUEST.replace("CR3", window) + tail + "ACCESS 0 0x40000000 w s\n")
    assert complaints(trace) == []
    assert counts(trace)["emulate_insn"] == 1


def test_without_write_protection_a_supervisor_stores_where_it_may_only_read():
    read_only = GUEST.replace("POKE 0x4008 0x100067", "POKE 0x4008 0x100065")
    for access in ("WRITE 0 0x1000 7\n", "ACCESS 0 0x1000 w s\n"):
        assert complaints(Trace.from_text(read_only + "WP 0 0\n" + access)) == []


def test_the_same_trace_gives_the_same_tally():
    trace = open_trace("sqlite")
    assert kvm(trace).events.equals(kvm(trace).events)


@pytest.mark.parametrize("levels", [2, 3])
def test_other_guests_are_refused(levels):
    with pytest.raises(CostError, match=f"has {levels} levels of paging; the model of KVM takes 64-bit guests only, 4"):
        kvm(generate("fork_exec", 500, levels=levels, **SMALL))

"""Traces made out of traces: what each sees is what it sees alone."""

from __future__ import annotations

import re

import numpy as np
import pytest

from oosbench import Trace, TraceError
from oosbench.errors import UsageError
from oosbench.shadow.replay import OK
from oosbench.splice import splice
from oosbench.studies import watch
from oosbench.studies.difference import hide_emulation
from oosbench.traces.events import CR3, NX, P2M, POKE, PSE, WP

from .small_traces import outcomes, small

MODES = {2: "guest32", 3: "pae", 4: "smp2"}


@pytest.fixture
def guest(trace, recorded):
    """Return a function that gives a trace by name; recordings cut to be quick."""

    def give(name: str) -> Trace:
        return splice.cut(recorded(name), 0, 20000) if name in ("gcc", "sqlite") else trace(name)

    return give


@pytest.fixture
def spliced(monkeypatch):
    """Return a function that splices, and gives beside the result the rows that the events of each trace have there."""

    def run(function, traces, *args):
        woven = []

        def spy(processes, mode, turns):
            woven[:] = [processes, *weave(processes, mode, turns)]
            return woven[1:]

        weave = splice.weave
        with monkeypatch.context() as patch:
            patch.setattr(splice, "weave", spy)
            whole = function(traces, *args)
        processes, parts, origin = woven
        rows = [np.full(len(trace.events), -1) for trace in traces]
        at = 0
        for part, of in zip(parts, origin, strict=True):
            if of is not None:
                process, first = of
                rows[processes.index(process)][first : first + len(part)] = np.arange(at, at + len(part))
            at += len(part)
        assert at == len(whole.events)
        assert all((np.diff(row) > 0).all() and row[0] >= 0 for row in rows)  # every event is there, in order
        return whole, rows

    return run


def moved(value: int, trace: Trace, base: int) -> int:
    """Return a word of a trace as it is once its memory begins at frame `base`."""

    def entry(number: int) -> int:
        own = number & 1 and (number >> 12) % 2**40 < trace.guest_pages
        return number + (base << 12) if own else number

    value = int(value) % 2**64
    value = entry(value % 2**32) | entry(value >> 32) << 32 if trace.levels == 2 else entry(value)
    return value - 2**64 if value >= 2**63 else value


def parted(whole: Trace, rows: list[np.ndarray], traces: list[Trace]) -> list[list[int]]:
    """Return, for each trace, the lines whose outcome is not as it is alone, as far as the guest can tell."""
    found, base = [], 0
    all_outcomes = outcomes(whole)
    for trace, row in zip(traces, rows, strict=True):
        alone, here = outcomes(trace), all_outcomes[row].view(np.recarray)
        alone.place[(alone.outcome == OK) & (trace.events.op != POKE)] += base << 12
        alone.value = [moved(value, trace, base) for value in alone.value.tolist()]
        hide_emulation(alone, here)
        halves = (alone.place == base << 12) & (here.place == 0)  # WRITEHL has no place
        alone.place[halves] = 0
        found.append(trace.events.line[alone != here].tolist())
        base = -(-(base + trace.guest_pages) // 1024) * 1024
    return found


# --- one after the other, and in turns -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("hs_32_v2_4m", "guest32"),
        ("guest32", "stress32"),
        ("stress32", "many_l1_32"),
        ("pae", "many_l1_pae", "stresspae"),
        ("hs_64_v2_2m", "highpte"),
        ("lifecycle", "hs_64_v2_2m"),
        ("many_l1_smp4", "superpages", "unshadow"),
        ("gcc", "sqlite"),
    ],
    ids="+".join,
)
def test_one_after_the_other_each_sees_what_it_sees_alone(names, guest, spliced):
    traces = [guest(name) for name in names]
    whole, rows = spliced(splice.concatenate, traces)
    assert parted(whole, rows, traces) == [[]] * len(traces)
    assert whole.name == " + ".join(trace.name for trace in traces)


@pytest.mark.parametrize("quantum", [7, 100])
@pytest.mark.parametrize(
    "names",
    [
        ("stress32", "many_l1_32", "guest32"),
        ("pae", "many_l1_pae"),
        ("ctx_switch", "cow", "fork_exec"),
        ("stress64", "smp2"),
        ("gcc", "sqlite"),
    ],
    ids="|".join,
)
def test_in_turns_a_guest_that_flushes_sees_what_it_sees_alone(names, quantum, guest, spliced):
    traces = [guest(name) for name in names]
    rates = [1, 1.5, 3][: len(names)]
    whole, rows = spliced(splice.interleave, traces, quantum, rates)
    found = parted(whole, rows, traces)
    if "stress32" in names or "stress64" in names:
        # A few of its accesses find what was to be flushed.
        assert sum(map(len, found)) < 20
        assert watch(whole, "oos-fixed").findings == []
    else:
        assert found == [[]] * len(traces)


@pytest.mark.parametrize(
    "names",
    [("hs_32_v2_4m", "guest32"), ("pae", "stresspae"), ("lifecycle", "highpte"), ("x_fixupfull", "x_blow")],
    ids="|".join,
)
def test_what_a_guest_sees_earlier_than_alone_a_processor_may_show(names, trace):
    assert watch(splice.interleave([trace(name) for name in names], 50), "oos-fixed").findings == []


@pytest.mark.parametrize("levels", MODES)
def test_invariants_hold_in_a_spliced_trace(levels, trace):
    part = splice.cut(trace(MODES[levels]), 200, 500)
    watched = watch(splice.interleave([part, part], 20, [1, 2]), "oos-fixed", audits=True)
    assert (watched.findings, watched.violations, watched.crash) == ([], [], None)


def test_turns_are_as_long_as_asked_and_begin_with_a_switch(recorded, spliced):
    traces = [splice.cut(recorded("gcc"), 0, 900), splice.cut(recorded("sqlite"), 0, 2000)]
    whole, rows = spliced(splice.interleave, traces, 100, [1, 2.5])
    owner = np.full(len(whole.events), -1)
    for i, row in enumerate(rows):
        owner[row] = i
    of_event = owner[(whole.events.op != POKE) & (owner >= 0)]
    ends = np.flatnonzero(np.diff(of_event))
    assert np.diff(ends)[:6].tolist() == [250, 100, 250, 100, 250, 100]
    switches = np.flatnonzero((owner < 0) & (whole.events.op != P2M))
    assert set(whole.events.op[switches]) == {CR3}
    # The first turns load their root themselves; one that follows its own needs no switch.
    assert len(switches) == len(ends) - 1


# --- all of them ---------------------------------------------------------------------------------------------------


def test_the_same_again_gives_the_same_and_leaves_what_it_was_given(trace):
    traces = [trace("stress64"), trace("smp2")]
    before = [one.events.copy() for one in traces]
    for make in (
        lambda: splice.cut(traces[0], 1000, 2000),
        lambda: splice.concatenate(traces),
        lambda: splice.interleave(iter(traces), 10, [0.35, 2]),
    ):
        made, again = make(), make()
        assert (made.events == again.events).all()
        assert made.to_text() == again.to_text()
        read = Trace.from_text(made.to_text())
        assert (read.events == made.events).all()
    assert all((one.events == events).all() for one, events in zip(traces, before, strict=True))
    both = splice.concatenate(traces)
    assert (both.vcpus, both.guest_pages, both.shadow_pages) == (2, 6144 + 8192, 8192)


@pytest.mark.parametrize(
    ("quantum", "rates", "told"),
    [
        (0, None, "quantum is 0, must be 1 to 2147483647"),
        ("ten", None, "quantum is 'ten', must be a whole number"),
        (10, [1], "rates has 1 numbers, must have one for each of the 2 traces"),
        (10, [1, 0.05], "rates[1] is 0.05, must be at least 1 / quantum (0.1)"),
        (10, [float("nan"), 1], "rates[0] is nan, must be"),
        (10, [1, float("inf")], "rates[1] is inf, must be"),
    ],
)
def test_turns_that_make_no_sense_are_refused(quantum, rates, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        splice.interleave([small(4, "BLOW\n"), small(4, "BLOW\n")], quantum, rates)


@pytest.mark.parametrize("join", [splice.concatenate, splice.interleave])
def test_traces_that_do_not_fit_together_are_refused(join):
    def refused(kind, told, *traces):
        with pytest.raises(kind, match=re.escape(told)):
            join(traces)

    refused(UsageError, "traces is empty")
    refused(UsageError, "traces[0] is a str, must be a Trace", "gcc")
    refused(
        TraceError,
        "b has 2 levels and a has 4; traces on one machine must have the same",
        small(4, "", name="a"),
        small(2, ""),
    )
    for act in ("ACCESS 0 0x5000 r u", "WRITE 0 0x5000 0x1", "INVLPG 0 0x5000", "WP 0 1"):
        early = small(4, f"BLOW\n{act}\nCR3 0 0\n")
        refused(TraceError, "b, line 3: vcpu 0 does something before its first CR3 load", small(4, ""), early)
    half = 2**19 + 1
    refused(TraceError, "must be at most 1,048,576 for 3 levels", small(3, "", half), small(3, "", half))
    refused(TraceError, "must be at most 1,048,576 for 2 levels", small(2, "", half), small(2, "", half))
    # A device that would have to be beyond what an entry can name.
    device = small(2, "CR3 0 0\nWRITE 0 0 0x90000007\n", 2**19 - 1024)
    refused(TraceError, "b, line 3: the frame in 0x90000007 cannot be moved", small(2, "", 2**19 + 1024), device)
    # Stores of half an entry on a machine whose frames do not fit in it.
    by_halves = small(4, "CR3 0 0\nWRITE 0 0 0x1067 4\n", 2**20)
    refused(TraceError, "b, line 3: the frame in 0x1067 cannot be moved", small(4, "", 2**20), by_halves)


def test_what_differs_is_switched_with_the_turn():
    text = "CR3 0 0\nBLOW\nBLOW\nBLOW\n"
    a, b = small(2, text.replace("BLOW", "WP 0 0", 1), 1024), small(2, text.replace("BLOW", "PSE 0 0", 1), 1024)
    whole = splice.interleave([a, b], 2)
    told = [(event.op, event.value) for event in whole.events if event.op in (WP, NX, PSE)]
    assert told == [(WP, 0), (WP, 1), (PSE, 0), (WP, 0), (PSE, 1), (WP, 1), (PSE, 0)]

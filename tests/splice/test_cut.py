"""A part of a trace: it gives what it gives in the whole."""

from __future__ import annotations

import re

import numpy as np
import pytest

from oosbench import Trace
from oosbench.errors import UsageError
from oosbench.splice import splice
from oosbench.studies import watch
from oosbench.studies.difference import hide_emulation
from oosbench.traces.events import POKE

from .small_traces import outcomes


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    "name",
    "guest32 many_l1_32 pae many_l1_pae smp2 aba fork_exec superpages x_oosoff x_prealloc2 gcc sqlite".split(),
)
def test_a_part_of_a_trace_gives_what_it_gives_in_the_whole(name, share, trace, recorded):
    whole = recorded(name) if name in ("gcc", "sqlite") else trace(name)
    start = int(share * len(whole))
    stop = start + (len(whole) - start) * 3 // 4
    part = splice.cut(whole, start, stop)
    assert part.name == f"{whole.name}[{start}:{stop}]"
    rows = np.flatnonzero(whole.events.op != POKE)[start:stop]
    theirs = np.flatnonzero(part.events.op != POKE)[-len(rows) :]
    assert (whole.events.address[rows] == part.events.address[theirs]).all()
    expected, found = outcomes(whole)[rows].view(np.recarray), outcomes(part)[theirs].view(np.recarray)
    hide_emulation(expected, found)
    assert (expected == found).all()


@pytest.mark.parametrize("name", ["hs_32_v2_4m", "stresspae", "hs_64_v2_2m", "highpte", "x_late"])
def test_where_a_part_forgot_what_was_stale_it_shows_what_a_processor_may(name, trace):
    whole = trace(name)
    assert watch(splice.cut(whole, len(whole) // 2, len(whole)), "oos-fixed").findings == []


def test_a_part_begins_with_memory_types_and_vcpus():
    text = "POKE 0x2000 0x3001\nPOKE 0x1000 0x2001\nCR3 0 0x1000\nP2M 9 ro\nWP 0 0\nNX 0 1\nPOKE 0x1000 0x4001\n"
    text += "BLOW\nAUDIT\n"
    part = splice.cut(Trace.from_text(f"MODE 3 2 64 0\n{text}"), 4, 5)
    assert part.to_text().splitlines() == [
        "MODE 3 2 64 0",
        "POKE 0x1000 0x4001 8",
        "POKE 0x2000 0x3001 8",
        "P2M 9 ro",
        "POKE 0x1000 0x2001 8",  # vCPU 0 still holds the L3 entry that it loaded
        "CR3 0 0x1000",
        "POKE 0x1000 0x4001 8",
        "WP 0 0",
        "BLOW",
    ]


@pytest.mark.parametrize(
    ("start", "stop", "told"),
    [
        (-1, 5, "start is -1, must be 0 to 733"),
        (734, 734, "start is 734, must be 0 to 733"),
        (10, 9, "stop is 9, must be 10 to 733"),
        (0, 734, "stop is 734, must be 0 to 733"),
        (0.5, 5, "start is 0.5, must be a whole number"),
    ],
)
def test_a_part_that_is_not_there_is_refused(start, stop, told, trace):
    with pytest.raises(UsageError, match=re.escape(told)):
        splice.cut(trace("smp2"), start, stop)

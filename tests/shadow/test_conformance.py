"""Agreement with the original C code, on its traces: every outcome, every table, every counter."""

from __future__ import annotations

import pytest

from oosbench import Machine

from .. import golden


@pytest.mark.parametrize("variant", golden.VARIANTS)
@pytest.mark.parametrize("name", golden.MANIFEST.index)
def test_a_trace_gives_what_the_original_gives(name, variant, trace, tally):
    machine = Machine(trace(name), variant)
    result = machine.run()
    expected = golden.counters(golden.FOLDER / "expected" / variant / f"{name}.counters.json")
    assert golden.differences(result, expected) == {}
    outcomes = list(result.outcome_lines())
    assert outcomes == golden.lines(variant, name, "results")
    dump = list(machine.dump())
    assert dump == golden.lines(variant, name, "dump")
    tally["counters"] += len(expected)
    tally["outcomes"] += len(outcomes)
    tally["lines of dumps"] += len(dump)
    tally["runs"] += 1


@pytest.mark.parametrize("name", golden.MANIFEST.index)
def test_every_event_moves_the_counters_that_it_moves_in_the_original(name, trace, tally):
    ignored = golden.NOT_MODELLED | golden.IMPLEMENTATION

    def told(line: str) -> list[str]:
        return [word for word in line.split() if word.replace("-", "+").split("+")[0] not in ignored]

    expected = golden.lines("full", name, "deltas")
    for found, wanted in zip(Machine(trace(name), "full").deltas(), expected, strict=True):
        assert told(found) == told(wanted)
    tally["deltas"] += len(expected)


def test_the_manifest_is_true(trace):
    for name, row in golden.MANIFEST.iterrows():
        read = trace(name)
        assert (read.levels, read.vcpus, len(read)) == (row.levels, row.vcpus, row.events), name

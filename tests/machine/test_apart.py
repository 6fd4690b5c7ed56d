"""Results are told apart by what they are: equal names never pool two guests, two machines, or two runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oosbench import Machine, charts, preset
from oosbench.guests import Workload, generate
from oosbench.machine import counters_frame, dirty, headline, resyncs_frame, run_each
from oosbench.panels import ComparePanel

ALONE = {"fork_exec seed=1": 0.706, "fork_exec heap=400 seed=2": 0.722}


@pytest.fixture(scope="module")
def pair():
    return generate("fork_exec", 1500, seed=1), generate("fork_exec", 1500, seed=2, heap=400)


def run(trace, on="oos-snapshot"):
    return Machine(trace, on, keep_outcomes=False).run()


def table(results):
    return headline(counters_frame(results), resyncs_frame(results))


def test_the_name_of_a_generated_guest_says_what_sets_it_apart(pair):
    assert [trace.name for trace in pair] == list(ALONE)
    assert generate("fork-exec", 1500).name == "fork_exec"
    assert (
        generate("fork_exec", 1500, levels=4, vcpus=2, shell=9, heap=200).name == "fork_exec vcpus=2 heap=200 shell=9"
    )
    assert generate("fork_exec", 1500, levels=2).name == "fork_exec levels=2"
    assert Workload.like("gcc", seed=3).trace(1500).name == "fork_exec seed=3 like gcc"


def test_two_generated_guests_are_not_pooled(pair):
    assert table([run(trace) for trace in pair]).set_index("trace").found_nothing.round(3).to_dict() == ALONE


def test_equal_names_are_made_unequal(pair):
    results = [run(replace(trace, name="mine")) for trace in pair]
    found = table(results)
    assert found.trace.tolist() == ["mine", "mine (2)"]
    assert found.found_nothing.round(3).tolist() == list(ALONE.values())
    passes = dirty.chosen(resyncs_frame(results))
    assert dirty.table(passes).query("cause == 'all'").trace.tolist() == ["mine", "mine (2)"]
    assert "mine (2)" in charts.multiples_text(found)
    assert "mine (2)" in charts.dirty_ratio_text(found)
    charts.multiples(found)


def test_a_name_that_looks_numbered_is_not_taken_twice(pair):
    short = generate("fork_exec", 1200, seed=9)
    results = [run(replace(trace, name=name)) for trace, name in zip((*pair, short), ("x", "x (2)", "x"), strict=True)]
    assert counters_frame(results).trace.tolist() == ["x", "x (2)", "x (3)"]


def test_presets_of_one_name_are_told_apart(pair):
    eight = preset("oos").replace(oos_slots=8, name="oos")
    found = counters_frame(run_each([pair[0]], ["oos", eight, "oos"]))
    assert found.preset.tolist() == ["oos", "oos (2)"]
    assert found.shadow_unsync_evict.nunique() == 2


def test_the_same_result_twice_is_there_once(pair):
    found = table([run(pair[0]), run(pair[0])])
    assert len(found) == 1
    assert found.found_nothing.round(3).tolist() == [0.706]
    charts.multiples(found)


def test_a_run_that_ended_elsewhere_is_another(pair):
    part = Machine(pair[0]).run(stop=1000)
    found = counters_frame([part, run(pair[0])])
    assert found.trace.tolist() == ["fork_exec seed=1", "fork_exec seed=1 (2)"]
    assert found.events.tolist() == [part.counters.events, run(pair[0]).counters.events]


def test_run_each_names_different_guests_differently(pair):
    results = run_each([replace(trace, name="mine") for trace in pair], ["oos-snapshot"])
    assert [result.trace.name for result in results] == ["mine", "mine (2)"]


def test_a_panel_offers_presets_and_traces_of_one_name_by_two(pair):
    own = preset("oos").replace(oos_slots=8, name="oos")
    panel = ComparePanel([replace(trace, name="mine") for trace in pair], presets=[own])
    assert [label for label, _ in panel.recordings.options][-2:] == ["mine", "mine (2)"]
    assert [name for name, box in panel.presets.items() if box.value] == ["oos (2)"]

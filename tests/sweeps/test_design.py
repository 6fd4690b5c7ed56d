"""Designs of sweeps: what they go through, in which order, as a file, and what is refused."""

from __future__ import annotations

import itertools
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oosbench
from oosbench import Design, DesignError
from oosbench.plain import toml
from oosbench.presets import RANGES
from oosbench.recordings import data_folder
from oosbench.sweeps.axes import axis_values

GUEST = {"family": "fork_exec", "events": 2000}


def test_a_grid_has_every_combination_once():
    design = Design(
        workloads=["sqlite", GUEST],
        presets=["E", "oos-fixups"],
        axes={"oos_slots": [2, 3], "heap": [50, 60]},
        seeds=[0, 1],
    )
    points = design.points()
    recorded = [point for point in points if point.workload == "sqlite"]
    generated = [point for point in points if point.workload != "sqlite"]
    assert len(recorded) == 2 * 2  # a recording has neither seeds nor a heap
    assert len(generated) == 2 * 2 * 2 * 2
    assert len({point.key for point in points}) == len(points) == len(design)
    assert {point.preset for point in points} == {"oos-snapshot", "oos-fixups"}
    assert [p.key for p in Design(**vars_of(design)).points()] == [p.key for p in points]
    guests = [str(point.guest) for point in points]  # those of one guest stand together
    assert len(set(guests)) == 1 + sum(a != b for a, b in itertools.pairwise(guests))


def vars_of(design: Design) -> dict[str, object]:
    return {name: getattr(design, name) for name in Design.__dataclass_fields__}


def test_the_key_is_what_made_the_result_and_nothing_else(tmp_path, trace):
    one, other = tmp_path / "one.trace", tmp_path / "other.trace"
    trace("t0").write(one)
    trace("t0").write(other)
    keys = {Design(workloads=[str(path)]).points()[0].key for path in (one, other)}
    assert len(keys) == 1
    assert Design(workloads=[str(one)], presets=["E"]).points()[0].key in keys  # another name of the preset
    other.write_text(one.read_text() + "CR3 0 0x1000\n")
    assert Design(workloads=[str(other)]).points()[0].key not in keys
    same = [
        Design(workloads=[guest]).points()[0].key for guest in (GUEST, {**GUEST, "family": "fork-exec", "vcpus": 1})
    ]
    assert same[0] == same[1]
    told = Design(workloads=[GUEST]).points()[0].description
    assert told["oosbench"].startswith(oosbench.__version__)
    assert told["guest"]["parameters"]["heap"] > 0  # defaults too: they may change


def test_paths_begin_where_the_file_is(tmp_path, trace, monkeypatch):
    trace("t0").write(tmp_path / "t.trace")
    (tmp_path / "design.toml").write_text('workloads = ["./t.trace"]\n')
    monkeypatch.chdir("/")
    assert len(Design.from_toml(tmp_path / "design.toml")) == 1


@pytest.mark.parametrize("method", ["latin", "sobol"])
def test_a_sample_is_in_range_evenly_spread_and_repeatable(method):
    axes = {"oos_slots": {"low": 2, "high": 33}, "prefetch": [True, False], "spread": {"low": 0.5, "high": 1}}
    design = Design(workloads=[GUEST], axes=axes, kind="sample", samples=32, method=method, seed=7)
    chosen = [point.chosen for point in design.points()]
    assert sorted(point["oos_slots"] for point in chosen) == list(range(2, 34))
    assert sum(point["prefetch"] for point in chosen) == 16
    assert all(0.5 <= point["spread"] < 1 for point in chosen)
    again = Design(workloads=[GUEST], axes=axes, kind="sample", samples=32, method=method, seed=7)
    assert [point.chosen for point in again.points()] == chosen
    other = Design(workloads=[GUEST], axes=axes, kind="sample", samples=32, method=method, seed=8)
    assert [point.chosen for point in other.points()] != chosen


def test_what_fits_nowhere_is_refused_and_what_fits_somewhere_fails_there():
    design = Design(workloads=["sqlite"], axes={"oos_slots": [1, 2], "unsafe": [False, True]})
    refused = {(p.chosen["oos_slots"], p.chosen["unsafe"]): p.refused for p in design.points()}
    assert "must be 2 to 64" in refused.pop((1, False))
    assert set(refused.values()) == {""}
    with pytest.raises(DesignError, match=r"axes\.oos_slots is 1, which fits nowhere: .*must be 2 to 64"):
        Design(workloads=["sqlite"], axes={"oos_slots": [1, 2]})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("workloads = [", "is no TOML: "),
        ("presets = ['E']", "workloads is missing"),
        ("workload = ['gcc']", "there is no key 'workload'; there are workloads, presets"),
        ("workloads = []", "workloads is [], must be a list with something in it"),
        ("workloads = 'gcc'", "workloads is 'gcc', must be a list"),
        ("workloads = ['nobody']", "no bundled recording 'nobody'; there are forkexec, gcc"),
        ("workloads = ['./nowhere.trace']", "nowhere.trace: No such file"),
        ("workloads = [3]", "workloads is 3, must be the name of a recording or a file"),
        ("workloads = [{ family = 'fork_exec', hep = 1 }]", "workloads is 'hep', must be one of levels, vcpus, events"),
        ("workloads = [{ family = 'nothing' }]", "no workload family 'nothing'"),
        ("workloads = [{ family = 'windows', levels = 4 }]", "it exists for levels 2 and 3"),
        ("workloads = [{ source = 'gcc', direct_map = '5k' }]", "must be one of recorded, 4k"),
        ("workloads = ['gcc']\npresets = ['F']", "presets is 'F', must be a preset: unknown preset 'F'"),
        ("workloads = ['gcc']\nkind = 'all'", "kind is 'all', must be grid or sample"),
        ("workloads = ['gcc']\nseeds = [0.5]", "seeds is 0.5, must be a whole number"),
        (
            "workloads = ['gcc']\nkind = 'sample'\nmethod = 'sobol'\nsamples = 6",
            "must be a power of two for sobol, 8 say",
        ),
        ("workloads = ['gcc']\n[axes]\nheap = [1]", "there is no axis 'heap' here; there are oos, policy"),
        ("workloads = ['gcc']\n[axes]\noos_slots = []", "axes.oos_slots is [], must be a list of values"),
        ("workloads = ['gcc']\n[axes]\noos_slots = { low = 2, high = 3 }", "must be a list of values in a grid"),
        (
            "workloads = ['gcc']\nkind='sample'\n[axes]\noos_slots = { low = 3, high = 2 }",
            "two numbers of which the second",
        ),
        ("workloads = ['gcc']\n[axes]\nguesses = [2008]", "axes.guesses is 2008, which fits nowhere"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_what_would_be_right(text, told, tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(DesignError) as refusal:
        Design.from_toml(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert told in str(refusal.value)


numbers = st.integers(*RANGES["prefetch_distance"])
designs = st.builds(
    Design,
    workloads=st.lists(st.sampled_from(["sqlite"]), min_size=1, max_size=2),
    presets=st.lists(st.sampled_from(["oos-snapshot", "oos-array+prefetch=off"]), min_size=1, max_size=2),
    axes=st.fixed_dictionaries(
        {},
        optional={"prefetch_distance": st.lists(numbers, min_size=1, max_size=3), "prefetch": st.just([True, False])},
    ),
    seeds=st.lists(st.integers(0, 2**40), min_size=1, max_size=3),
    kind=st.sampled_from(["grid", "sample"]),
    samples=st.integers(1, 5),
    seed=st.integers(0, 9),
)


@settings(deadline=None, max_examples=40)
@given(designs)
def test_a_file_says_all_there_is_to_a_design(design):
    told = tomllib.loads(design.to_toml())
    again = Design(**told)
    assert [point.key for point in again.points()] == [point.key for point in design.points()]
    assert again.to_toml() == design.to_toml()


plain = st.recursive(
    st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(plain)
def test_plain_data_written_as_toml_reads_the_same(value):
    assert tomllib.loads(f"x = {toml(value)}\n") == {"x": value}


def test_values_are_read_as_people_type_them():
    assert axis_values("oos_slots", "2, 3,,8") == (2, 3, 8)
    assert axis_values("guesses", "2008, today") == ("2008", "today")
    assert axis_values("policy", "never, threshold(3)") == ("never", "threshold(3)")
    assert axis_values("spread", ".5, on") == (0.5, True)
    with pytest.raises(DesignError, match="oos_slots has no values"):
        axis_values("oos_slots", " , ")


def test_bundled_designs_are_right():
    for path in (data_folder() / "sweeps").glob("*.toml"):
        assert not any(point.refused for point in Design.from_toml(path).points())

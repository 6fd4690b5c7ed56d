"""Many machines: what is given wrongly is told before anything runs."""

from __future__ import annotations

import pytest

import oosbench
from oosbench import BadInput, Machine, PresetError, RecordingError, Trace
from oosbench.costs import processor
from oosbench.errors import CostError, UsageError


@pytest.mark.parametrize(
    ("sources", "presets", "told"),
    [
        ("gcc", ["oos"], r"sources is 'gcc', must be a list: \['gcc'\]"),
        (["gcc"], "oos-snapshot", r"presets is 'oos-snapshot', must be a list: \['oos-snapshot'\]"),
        (Trace.from_text("MODE 4 1 16 256\nPOKE 0x1000 0x2067\n", "one"), ["oos"], "sources is 'one', must be a list"),
    ],
)
def test_one_where_there_should_be_several(sources, presets, told):
    with pytest.raises(UsageError, match=told):
        oosbench.compare(sources, presets)


def test_what_is_not_there_is_noticed_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(Machine, "run", lambda *args, **more: pytest.fail("something ran"))
    with pytest.raises(OSError, match=r"missing\.trace") as caught:
        oosbench.run_each(["gcc", str(tmp_path / "missing.trace")])
    assert caught.value.filename == str(tmp_path / "missing.trace")
    with pytest.raises(RecordingError, match="no bundled recording 'gc'"):
        oosbench.run_each(["sqlite", "gc"])


def test_sources_may_be_made_one_by_one():
    made = (oosbench.open_trace(name) for name in ("sqlite",))
    assert oosbench.compare(made, ["oos"]).trace.tolist() == ["sqlite"]


def test_a_machine_opens_what_it_is_given(tmp_path):
    oosbench.open_trace("sqlite").write(tmp_path / "mine.npz")
    for given in ("sqlite", tmp_path / "mine.npz", oosbench.recordings.load("sqlite")):
        assert len(Machine(given).trace) == 23904
    with pytest.raises(RecordingError, match="no bundled recording 'sqlit'"):
        Machine("sqlit")


@pytest.mark.parametrize(
    ("ask", "kind", "told"),
    [
        (
            lambda: oosbench.preset("oos-snapshots"),
            PresetError,
            "there are emulate, .*; did you mean 'oos-snapshot'[?]",
        ),
        (lambda: oosbench.preset("oos").replace(slots=4), PresetError, "did you mean 'oos_slots'[?]"),
        (lambda: oosbench.preset("oos+prefech=off"), PresetError, "did you mean 'prefetch'[?]"),
        (lambda: processor("Haswel"), CostError, "did you mean 'Haswell'[?]"),
        (lambda: oosbench.preset("zzz"), PresetError, "unknown preset 'zzz'; there are"),
    ],
)
def test_a_name_that_comes_near_is_named(ask, kind, told):
    with pytest.raises(kind, match=told) as caught:
        ask()
    assert isinstance(caught.value, BadInput)

"""Recorded guests: the trace made from each, and agreement with the original C code on it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil

import numpy as np
import pandas as pd
import pytest

from oosbench import PRESETS, Machine, Recording, RecordingError, TraceError, open_trace, recordings
from oosbench.machine import experiment
from oosbench.recordings import _recording
from oosbench.studies import watch
from oosbench.traces.events import ACCESS, CR3, INVLPG, WRITE

from .. import golden

NAMES = recordings.studied()
ALL = recordings.bundled()
OTHERS = list(ALL.index[~ALL.original])  # recorded by oosbench; the original code has not run them
SUMMARY = pd.read_csv(golden.RECORDINGS / "summary.csv", index_col="workload")


def sha256(lines: str) -> str:
    return hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_becomes_the_known_trace(name, recorded):
    assert sha256(recorded(name).to_text()) == SUMMARY.trace_sha256[name] == recordings.bundled().trace_sha256[name]


@pytest.mark.parametrize("variant", golden.VARIANTS)
@pytest.mark.parametrize("name", NAMES)
def test_counters_are_those_of_the_original(name, variant, recorded, tally):
    result = Machine(recorded(name), variant, keep_outcomes=False).run()
    expected = golden.counters(golden.RECORDINGS / f"{name}.{variant}.json")
    assert golden.differences(result, expected) == {}
    tally["counters"] += len(expected)
    tally["runs"] += 1


@pytest.mark.parametrize("variant", sorted(set(golden.VARIANTS) - {"array"}))
@pytest.mark.parametrize("name", NAMES)
def test_counters_with_a_direct_map_of_small_pages_are_those_of_the_original(name, variant, recorded, tally):
    result = Machine(recorded(name, "4k"), variant, keep_outcomes=False).run()
    expected = golden.counters(golden.RECORDINGS / f"{name}.dm4k.{variant}.json")
    assert golden.differences(result, expected) == {}
    tally["counters"] += len(expected)
    tally["runs"] += 1


def test_another_direct_map_is_for_recordings_alone(trace):
    with pytest.raises(RecordingError, match="direct map is '1g', must be one of recorded, 4k"):
        open_trace("sqlite", "1g")
    with pytest.raises(TraceError, match=r"t0\.trace\.gz: is a trace, its direct map is what it is"):
        open_trace(trace("t0"), "4k")


@pytest.mark.parametrize("name", NAMES)
def test_outcomes_and_resyncs_are_those_of_the_original(name, recorded, tally):
    result = Machine(recorded(name), "full").run()
    assert sha256("".join(f"{line}\n" for line in result.outcome_lines())) == SUMMARY.results_full_sha256[name]
    expected = pd.read_csv(golden.RECORDINGS / f"{name}.resyncs.csv.gz")
    expected["gmfn"] = expected.pop("gfn").map(lambda text: int(text, 16))
    columns = ["line", "gmfn", "compared", "dirty"]
    np.testing.assert_array_equal(result.resyncs[columns], expected[columns])
    tally["content passes"] += len(expected)


@pytest.mark.parametrize("name", ALL.index)
def test_every_recorded_fault_is_delivered_and_no_other(name, recorded):
    result = Machine(recorded(name), "full").run()
    faults = recordings.load(name).rows["ev"] == 5
    codes = recordings.load(name).rows["lvl"][faults]
    delivered = result.outcomes[[line.split()[1:2] == ["FAULT"] for line in _lines_by_row(result)]]
    np.testing.assert_array_equal(delivered.place, codes)


@pytest.mark.parametrize("name", OTHERS)
def test_another_recording_becomes_the_trace_it_was(name, recorded):
    assert sha256(recorded(name).to_text()) == ALL.trace_sha256[name]


@pytest.mark.parametrize(
    ("name", "preset"),
    [("inserts-pti", preset) for preset in ("oos-snapshot", "oos-fixed")]
    + [
        pytest.param(name, preset, marks=pytest.mark.slow)
        for name in OTHERS
        for preset in (PRESETS if name == "inserts-pti" else ("oos-snapshot", "oos-fixed"))
        if (name, preset) not in {("inserts-pti", "oos-snapshot"), ("inserts-pti", "oos-fixed")}
    ],
)
def test_the_oracle_finds_nothing_in_another_recording(name, preset, recorded):
    watched = watch(recorded(name), preset)
    assert watched.crash is None
    # The defect that the first patch of the series mended: a fault on a write-protected page without its P bit.
    assert {finding.kind for finding in watched.findings} <= ({"missing P"} if preset == "emulate" else set())


@pytest.mark.parametrize("name", OTHERS)
def test_the_documented_command_made_it(name):
    about = json.loads(recordings.load(name).about)
    options = ["--pti"] * about["pti"] + ["--thp", about["thp"]] * (about["thp"] != "always")
    options += ["--vcpus", str(about.get("vcpus"))] * ("vcpus" in about)
    readme = (_recording.data_folder() / "README.md").read_text()
    (told,) = re.findall(rf"oosbench record \.\./{name}\.npz (.*)", readme)
    words, _, command = told.partition(" -- ")
    assert shlex.split(command) == about["command"]
    assert [word for word in shlex.split(words) if word in ("--pti", "--thp", "never", "--vcpus", "2")] == options
    assert about["missed"] == 0
    assert about["compared"] > 300
    for file in (f"{name}.npz", f"{name}.touch.npz"):
        assert (_recording.data_folder() / file).stat().st_size < 200_000
    programs = [word for word in about["command"] if "." in word and not word.startswith((".", "/", "-"))]
    assert [(_recording.data_folder() / "programs" / word).is_file() for word in programs] == [True]


def test_one_setting_of_the_kernel_makes_another_guest(recorded):
    frame = experiment.compare([recorded(name) for name in OTHERS], ["oos-snapshot"]).set_index("trace")
    assert frame.cr3_loads["inserts-pti"] > 1000 * frame.cr3_loads["inserts"]
    assert frame.resync_compared["inserts-pti"] > 20 * frame.resync_compared["inserts"]
    assert frame.resync_dirty["inserts-pti"] < 2 * frame.resync_dirty["inserts"]
    assert frame.shadow_fault["lists-small"] > 1.5 * frame.shadow_fault["lists"]
    assert frame.resync_compared["pipeline-smp"] > 1.3 * frame.resync_compared["pipeline"]


def test_a_guest_of_two_vcpus_uses_both(recorded):
    trace = recorded("pipeline-smp")
    assert trace.vcpus == 2
    for op in (ACCESS, CR3, INVLPG, WRITE):
        of_each = np.bincount(trace.events.vcpu[trace.events.op == op], minlength=2)
        assert of_each.min() > of_each.sum() / 4


def _lines_by_row(result):
    told = iter(result.outcome_lines())
    return [next(told) if op else "" for op in result.trace.events.op]


def test_the_log_of_resyncs_adds_up(recorded):
    result = Machine(recorded("forkexec"), "full", keep_outcomes=False).run()
    log, counters = result.resyncs, result.counters
    assert len(log) == counters.resync_l1_calls
    assert log.compared.sum() == counters.resync_compared
    assert log.dirty.sum() == counters.resync_dirty
    assert (~log.stays_oos).sum() == counters.shadow_resync
    assert (log.cause == "evict").sum() == counters.shadow_unsync_evict
    assert ((log.runs > 0) == (log.dirty > 0)).all()
    assert (log.runs <= log.dirty).all()
    assert (log.age > 0).all()
    assert (log.writes > 0).all()  # at least the store that let the page go out of sync
    assert log.line.is_monotonic_increasing


def test_a_recording_without_touches_is_a_trace_too(tmp_path):
    shutil.copy(_recording.data_folder() / "sqlite.npz", tmp_path / "alone.npz")
    alone = open_trace(tmp_path / "alone.npz")
    counts = alone.counts()
    summary = SUMMARY.loc["sqlite"]
    assert (summary.pf_lines, summary.cr3_lines, summary.invlpg_lines) == (counts.ACCESS, counts.CR3, counts.INVLPG)
    # Nothing is ever used successfully, so nothing is shadowed; but the guest's own faults are its own.
    assert Machine(alone).run().counters.fault_guest == summary.pf_lines


def test_a_file_and_a_name_give_the_same_trace(tmp_path, recorded):
    for end in ("npz", "touch.npz"):
        shutil.copy(_recording.data_folder() / f"sqlite.{end}", tmp_path / f"mine.{end}")
    assert open_trace(tmp_path / "mine.npz").to_text() == recorded("sqlite").to_text()


def _columns() -> dict[str, np.ndarray]:
    return dict(recordings.load("sqlite").rows)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda rows: rows.pop("page_pfn"), "no column 'page_pfn'"),
        (lambda rows: rows.update(va=rows["va"][:-1]), "column 'va' has 18438 elements, must have 18439"),
        (lambda rows: rows.update(page=rows["page"] + np.uint32(1000)), "page must be below 192"),
        (lambda rows: rows.update(idx=rows["idx"] + np.uint16(512)), "idx must be below 512"),
        (lambda rows: rows.update(page_pfn=rows["page_pfn"] + np.uint32(2**18)), "page_pfn must be below 262144"),
        (lambda rows: rows.update(page_parent=rows["page_parent"] + np.int32(500)), "page_parent names no page"),
        (lambda rows: rows.update(ev=rows["ev"].astype("f8")), "column 'ev' is float64"),
        (lambda rows: rows.update(lvl=rows["lvl"] + np.uint8(4)), "lvl must be 1 to 4"),
        (lambda rows: rows.update(ev=np.where(rows["ev"] == 2, 99, rows["ev"]).astype("u1")), "unknown event 99"),
    ],
)
def test_a_spoiled_recording_is_refused_with_the_reason(tmp_path, spoil, told):
    rows = _columns()
    spoil(rows)
    np.savez(tmp_path / "bad.npz", **rows)
    with pytest.raises(RecordingError, match=told) as refused:
        Recording.read(tmp_path / "bad.npz")
    assert str(tmp_path / "bad.npz") in str(refused.value)


def test_spoiled_touches_are_refused_with_the_reason(tmp_path):
    touches = dict(recordings.load("sqlite").touches)
    for column, told in (("kind", "kind must be 0 to 2"), ("vpn", "vpn is not in vpn_table")):
        np.savez(tmp_path / "bad.npz", **_columns())
        np.savez(tmp_path / "bad.touch.npz", **(touches | {column: touches[column] + touches[column].dtype.type(60)}))
        if column == "vpn":
            touches["vpn_table"] = touches["vpn_table"][:1]
            np.savez(tmp_path / "bad.touch.npz", **touches)
        with pytest.raises(RecordingError, match=told):
            Recording.read(tmp_path / "bad.npz")


def test_an_unknown_recording_is_refused_with_those_there_are():
    with pytest.raises(RecordingError, match="no bundled recording 'emacs'; there are forkexec, gcc"):
        open_trace("emacs")


def test_compare_gives_a_row_per_trace_and_preset(recorded):
    frame = experiment.compare([recorded("sqlite"), "gcc"], ["A", "oos-snapshot"])
    assert frame[["trace", "preset"]].values.tolist() == [
        ["sqlite", "emulate"],
        ["sqlite", "oos-snapshot"],
        ["gcc", "emulate"],
        ["gcc", "oos-snapshot"],
    ]
    assert frame.shadow_fault.tolist() == [5120, 2784, 23287, 13353]

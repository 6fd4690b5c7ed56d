"""The recorder, for real: a Linux guest under QEMU. Skipped where one of its parts is missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import oosbench
from oosbench import Cancelled, Machine, RecorderError, Recording, record
from oosbench.__main__ import main
from oosbench.panels import RecordPanel
from oosbench.recorder import missing, packages
from oosbench.shadow.replay import OUTCOMES

from ..command import OOSBENCH

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("recorder")]

ROOT = Path(__file__).parents[2]
FORKS = ["sh", "-c", "i=0; while [ $i -lt 12 ]; do /bin/true; i=$((i+1)); done; echo forked $i times"]
PAIR = ["sh", "-c", "one() { for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done; }; one & one & wait; nproc"]


@pytest.fixture(scope="module", autouse=True)
def parts():
    """Skip, with the reason, where nothing can be recorded."""
    if lacking := missing():
        pytest.skip(lacking)
    try:
        packages.kernel()
        packages.busybox()
    except RecorderError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    """Return a recorded fork loop, and the file it is in."""
    path = tmp_path_factory.mktemp("forks") / "forks.npz"
    return record(path, FORKS, accesses=True), path


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Return two fork loops at a time, recorded on two vCPUs."""
    return record(tmp_path_factory.mktemp("pair") / "pair.npz", PAIR, accesses=True, vcpus=2)


def children() -> list[int]:
    """Return the QEMU processes on this machine that a recorder of this user started, by the folder they run in."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if "oosbench-record-" in os.readlink(process / "cwd"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def folders(owner: int) -> list[str]:
    """Return the folders that the recorder of a process has made."""
    places = ("/dev/shm", tempfile.gettempdir())
    return [str(path) for place in places for path in Path(place).glob(f"oosbench-record-{owner}-*")]


def test_a_fork_loop_is_recorded_whole(forks):
    made, path = forks
    assert made.check.good
    assert made.about["missed"] == 0
    assert made.about["compared"] > 500
    assert made.check.faults > 500
    assert made.check.stores > 5000
    assert made.output == "forked 12 times\n"
    again = Recording.read(path)
    assert again.ram_pages == 2**18
    assert again.direct_map == -(2**64 - 0xFFFF888000000000)
    assert json.loads(again.about) == made.about
    assert not again.rows["vcpu"].any()
    assert folders(os.getpid()) == []


def test_the_same_command_gives_the_same_bytes(forks, in_folder):
    _, path = forks
    record("forks.npz", FORKS, accesses=True)
    for name in ("forks.npz", "forks.touch.npz"):
        assert (in_folder / name).read_bytes() == path.with_name(name).read_bytes()


@pytest.mark.parametrize(
    ("preset", "direct_map"),
    [*((preset, "recorded") for preset in oosbench.PRESETS), ("oos-snapshot", "4k"), ("oos-fixed", "4k")],
)
def test_the_oracle_finds_nothing_in_it(preset, direct_map, forks):
    made, _ = forks
    watched = oosbench.watch(made.recording.trace(direct_map), preset)
    assert watched.crash is None
    # The defect that the first patch of the series mended: a fault on a write-protected page without its P bit.
    known = {"missing P"} if preset == "emulate" else set()
    assert {finding.kind for finding in watched.findings} <= known


def test_every_recorded_fault_is_delivered_and_no_other(forks):
    made, _ = forks
    result = Machine(made.recording.trace(), "oos-snapshot").run()
    assert result.counters.fault_guest == made.check.faults
    assert result.counters.shadow_unsync > 10
    rows = made.recording.rows
    faults = result.outcomes.place[result.outcomes.outcome == OUTCOMES.index("FAULT")]
    np.testing.assert_array_equal(faults, rows["lvl"][rows["ev"] == 5])


def test_a_recorder_that_is_deaf_to_stores_is_noticed_and_keeps_nothing(in_folder):
    with pytest.raises(RecorderError, match=r"\d+ writes to page tables were missed in \d+ comparisons"):
        record("deaf.npz", FORKS, deaf=True)
    assert list(in_folder.iterdir()) == []


def test_two_vcpus_are_recorded_whole_and_do_a_fair_share_each(pair):
    assert pair.output == "2\n"
    assert pair.check.good
    assert pair.about["missed"] == 0
    assert pair.about["compared"] > 500
    assert pair.about["vcpus"] == pair.recording.vcpus == 2
    rows = pair.recording.rows
    for kind in (2, 3, 5, 6):  # CR3, INVLPG, PF, WRITE
        share = np.bincount(rows["vcpu"][rows["ev"] == kind], minlength=2)
        assert share.min() > 0.1 * share.sum(), kind
    assert 0.1 < pair.recording.touches["vcpu"].mean() < 0.9


def test_the_faults_of_two_vcpus_are_explained_by_the_root_of_each(pair):
    rows = dict(pair.recording.rows)
    rows["vcpu"] = np.where(rows["ev"] == 2, 1 - rows["vcpu"], rows["vcpu"])  # each has the other's root
    assert oosbench.check(Recording("swapped", rows)).unexplained > 0.05 * pair.check.faults


@pytest.mark.parametrize("preset", oosbench.PRESETS)
def test_every_recorded_fault_of_two_vcpus_is_delivered_and_no_other(preset, pair):
    trace = pair.recording.trace()
    rows = pair.recording.rows
    recorded = rows["ev"] == 5
    at, codes = _faults(trace, "emulate")  # which holds nothing back; its own defect is the P bit
    np.testing.assert_array_equal(trace.events.vcpu[at], rows["vcpu"][recorded])
    np.testing.assert_array_equal(codes | 1, rows["lvl"][recorded] | 1)
    also, _ = _faults(trace, preset)
    # While another vCPU's flush is to come, a table out of sync may permit what it has forbidden, as a TLB may.
    assert set(also) <= set(at)
    late = ~np.isin(at, also)
    assert (rows["lvl"][recorded][late] & 1 == 1).all()
    assert np.count_nonzero(late) < 0.01 * len(at)


def _faults(trace, preset):
    outcomes = Machine(trace, preset).run().outcomes
    fault = outcomes.outcome == OUTCOMES.index("FAULT")
    return np.flatnonzero(fault), outcomes.place[fault]


@pytest.mark.parametrize("preset", oosbench.PRESETS)
def test_the_oracle_finds_nothing_on_two_vcpus(preset, pair):
    watched = oosbench.watch(pair.recording.trace(), preset)
    assert watched.crash is None
    assert {finding.kind for finding in watched.findings} <= ({"missing P"} if preset == "emulate" else set())


def test_a_recorder_that_is_deaf_on_two_vcpus_is_noticed_too(in_folder):
    with pytest.raises(RecorderError, match=r"\d+ writes to page tables were missed in \d+ comparisons"):
        record("deaf.npz", PAIR, deaf=True, vcpus=2)
    assert list(in_folder.iterdir()) == []


def test_a_command_that_fails_is_refused_with_what_it_said(in_folder, capsys):
    words = ["record", "x.npz", "--pti", "--thp", "never", "--memory", "256M", "--", "sh", "-c", "echo no luck; exit 7"]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "sh ended with status 7 in the guest" in told
    assert "no luck" in told
    assert "booting" in told
    assert list(in_folder.iterdir()) == []


def test_cancel_leaves_nothing_behind(in_folder):
    seen = []
    with pytest.raises(Cancelled):
        record("x.npz", FORKS, progress=lambda what, *_: seen.append(what), cancelled=lambda: seen[-1:] == ["booting"])
    assert list(in_folder.iterdir()) == []
    assert folders(os.getpid()) == []


def test_a_time_limit_is_kept(in_folder):
    with pytest.raises(RecorderError, match="took longer than the time limit of 1 seconds"):
        record("x.npz", FORKS, time_limit=1)
    assert list(in_folder.iterdir()) == []
    assert folders(os.getpid()) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_recorder(end, in_folder):
    words = [*OOSBENCH, "record", "x.npz", "--", *FORKS]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    line = ""
    while "booting" not in line:
        line = process.stderr.readline()
        assert line, "it ended before the guest booted"
    time.sleep(0.5)
    (guest,) = [pid for pid in children() if f"PPid:\t{process.pid}\n" in Path(f"/proc/{pid}/status").read_text()]
    process.send_signal(end)
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(20) == (130 if end == signal.SIGINT else -signal.SIGKILL)
    deadline = time.monotonic() + 10
    while guest in children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert guest not in children()
    assert list(in_folder.iterdir()) == []
    if end == signal.SIGINT:
        assert told.endswith("oosbench: interrupted\n")
        assert folders(process.pid) == []
    else:  # the next recorder clears up
        assert folders(process.pid)
        with pytest.raises(RecorderError, match="time limit"):
            record("x.npz", FORKS, time_limit=0.1)
        assert folders(process.pid) == []


def test_the_panel_records_and_shows_it(in_folder):
    panel = RecordPanel(command="sh -c 'echo from the panel'", out="mine.npz", vcpus=2)
    panel.run.click()
    assert panel.wait(120)
    assert panel.status.value.startswith("Done: mine.npz, "), panel.status.value
    assert "from the panel" in panel._told.value
    assert "page faults" in panel._told.value
    assert "<img" in panel._chart.value
    assert panel.made.check.good
    assert json.loads(panel.made.recording.about)["vcpus"] == 2
    assert (in_folder / "mine.touch.npz").is_file()

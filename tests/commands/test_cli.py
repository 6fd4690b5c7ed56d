"""The command line: the names are a contract, and no traceback reaches its user."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

import oosbench
from oosbench.__main__ import main
from oosbench.machine import machine
from oosbench.recordings import data_folder

from .. import golden
from ..command import OOSBENCH
from ..small_guests import USER_MAPS_ROOT

T0 = str(golden.TRACES / "t0.trace.gz")


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_replay_writes_what_the_original_gives(in_folder):
    assert run("replay", T0, "--counters", "c.json", "--results", "r.txt", "--dump", "d.txt", "--deltas", "x.txt") == 0
    assert (in_folder / "r.txt").read_text().splitlines() == golden.lines("full", "t0", "results")
    assert (in_folder / "d.txt").read_text().splitlines() == golden.lines("full", "t0", "dump")
    told = json.loads((in_folder / "c.json").read_text())
    assert set(told) == {"perfc", "oracle", "model", "oos_active"}
    assert told["perfc"]["shadow_unsync"] == 1
    assert len((in_folder / "x.txt").read_text().splitlines()) == 10
    assert sorted(path.name for path in in_folder.iterdir()) == ["c.json", "d.txt", "r.txt", "x.txt"]


@pytest.mark.parametrize("name", ["E", "full", "oos-snapshot"])
def test_a_preset_has_several_names_and_prints_one(name, capsys):
    assert run("replay", T0, "--preset", name) == 0
    assert "10 events on oos-snapshot (" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["counters", "results", "dump", "deltas"])
def test_standard_output_gets_that_and_nothing_else(what, capsys, in_folder):
    assert run("replay", T0, f"--{what}", "here.txt") == 0
    assert capsys.readouterr().out == ""
    assert run("replay", T0, f"--{what}", "-") == 0
    assert capsys.readouterr().out == (in_folder / "here.txt").read_text()


def test_output_may_go_to_a_device(capsys):
    assert run("replay", T0, "--counters", "/dev/null") == 0
    assert not os.path.isfile("/dev/null")


def test_export_writes_text_gzip_or_columns(in_folder):
    for out in ("t.trace", "t.trace.gz", "t.npz"):
        assert run("export", T0, out) == 0
    original = gzip.decompress((golden.TRACES / "t0.trace.gz").read_bytes())
    assert (in_folder / "t.trace").read_bytes() == original
    assert gzip.decompress((in_folder / "t.trace.gz").read_bytes()) == original
    assert run("export", in_folder / "t.npz", "again.trace") == 0
    assert (in_folder / "again.trace").read_bytes() == original


def test_a_recording_can_be_named_or_given_as_a_file(in_folder, capsys):
    for end in ("npz", "touch.npz"):
        shutil.copy(data_folder() / f"sqlite.{end}", in_folder / f"mine.{end}")
    assert run("replay", "sqlite", "--counters", "name.json") == 0
    assert run("replay", "mine.npz", "--counters", "file.json") == 0
    assert (in_folder / "name.json").read_text() == (in_folder / "file.json").read_text()


def test_compare_prints_a_table_and_leaves_files(in_folder, capsys):
    assert run("compare", "sqlite", T0, "--presets", "A,E,nosnap", "--out", "made/here") == 0
    printed = capsys.readouterr().out
    assert "14.8%" in printed
    assert "oos-snapshot-untrusted" in printed
    folder = in_folder / "made" / "here"
    assert sorted(path.name for path in folder.iterdir()) == [
        "counters.csv",
        "dirty_ratio.png",
        "dirty_ratio.svg",
        "resync_work.png",
        "resync_work.svg",
        "resyncs.csv",
        "summary.csv",
    ]
    summary = pd.read_csv(folder / "summary.csv").set_index(["trace", "preset"])
    assert summary.propagated["sqlite"].tolist() == [0, 2257, 15274]
    counters = pd.read_csv(folder / "counters.csv")
    assert list(counters) == ["trace", "preset", "group", "counter", "value"]
    assert set(counters.group) == {"perfc", "oracle", "model"}
    assert len(pd.read_csv(folder / "resyncs.csv")) == 2 * (126 + 1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run("compare", "sqlite", T0, "--presets", "A,E,nosnap", "--out", "made/here") == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_list_has_a_line_for_everything(capsys):
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in (*oosbench.recordings.bundled().index, *oosbench.PRESETS):
        assert sum(line.startswith(f"  {name} ") for line in lines) == 1


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as done:
        run("--version")
    assert done.value.code == 0
    assert capsys.readouterr().out == f"oosbench {oosbench.__version__}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["replay", "emacs"], "no bundled recording 'emacs'; there are forkexec"),
        (["replay", "./none.trace"], "none.trace: No such file or directory"),
        (["replay", "./none.npz"], "none.npz: No such file or directory"),
        (["replay", "."], "Is a directory"),
        (["replay", T0, "--preset", "fast"], "unknown preset 'fast'; there are emulate"),
        (["replay", T0, "--counters", "-", "--dump", "-"], "must go to different files; two go to '-', the standard"),
        (
            ["replay", T0, "--counters", "x", "--dump", "x"],
            "--counters, --dump must go to different files; two go to x",
        ),
        (["replay", T0, "--counters", "x", "--dump", "."], ".: is a folder, must be a file"),
        (["replay", T0, "--counters", "no/such/c.json"], "no/such/c.json: there is no folder"),
        (["replay", "bad.trace"], "bad.trace, line 2: unknown op 'FROB'"),
        (["replay", "huge.trace"], "guest_pages is 99999999999, must be 1 to"),
        (["replay", "cut.gz"], "cut.gz: is damaged or cut short"),
        (["replay", "cut.npz"], "cut.npz: is damaged or cut short"),
        (["export", T0, "no/such/t.trace"], "No such file or directory"),
        (["export", "bad.trace", "out.trace"], "bad.trace, line 2"),
        (["compare", "sqlite", "--presets", "E,fast"], "unknown preset 'fast'"),
        (["compare", "emacs"], "no bundled recording 'emacs'"),
        (["compare", "sqlite", "--out", "bad.trace"], "bad.trace: File exists"),
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing(words, told, in_folder, capsys):
    (in_folder / "bad.trace").write_text("MODE 4 1 16 256\nFROB 1\n")
    (in_folder / "huge.trace").write_text("MODE 4 1 99999999999 256\n")
    (in_folder / "cut.gz").write_bytes((golden.TRACES / "t0.trace.gz").read_bytes()[:200])
    (in_folder / "cut.npz").write_bytes((data_folder() / "sqlite.npz").read_bytes()[:2000])
    before = sorted(in_folder.iterdir())
    assert run(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    message = [line for line in captured.err.splitlines() if line.startswith("oosbench: ")]
    assert len(message) == 1
    assert told in message[0]
    assert "Traceback" not in captured.err
    assert sorted(in_folder.iterdir()) == before


def test_diff_tells_where_two_presets_part(capsys):
    assert run("diff", T0, "--presets", "A,E") == 0
    assert "WRITE" in capsys.readouterr().out
    assert run("diff", "sqlite", "--presets", "E,nosnap") == 0
    assert capsys.readouterr().out == "sqlite: no difference in 23,904 events\n"
    assert run("diff", "sqlite", "--presets", "A,E", "--guest") == 0
    assert "FAULT 0x2" in capsys.readouterr().out
    assert run("diff", T0, "--presets", "A") == 2
    assert "must be two presets with a comma between" in capsys.readouterr().err


def test_validate_says_what_a_trace_holds_or_what_is_wrong(in_folder, capsys):
    assert run("validate", T0) == 0
    told = capsys.readouterr().out
    assert "64-bit guest, 1 vCPU, 1,024 pages (4.0 MiB), 10 events" in told
    assert re.search(r"^  POKE +1,032$", told, re.M)
    (in_folder / "bad.trace").write_text("MODE 4 1 16 256\nCR3 0 0x1001\n")
    assert run("validate", "bad.trace") == 2
    assert "bad.trace, line 2: a root must be aligned to 4096 bytes" in capsys.readouterr().err


def test_a_recording_can_have_a_direct_map_of_small_pages(in_folder):
    assert run("replay", "sqlite", "--direct-map", "4k", "--counters", "c.json") == 0
    told = json.loads((in_folder / "c.json").read_text())
    assert told["perfc"]["shadow_writeable_h_6"] == 0 < told["perfc"]["shadow_writeable_h_7"]
    assert run("export", "sqlite", "small.trace.gz", "--direct-map", "4k") == 0
    assert run("replay", "small.trace.gz", "--counters", "d.json") == 0
    assert (in_folder / "c.json").read_bytes() == (in_folder / "d.json").read_bytes()
    assert run("replay", "small.trace.gz", "--direct-map", "4k") == 2


def test_wrong_usage_is_exit_code_two(capsys):
    for words in ([], ["replay"], ["frobnicate"], ["export", "gcc"]):
        with pytest.raises(SystemExit) as done:
            run(*words)
        assert done.value.code == 2


def test_what_the_original_dies_of_is_exit_code_three(in_folder, capsys):
    (in_folder / "dying.trace").write_text(USER_MAPS_ROOT)
    assert run("replay", "dying.trace", "--results", "r.txt") == 3
    assert "dying.trace, line 8 (WRITE)" in capsys.readouterr().err
    assert not (in_folder / "r.txt").exists()


def test_interrupted_is_exit_code_130(monkeypatch, capsys, in_folder):
    def interrupt(*anything):
        raise KeyboardInterrupt

    monkeypatch.setattr(machine.Machine, "run", interrupt)
    assert run("replay", T0, "--counters", "c.json") == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(in_folder.iterdir()) == []


@pytest.mark.xdist_group("timed")
def test_a_real_interrupt_ends_a_real_run(in_folder):
    words = [*OOSBENCH, "replay", "forkexec", "--deltas", "x.txt"]
    told = in_folder / "told"
    with told.open("w") as file:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=file, text=True)
    assert process.stdout.readline() == "ready\n"
    # An interrupt that falls into the loading of machine code may get lost, as any user knows who pressed it twice;
    # one that falls into Python's own end, after it has been obeyed, kills.
    for _ in range(10):
        time.sleep(2)
        if told.read_text() or process.poll() is not None:
            break
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.read_text().strip().endswith("oosbench: interrupted")
    assert list(in_folder.iterdir()) == [told]


@pytest.mark.xdist_group("timed")
def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m oosbench replay sqlite --results - | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.returncode in (0, 141)
    assert done.stdout.split()[0].isdigit()
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.slow
def test_uncompiled_it_gives_the_same_bytes(in_folder):
    for out, jit in (("a", "0"), ("b", "1")):
        subprocess.run(
            [sys.executable, "-m", "oosbench", "replay", T0, "--dump", out],
            env=os.environ | {"NUMBA_DISABLE_JIT": jit},
            check=True,
        )
    assert (in_folder / "a").read_bytes() == (in_folder / "b").read_bytes()

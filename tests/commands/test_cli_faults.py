"""No traceback reaches a user of the command line, and the message says what it is."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from oosbench import Design, DesignError, GuestError, open_trace
from oosbench.cache import cache_root
from oosbench.guests import generate

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes

TEXT = "MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\nACCESS 0 0x0 r u\n"


SOME = list(range(1, 33))


def run(*words, python=(), cwd=None, stdin=None, **environment) -> subprocess.CompletedProcess:
    """Run a command in a process of its own, which may take a minute."""
    return subprocess.run(
        [sys.executable, *python, "-m", "oosbench", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused(done: subprocess.CompletedProcess, told: str, code: int = 2) -> None:
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"workloads = ['sqlite']\nseed = {'9' * 5000}\n", "is no TOML: Exceeds the limit"),
        (f"workloads = {'[' * 5000}", "is nested too deeply"),
        ('workloads = ["./a\\u0000b"]', "is no name of a file: there is a NUL in it"),
        ("\ufeffworkloads = ['sqlite']", "begins with a byte order mark"),
        ("workloads = ['./no.trace']", "No such file"),
        ("workloads = ['./pipe']", "is no regular file; workers must find it there"),
        (
            f"workloads = ['sqlite']\n[axes]\nfixup_stride = {SOME}\noos_slots = {SOME}\n"
            f"prefetch_distance = {list(range(1, 513))}\n",
            "has 524,288 points, at most 100,000 are run unless more are asked for (most = 524288, or --most)",
        ),
        (
            "workloads = ['sqlite', { family = 'fork_exec' }]\nseeds = [0, 1, 2]\nkind = 'sample'\nsamples = 100000\n"
            "[axes]\noos_slots = { low = 2, high = 8 }\n",
            "has 400,000 points",
        ),
    ],
)
def test_a_design_that_cannot_be_is_refused_at_once(text, told, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(DesignError) as refusal:
        Design.from_toml(tmp_path / "bad.toml")
    assert told in str(refusal.value)
    assert time.monotonic() - began < 5


def test_a_large_design_is_counted_and_can_be_meant(tmp_path):
    axes = {"oos_slots": list(range(2, 10)), "prefetch_distance": list(range(1, 5))}
    with pytest.raises(DesignError, match="sweep: has 32 points, at most 31 are run"):
        Design(workloads=["sqlite"], axes=axes, most=31)
    assert len(Design(workloads=["sqlite"], axes=axes, most=32)) == 32
    # An axis of guests does not multiply recordings, nor do seeds.
    assert len(Design(workloads=["sqlite"], axes={"oos_slots": [2, 3]}, seeds=range(100), most=2)) == 2
    (tmp_path / "d.toml").write_text("workloads = ['sqlite']\nmost = 1\n[axes]\noos_slots = [2, 3]\n")
    with pytest.raises(DesignError, match=r"d\.toml: has 2 points"):
        Design.from_toml(tmp_path / "d.toml")
    large = Design.from_toml(tmp_path / "d.toml", most=2)
    assert len(large) == 2
    large.write(tmp_path / "again.toml")
    assert len(Design.from_toml(tmp_path / "again.toml")) == 2


def test_a_sweep_of_which_nothing_can_be_read_says_why(tmp_path):
    (tmp_path / "bad.trace").write_text("MODE 4 1 16 256 # mine\n")
    (tmp_path / "d.toml").write_text("workloads = ['./bad.trace']\n")
    done = run("sweep", "./d.toml", "--jobs", "1", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "failed: ./bad.trace on oos-snapshot" in done.stderr
    assert "line 1: a remark (#) must have a line of its own" in done.stderr
    refused(run("sweep", ".", cwd=tmp_path), "is a folder, must be a design")


def test_a_seed_below_zero_is_refused():
    with pytest.raises(GuestError, match="fork_exec: seed is -1, must be a whole number of at least 0"):
        generate("fork_exec", 1000, seed=-1)
    refused(run("fit", "--seed", "-1"), "--seed is -1, must be at least 0")


def test_a_trace_comes_through_a_pipe(tmp_path):
    for source in ("-", "/dev/stdin"):
        done = run("replay", source, "--results", "-", stdin=TEXT)
        assert done.stdout == "3\n4 FAULT 0x4\n"
        assert done.returncode == 0, done.stderr
    refused(run("replay", "-", stdin=""), "-: holds no event")


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_an_output_that_is_not_utf_8_is_written_to(environment, tmp_path):
    (tmp_path / "caf\u00e9 \u6f22.trace").write_text(TEXT)
    done = run("validate", "./caf\u00e9 \u6f22.trace", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "64-bit guest" in done.stdout


def test_without_docstrings_everything_is_there():
    for words in (("list",), ("list", "--json"), ("prices",), ("defects", "--help"), ("published", "--help")):
        done = run(*words, python=("-OO",))
        assert done.returncode == 0, done.stderr
        assert "fork_exec" in done.stdout or words[0] != "list"


def test_an_empty_name_of_the_cache_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("OOSBENCH_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "oosbench"


def test_a_user_without_a_home_has_a_cache_of_his_own(monkeypatch, tmp_path):
    from oosbench import cache

    monkeypatch.setattr("pathlib.Path.home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("OOSBENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    cache._without_home.cache_clear()
    mine = cache_root()
    assert mine == tmp_path / f"oosbench-{os.getuid()}"
    assert mine.stat().st_mode & 0o777 == 0o700
    # One that others may write, or a link that was planted, is not used.
    mine.chmod(0o777)
    cache._without_home.cache_clear()
    assert cache_root() != mine
    mine.rmdir()
    mine.symlink_to(tmp_path)
    cache._without_home.cache_clear()
    assert cache_root() not in (mine, tmp_path)
    cache._without_home.cache_clear()


def test_ctrl_c_while_it_starts_leaves_no_traceback(tally):
    draw = random.Random(19)
    for _ in range(20):
        process = subprocess.Popen(
            [sys.executable, "-m", "oosbench", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        time.sleep(draw.uniform(0.15, 1.0))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert "Traceback" not in told
        assert process.returncode in (0, 130)
        tally["Ctrl-C while a command starts"] += 1


def test_what_nobody_thought_of_is_told_in_a_line(monkeypatch, capsys):
    from oosbench import __main__ as command_line
    from oosbench.commands import traces

    monkeypatch.setattr(traces, "open_trace", lambda *_: 1 / 0)
    assert command_line.main(["validate", "x.trace"]) == 1
    told = capsys.readouterr().err
    assert (
        "a fault of oosbench, please report it: ZeroDivisionError: division by zero (test_cli_faults.py, line" in told
    )
    assert len(told.splitlines()) == 1
    monkeypatch.setenv("OOSBENCH_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        command_line.main(["validate", "x.trace"])


def test_names_with_nul_are_refused():
    for source in ("./a\0b.trace", "/a\0b.npz"):
        with pytest.raises(ValueError, match="there is a NUL in it"):
            open_trace(source)

"""Files appear whole or not at all: whatever ends the writing, and whatever lies in the folder."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time

import pytest

from oosbench.errors import UsageError
from oosbench.output import text_file, whole_file, whole_files


def test_what_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "kept"
    path.write_text("before")
    with pytest.raises(TypeError), whole_file(path) as file:
        file.writelines([b"half", None])
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_none_of_several_files_is_replaced_if_one_fails(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text("before")
    with pytest.raises(TypeError), whole_files(paths) as (one, other):
        other.writelines([one.write(b"new") and b"half", None])
    assert [path.read_text() for path in paths] == ["before", "before"]
    assert sorted(tmp_path.iterdir()) == paths
    with whole_files(paths) as (one, other):
        one.write(b"1")
        other.write(b"2")
    assert [path.read_text() for path in paths] == ["1", "2"]


def test_a_long_name_can_be_written(tmp_path):
    path = tmp_path / ("n" * 240 + ".trace")
    with whole_file(path) as file:
        file.write(b"told")
    assert path.read_bytes() == b"told"


def test_the_file_has_the_rights_of_any_new_file(tmp_path):
    with whole_file(tmp_path / "new") as file:
        file.write(b"told")
    (tmp_path / "usual").write_bytes(b"told")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new", "usual")]
    assert modes[0] == modes[1]


def test_no_symbolic_link_that_was_planted_is_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr("secrets.token_hex", lambda n: "guessed")
    (tmp_path / ".oosbench-guessed.part").symlink_to(victim)
    with pytest.raises(FileExistsError), whole_file(tmp_path / "mine") as file:
        file.write(b"told")
    assert victim.read_text() == "precious"


def test_what_was_left_behind_is_removed_and_what_is_being_written_is_not(tmp_path):
    old, fresh, pipe = (tmp_path / f".oosbench-{name}.part" for name in ("old", "fresh", "pipe"))
    for path in (old, fresh):
        path.write_text("half")
    os.mkfifo(pipe)
    os.utime(old, (0, 0))
    with whole_file(tmp_path / "slow") as file:
        (held,) = set(tmp_path.glob(".oosbench-*")) - {old, fresh, pipe}
        os.utime(held, (0, 0))
        with whole_file(tmp_path / "quick") as quick:
            quick.write(b"quick")
        file.write(b"slow")
    assert {path.name for path in tmp_path.iterdir()} == {"slow", "quick", fresh.name, pipe.name}
    assert (tmp_path / "slow").read_bytes() == b"slow"


@pytest.mark.parametrize("name", ["x.zst", "x.trace.bz2", "x.lz4", "x.tar", "x.zip", "x.ZST"])
def test_a_name_that_promises_another_packer_is_refused(tmp_path, name):
    told = r"text is written packed as \.gz or \.xz, or as it is"
    with pytest.raises(UsageError, match=told), text_file(tmp_path / name):
        pass
    assert not list(tmp_path.iterdir())


# (Whoever runs the tests in the background has children that ignore an interrupt.)
WRITER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from oosbench.output import whole_file
print("ready", flush=True)
piece = b"0123456789abcdef" * 4096
while True:
    with whole_file(sys.argv[1]) as file:
        for _ in range(64):
            file.write(piece)
"""


@pytest.mark.slow
@pytest.mark.xdist_group("timed")
@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_kills_leave_the_file_whole(tmp_path, ended_by, tally):
    draw, path = random.Random(int(ended_by)), tmp_path / "mine"
    for _ in range(10):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        writer.stdout.readline()
        time.sleep(draw.uniform(0.01, 0.1))
        writer.send_signal(ended_by)
        writer.wait()
        writer.stdout.close()
        if path.exists():
            assert path.stat().st_size == 64 * 16 * 4096
        tally["kills while a file was written"] += 1
    for left in tmp_path.glob(".oosbench-*"):
        os.utime(left, (0, 0))
    with whole_file(path) as file:
        file.write(b"told")
    assert list(tmp_path.iterdir()) == [path]


def test_a_limit_of_file_sizes_leaves_what_was_there(tmp_path):
    path = tmp_path / "mine"
    path.write_text("before")
    limited = subprocess.run(
        [sys.executable, "-c", WRITER, str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "File too large" in limited.stderr
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(OSError, match="No such file") as caught, whole_file(tmp_path / "nowhere" / "mine"):
        pass
    assert caught.value.filename == str(tmp_path / "nowhere" / "mine")
    with pytest.raises(OSError, match="No space") as caught, whole_file(tmp_path / "mine"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "mine")
    with pytest.raises(OSError, match="other") as caught, whole_file(tmp_path / "mine"):
        raise OSError(errno.ENOENT, "No such file", "other")
    assert caught.value.filename == "other"

"""Rows and first touches of a recording belong together, whatever ends the writing of them."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest

from oosbench import Recording, RecordingError, recordings
from oosbench.recordings import _format


@pytest.fixture
def two():
    """Two recordings with touches that differ."""
    whole = recordings.load("sqlite")
    other = {name: column[:-1] if name != "vpn_table" else column for name, column in whole.touches.items()}
    return Recording("mine", whole.rows, whole.touches), Recording("mine", whole.rows, other)


def test_touches_of_another_recording_are_refused(two, tmp_path):
    for recording, folder in zip(two, ("a", "b"), strict=True):
        (tmp_path / folder).mkdir()
        recording.write(tmp_path / folder / "mine.npz")
    shutil.copy(tmp_path / "b" / "mine.touch.npz", tmp_path / "a")
    with pytest.raises(RecordingError, match=r"mine\.touch\.npz: has the first touches of another recording"):
        Recording.read(tmp_path / "a" / "mine.npz")


def test_touches_that_are_lost_are_missed(two, tmp_path):
    two[0].write(tmp_path / "mine.npz")
    (tmp_path / "mine.touch.npz").unlink()
    with pytest.raises(RecordingError, match=r"was recorded with first touches, and \.touch\.npz is not beside it"):
        Recording.read(tmp_path / "mine.npz")


def test_touches_beside_a_recording_without_any_are_refused(two, tmp_path):
    two[0].write(tmp_path / "with.npz")
    Recording("mine", two[0].rows).write(tmp_path / "mine.npz")
    shutil.copy(tmp_path / "with.touch.npz", tmp_path / "mine.touch.npz")
    with pytest.raises(RecordingError, match="has the first touches of another recording"):
        Recording.read(tmp_path / "mine.npz")


@pytest.mark.parametrize("fails", [1, 2])
@pytest.mark.parametrize("touched", [True, False])
def test_a_recording_over_another_that_cannot_be_written_leaves_both_files(two, tmp_path, monkeypatch, fails, touched):
    two[0].write(tmp_path / "mine.npz")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 2
    write, calls = _format._write_columns, []

    def full(file, columns):
        calls.append(columns)
        if len(calls) == fails:
            file.write(b"half")
            raise OSError(28, "No space left on device")
        write(file, columns)

    monkeypatch.setattr(_format, "_write_columns", full)
    new = two[1] if touched else Recording("mine", two[1].rows)
    if fails == 2 and not touched:
        return  # one file alone is written
    with pytest.raises(OSError, match="No space left"):
        new.write(tmp_path / "mine.npz")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    np.testing.assert_array_equal(Recording.read(tmp_path / "mine.npz").touches["pos"], two[0].touches["pos"])


WRITER = """
import sys
from oosbench import Recording, recordings
whole = recordings.load("sqlite")
less = {name: column[:-1] if name != "vpn_table" else column for name, column in whole.touches.items()}
print("ready", flush=True)
while True:
    for touches in (whole.touches, less, None):
        Recording("mine", whole.rows, touches).write(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.xdist_group("timed")
def test_kills_never_leave_rows_beside_the_touches_of_others(two, tmp_path, tally):
    """What is read after a kill is one of the recordings, or is refused; and the next one written is right."""
    draw, path = random.Random(19), tmp_path / "mine.npz"
    lengths = {len(recording.touches["pos"]) for recording in two} | {0}
    for _ in range(10):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(draw.uniform(0.05, 0.6))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        if path.exists():
            with suppress(RecordingError):  # rows are there, and their touches are not yet
                read = Recording.read(path)
                assert len(read.touches["pos"] if read.touches else ()) in lengths
        tally["kills while a recording was written"] += 1
    two[0].write(path)
    assert len(Recording.read(path).touches["pos"]) == len(two[0].touches["pos"])

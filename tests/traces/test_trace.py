"""Traces in memory and on disk."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pytest

from oosbench import Trace, TraceError, open_trace

TEXT = "# small\nMODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\nWRITE 0 0x0 0x1 8 u\nBLOW"


@pytest.mark.parametrize("end", ["trace", "trace.gz", "trace.xz", "npz"])
def test_a_trace_written_and_read_is_the_same(tmp_path, end):
    path = tmp_path / f"small.{end}"
    Trace.from_text(TEXT).write(path)
    again = open_trace(path)
    assert again.to_text() == TEXT
    first = path.read_bytes()
    again.write(path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


def test_length_counts_events_and_counts_every_line():
    small = Trace.from_text(TEXT)
    assert len(small) == 3
    assert small.counts()[["POKE", "CR3", "WRITE", "BLOW"]].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("end", ["trace.gz", "trace.xz", "npz"])
def test_a_file_cut_short_is_refused(tmp_path, end, trace):
    path = tmp_path / f"cut.{end}"
    trace("cow").write(path)
    whole = path.read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:length])
        with pytest.raises(TraceError, match=r"cut\..*(damaged or cut short|no NumPy array)"):
            Trace.read(path)


def test_a_damaged_file_is_refused(tmp_path, trace):
    path = tmp_path / "bad.npz"
    trace("cow").write(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(TraceError, match=r"bad\.npz"):
        Trace.read(path)


def _columns(tmp_path):
    Trace.from_text(TEXT).write(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as columns:
        return dict(columns)


def test_columns_of_other_lengths_or_kinds_are_refused(tmp_path):
    columns = _columns(tmp_path)
    bad = tmp_path / "bad.npz"
    for spoiled, told in (
        ({"value": columns["value"][:-1]}, "all columns one length"),
        ({"value": columns["value"].astype("f8")}, "column 'value' is float64"),
        ({"value": columns["value"].reshape(1, -1)}, "must be one-dimensional"),
        ({"op": columns["op"] + np.uint8(100)}, "unknown op"),
        ({"mode": columns["mode"][:2]}, "mode must have 4 numbers"),
    ):
        np.savez(bad, **(columns | spoiled))
        with pytest.raises(TraceError, match=told):
            Trace.read(bad)
    del columns["address"]
    np.savez(bad, **columns)
    with pytest.raises(TraceError, match="no column 'address'"):
        Trace.read(bad)


def test_a_pickle_is_not_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("executed",))

    columns = _columns(tmp_path)
    columns["value"] = np.array([Trap()], object)
    np.savez(tmp_path / "trap.npz", allow_pickle=True, **columns)
    with pytest.raises(TraceError, match="column 'value' is object"):
        Trace.read(tmp_path / "trap.npz")


def test_a_column_that_claims_more_than_it_holds_takes_no_memory(tmp_path):
    Trace.from_text(TEXT).write(tmp_path / "good.npz")
    with zipfile.ZipFile(tmp_path / "good.npz") as good, zipfile.ZipFile(tmp_path / "bad.npz", "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            if name == "value.npy":
                data = data.replace(b"(4,), }", b"(4000000000000,), }")
                data = data[:8] + (int.from_bytes(data[8:10], "little") + 12).to_bytes(2, "little") + data[10:]
            bad.writestr(name, data)
    with pytest.raises(TraceError, match=r"column 'value' claims 32,000,000,000,000 bytes and holds 32"):
        Trace.read(tmp_path / "bad.npz")


def test_text_that_is_too_long_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("oosbench.traces.trace.MAX_TEXT", 20)
    (tmp_path / "long.gz").write_bytes(gzip.compress(TEXT.encode()))
    (tmp_path / "long.trace").write_text(TEXT)
    with pytest.raises(TraceError, match="unpacks to more than 20 bytes"):
        Trace.read(tmp_path / "long.gz")
    with pytest.raises(TraceError, match="is larger than 20 bytes"):
        Trace.read(tmp_path / "long.trace")


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "kept.trace"
    path.write_text("before")
    monkeypatch.setattr(Trace, "to_text", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Trace.from_text(TEXT).write(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_events_may_come_as_any_array_of_such_records():
    small = Trace.from_text(TEXT)
    plain = np.array(small.events.tolist(), small.events.dtype)
    plain.flags.writeable = False
    again = Trace(4, 1, 16, 256, plain[::1], verbatim=small.verbatim)
    assert again.to_text() == TEXT
    assert not again.events.flags.writeable  # it has been checked

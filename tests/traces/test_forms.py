"""A trace that passes validation is the same trace in every form; what a form could not say is refused."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oosbench import Machine, Trace, TraceError, open_trace
from oosbench.traces.events import ACCESS, BLOW, CR3, EVENT, INVLPG, OPS, P2M, POKE, WP, WRITE, WRITEHL

MODE = (4, 2, 64, 0)
TABLES = [(POKE, 0x1000, 0x2067), (POKE, 0x2000, 0x3067), (POKE, 0x3000, 0x4067), (POKE, 0x4000, 0x5067)]


def rows(*told) -> np.recarray:
    """Return events from dicts of their fields; what is not told is 0."""
    events = np.zeros(len(told), EVENT).view(np.recarray)
    for event, fields in zip(events, told, strict=True):
        for name, value in fields.items():
            event[name] = value
    return events


def mapped(*told) -> np.recarray:
    """Return events of a guest that has one page mapped at 0, and loads it on vCPU 0."""
    pokes = [{"op": op, "address": at, "value": value, "width": 8} for op, at, value in TABLES]
    return rows(*pokes, {"op": CR3, "address": 0x1000}, *told)


def forms(trace: Trace, folder) -> list[Trace]:
    """Return a trace written and read again in every form."""
    paths = [folder / f"again.{end}" for end in ("trace", "trace.gz", "trace.xz", "npz")]
    for path in paths:
        trace.write(path)
    return [Trace.from_text(trace.to_text()), *map(open_trace, paths)]


def test_a_store_made_by_hand_is_the_same_store_as_text(tmp_path):
    trace = Trace.from_events(MODE, mapped({"op": WRITE, "width": 4, "access": 6, "value": 0x77}), "mine")
    assert trace.to_text().splitlines()[-1] == "WRITE 0 0x0 0x77 4 u"
    told = list(Machine(trace).run().outcome_lines())
    assert told[-1] == "7 OK 0x5000"
    for again in forms(trace, tmp_path):
        np.testing.assert_array_equal(again.events, trace.events)
        assert list(Machine(again).run().outcome_lines()) == told


def test_lines_that_nobody_numbered_are_all_written():
    trace = Trace(*MODE, mapped({"op": BLOW}, {"op": BLOW})).validate()
    assert trace.events.line.tolist() == list(range(2, 9))
    assert len(trace.to_text().splitlines()) == 8


@st.composite
def any_event(draw):
    """Draw an event, possible or not."""
    op = draw(st.sampled_from([*range(len(OPS)), WRITE, WRITE, ACCESS, POKE, len(OPS)]))
    usual = {
        "access": {WRITE: st.sampled_from([2, 6, 2, 6, 0, 3]), ACCESS: st.sampled_from([0, 2, 4, 6, 16, 20, 18])},
        "width": {WRITE: st.sampled_from([1, 2, 4, 8, 8, 3]), POKE: st.sampled_from([1, 2, 4, 8, 0])},
    }
    event = {"op": op, "vcpu": draw(st.integers(0, 2)) if op in (CR3, ACCESS, WRITE, WRITEHL, INVLPG, WP) else 0}
    for name, by_op in usual.items():
        event[name] = draw(by_op.get(op, st.sampled_from([0] * 19 + [1])))
    if op in (POKE, P2M, CR3, ACCESS, WRITE, WRITEHL, INVLPG):
        event["address"] = draw(st.sampled_from([0, 8, 1, 63, 0x1000, 0x5000, -8, -4096, 2**31, 2**32, 2**63 - 1]))
    if op not in (CR3, ACCESS, INVLPG, BLOW, 11):
        event["value"] = draw(st.sampled_from([0, 0, 1, 2, 3, 255, 256, 2**32 - 1, -1]))
    event["spelled"] = draw(st.sampled_from([0] * 9 + [1, 2, 3, -1]))
    return event


@given(st.data(), st.sampled_from([2, 3, 4]))
def test_what_passes_validation_is_the_same_in_every_form(tmp_path_factory, data, levels):
    mode = (levels, 2, 64, 0)
    passed = []
    for event in data.draw(st.lists(any_event(), max_size=8)):
        try:
            Trace.from_events(mode, rows(event), "one")
        except TraceError:
            continue
        passed.append(event)
    trace = Trace.from_events(mode, rows(*passed), "drawn")
    for again in forms(trace, tmp_path_factory.mktemp("forms")):
        assert again.mode == trace.mode
        np.testing.assert_array_equal(again.events, trace.events)
        assert again.to_text() == trace.to_text()
        assert again.digest == trace.digest


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"op": WRITE, "width": 8, "access": 4}, r"access must be 2 \(W\), or 6 \(W and U\) of a user \(WRITE"),
        ({"op": WRITE, "width": 8, "access": 0}, "access must be 2"),
        ({"op": WRITE, "width": 8, "access": 3}, "access must be 2"),
        ({"op": ACCESS, "access": 8}, r"access must be 0 \(a read\), 2 \(W\) or 16 \(I\), 4 more"),
        ({"op": ACCESS, "access": 18}, "access must be 0"),
        ({"op": ACCESS, "access": 4, "width": 8}, "width must be 0: this op has none"),
        ({"op": ACCESS, "access": 4, "value": 1}, "value must be 0: this op has none"),
        ({"op": CR3, "address": 0x1000, "access": 2}, "access must be 0: this op has none"),
        ({"op": POKE, "width": 8, "vcpu": 1}, "vcpu must be 0: this op has none"),
        ({"op": BLOW, "address": 1}, "address must be 0: this op has none"),
        ({"op": WRITE, "width": 8, "access": 2, "spelled": 3}, "spelled must be how many optional fields"),
        ({"op": BLOW, "spelled": -1}, "spelled must be how many optional fields"),
        ({"op": CR3, "address": 0x1018}, "aligned to 4096 bytes; PCID, PWT, PCD and the bit that spares the TLB"),
        ({"op": CR3, "address": -(2**63) + 0x1000}, "PCID, PWT, PCD and the bit that spares the TLB"),
    ],
)
def test_what_the_grammar_could_not_say_is_refused(event, told):
    with pytest.raises(TraceError, match=told):
        Trace(*MODE, mapped(event)).validate()
    if "this op has none" in told:
        assert Trace.from_events(MODE, mapped(event), "mine").to_text()  # where it is left out
    else:
        with pytest.raises(TraceError, match=told):
            Trace.from_events(MODE, mapped(event), "mine")


def test_a_store_without_the_bit_of_one_goes_through_no_read_only_mapping(tmp_path):
    events = mapped({"op": WRITE, "width": 8, "access": 6, "value": 0x1234})
    events.value[3] = 0x5025
    trace = Trace.from_events(MODE, events, "mine")
    assert list(Machine(trace).run().outcome_lines())[-1] == "7 FAULT 0x7"
    trace.write(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as columns:
        spoiled = dict(columns) | {"access": np.where(columns["op"] == WRITE, 4, columns["access"]).astype("u1")}
    np.savez(tmp_path / "bad.npz", **spoiled)
    with pytest.raises(TraceError, match=r"bad\.npz, line 7: access must be 2"):
        open_trace(tmp_path / "bad.npz")


REMARKED = "# mine\nMODE 4 1 64 0\n\nCR3  0 0x1000\nBLOW\n"


@pytest.mark.parametrize(
    ("verbatim", "told"),
    [
        ({1: "# mine", 2: "MODE 4 1 32 0", 3: "", 4: "CR3  0 0x1000"}, r"verbatim says MODE \(4, 1, 32, 0\), must be"),
        ({1: "# mine", 2: "MODE 4 1 64 0", 3: "", 4: "CR3 0 0x2000"}, "line 4: verbatim says something else"),
        ({1: "# mine", 2: "MODE 4 1 64 0", 3: "BLOW", 4: "CR3  0 0x1000"}, "says something else"),
        ({1: "# mine", 2: "MODE 4 1 64 0", 4: "CR3  0 0x1000"}, "says something else"),
        ({1: "# mine", 2: "MODE 4 1 64 0", 3: "", 4: "nonsense"}, "line 4: unknown op 'nonsense'"),
        ({1: "# mine", 3: "", 4: "CR3  0 0x1000"}, "a trace begins with: MODE"),
        ({3: "\udcff"}, "is no text"),
        ({}, "line 4: lines must be numbered from 2 on; Trace.from_events numbers them"),
    ],
)
def test_lines_kept_from_a_text_must_say_what_the_events_do(verbatim, told):
    good = Trace.from_text(REMARKED)
    assert Trace(*good.mode, good.events, verbatim=good.verbatim).to_text() == REMARKED
    with pytest.raises(TraceError, match=told):
        Trace(*good.mode, good.events, verbatim=verbatim).validate()


def test_events_are_frozen_by_validation():
    events = mapped({"op": ACCESS, "access": 4})
    events.line = np.arange(2, len(events) + 2)  # else a copy of them would be numbered
    trace = Trace(*MODE, events)
    machine = Machine(trace)
    for array in (trace.events, events):
        with pytest.raises(ValueError, match="read-only"):
            array["vcpu"] = 200
    with pytest.raises(TypeError):
        trace.verbatim[1] = "MODE 4 1 1 1"
    assert machine.run().counters.accesses == 1


def test_from_events_leaves_what_it_was_given_alone():
    events = mapped({"op": BLOW})
    Trace.from_events(MODE, events, "mine")
    assert not events.line.any()
    events.vcpu = 9  # may be written still


TEXT = b"MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\nACCESS 0 0x0 r u\n"


def packed_in(kind: str) -> bytes:
    """Return a trace in an archive."""
    made = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("tiny.trace", TEXT)
        return made.getvalue()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo("tiny.trace")
        entry.size = len(TEXT)
        archive.addfile(entry, io.BytesIO(TEXT))
    return made.getvalue() if kind == "tar" else gzip.compress(made.getvalue())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\x28\xb5\x2f\xfd rest", "is packed by zstd; oosbench reads gzip and xz"),
        (b"BZh91AY&SY", "is packed by bzip2; oosbench reads gzip and xz"),
        (b"\x04\x22\x4d\x18rest", "is packed by lz4"),
        (packed_in("tar"), "is a tar archive"),
        (packed_in("tar.gz"), "is a tar archive"),
        (packed_in("zip"), "is a zip archive without columns"),
        (b"\xef\xbb\xbf" + TEXT, "byte order mark"),
        (TEXT.decode().encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (TEXT.replace(b"\n", b"\r\n"), "line 1: ends in CR LF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a pointer of Git LFS"),
        (b"\n<!DOCTYPE html>\n<html>", "is a web page"),
        (b"<html><body>404", "is a web page"),
        (TEXT.replace(b"\n", b" # mine\n"), r"line 1: a remark \(#\) must have a line of its own"),
        (TEXT.replace(b"CR3", b"CR3\0"), "line 3: unknown op"),
        (TEXT + b"AUDIT\0\n", "line 5: unknown op"),
        (TEXT.replace(b"CR3 0 0x1000", b"CR3 0 0x1018"), "line 3: a root must be aligned to 4096 bytes; PCID"),
    ],
)
def test_a_file_of_another_kind_says_what_it_is(tmp_path, data, told):
    path = tmp_path / "some.trace"
    path.write_bytes(data)
    with pytest.raises(TraceError, match=rf"some\.trace.*{told}"):
        open_trace(path)


@pytest.mark.parametrize("kind", ["text", "npz"])
def test_a_pipe_is_read_once_and_whole(tmp_path, kind):
    trace = Trace.from_text(TEXT)
    trace.write(tmp_path / f"tiny.{kind}")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=lambda: pipe.write_bytes((tmp_path / f"tiny.{kind}").read_bytes()))
    feeder.start()
    assert open_trace(pipe).digest == trace.digest
    feeder.join(10)


@pytest.mark.xdist_group("timed")
def test_a_million_empty_lines_take_no_time():
    text = TEXT + b"\n" * 10**6 + b"# mine\n" * 10**5 + b"BLOW\n"
    began = time.perf_counter()
    trace = Trace.from_text(text)
    assert time.perf_counter() - began < 3  # nine before; a third of one on an idle machine
    assert trace.events.line[-1] == 5 + 1_100_000
    assert trace.to_text().encode() == text

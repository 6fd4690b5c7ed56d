"""What a recording may hold beside what the first ones did: memory, direct map, what made it, vCPUs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from oosbench import Machine, Recording, RecordingError, check, recordings
from oosbench.shadow.replay import OUTCOMES
from oosbench.traces.events import ACCESS, POKE

from ..turns import taking_turns

# ---- columns ----


def test_a_recording_is_written_and_read_back(tmp_path):
    old = recordings.load("sqlite")
    new = Recording("mine", old.rows, old.touches, 2**17 * 3, -(2**46), '{"a": 1}')
    new.write(tmp_path / "mine.npz")
    again = Recording.read(tmp_path / "mine.npz")
    for name, column in old.rows.items():
        np.testing.assert_array_equal(again.rows[name], column)
        assert again.rows[name].dtype == column.dtype
    for name, column in old.touches.items():
        np.testing.assert_array_equal(again.touches[name], column)
    assert (again.ram_pages, again.direct_map, again.about) == (2**17 * 3, -(2**46), '{"a": 1}')
    new.write(tmp_path / "twice.npz")
    assert (tmp_path / "twice.npz").read_bytes() == (tmp_path / "mine.npz").read_bytes()


def test_a_recording_without_touches_removes_those_of_the_one_before(tmp_path):
    old = recordings.load("sqlite")
    Recording("mine", old.rows, old.touches).write(tmp_path / "mine.npz")
    assert (tmp_path / "mine.touch.npz").is_file()
    Recording("mine", old.rows).write(tmp_path / "mine.npz")
    assert not (tmp_path / "mine.touch.npz").exists()
    assert Recording.read(tmp_path / "mine.npz").touches is None


def test_another_size_of_memory_and_another_direct_map_make_a_trace(tmp_path):
    old = recordings.load("sqlite")
    usual = old.trace("4k")
    larger = Recording("sqlite", old.rows, old.touches, 2**19).trace("4k")
    assert larger.guest_pages == 2**19 + 2048
    assert len(larger.events) > len(usual.events) + 2**18
    moved = Recording("sqlite", old.rows, old.touches, direct_map=-(2**46)).trace()
    assert (moved.counts().WRITE + moved.counts().POKE) > 0


def _spoiled(tmp_path, **columns) -> Path:
    recordings.load("sqlite").write(tmp_path / "bad.npz")
    with np.load(tmp_path / "bad.npz") as held:
        np.savez(tmp_path / "bad.npz", **dict(held) | columns)
    return tmp_path / "bad.npz"


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("version", np.array([3], "u1"), "is a recording of version 3, must be 2"),
        ("version", np.array([2, 2], "u1"), "column 'version' has 2 elements, must have 1"),
        ("ram_pages", np.array([0], "u4"), "ram_pages is 0, must be 1 to"),
        ("ram_pages", np.array([2**30], "u4"), "ram_pages is 1073741824, must be 1 to"),
        ("ram_pages", np.array([100], "u4"), "page_pfn must be below 100"),
        ("vcpu", np.zeros(3, "u1"), "column 'vcpu' has 3 elements"),
        ("vcpu", np.full(len(recordings.load("sqlite").rows["ev"]), 64, "u1"), "vcpu must be below 64"),
    ],
)
def test_impossible_numbers_of_the_new_columns_are_refused(column, value, told, tmp_path):
    with pytest.raises(RecordingError, match=told):
        Recording.read(_spoiled(tmp_path, **{column: value}))


# ---- several vCPUs ----


def test_of_which_vcpu_a_recording_is_makes_no_difference():
    old = recordings.load("sqlite")
    one, other = (
        Recording("x", old.rows | _on(v, old.rows), old.touches | _on(v, old.touches)).trace() for v in (0, 3)
    )
    assert (one.vcpus, other.vcpus) == (1, 4)
    assert set(other.events.vcpu[other.events.op != POKE]) == {3}
    for column in set(one.events.dtype.names) - {"vcpu"}:
        np.testing.assert_array_equal(one.events[column], other.events[column])


def _on(vcpu: int, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"vcpu": np.full_like(columns["vcpu"], vcpu)}


@pytest.mark.parametrize("preset", ["oos-snapshot", "oos-fixed"])
def test_two_vcpus_make_a_trace_of_which_every_recorded_fault_is_delivered_and_no_other(preset):
    recording = taking_turns("sqlite")
    assert check(recording).good
    trace = recording.trace()
    assert trace.vcpus == 2
    assert (np.bincount(trace.events.vcpu) > len(trace) / 4).all()
    result = Machine(trace, preset).run()
    faults = result.outcomes.place[result.outcomes.outcome == OUTCOMES.index("FAULT")]
    rows = recording.rows
    np.testing.assert_array_equal(faults, rows["lvl"][rows["ev"] == 5])
    assert result.counters.shadow_unsync > 50


def test_a_touch_is_left_out_only_if_its_own_vcpu_made_one_alike():
    rows = recordings.load("sqlite").rows
    page = np.array([0xFFFF888000000 & 2**36 - 1], "u8")  # of the direct map, after all rows
    touches = {"pos": np.array([len(rows["ev"]), 0, 0, 0], "u4"), "vpn": np.zeros(4, "u4"), "kind": np.zeros(4, "u1")}
    one, two = (
        Recording("x", rows, touches | {"vpn_table": page, "vcpu": np.array(vcpu, "u1")}).trace()
        for vcpu in ([0, 0, 0, 0], [0, 1, 0, 1])
    )
    assert two.events.vcpu[-2:].tolist() == [0, 1]
    assert len(two) == len(one) + 1


def _flushed_late(before: bool, between: list[tuple[int, int]]) -> Recording:
    """Return a page that vCPU 1 reads `before` vCPU 0 forbids to write it; rows of (kind, vCPU); and 1 writes to it."""
    frames, levels = [10, 11, 12, 13], [4, 3, 2, 1]
    told = [(1, 0, 0, 4, 0, 0, 0), (2, 0, 0, 4, 0, 0, 0), (10, 0, 0, 4, 0, 0, 0)]
    for page, (level, child) in enumerate(zip(levels, [*frames[1:], 20], strict=True)):
        told += [(7, 0, page, level, 0, 0, 0), (8, 0, page, level, int(level == 1), child << 12 | 7, 0)]
    told += [(2, 1, 0, 4, 0, 0, 0)]
    first = len(told)
    told += [(6, 0, 3, 1, 1, 20 << 12 | 5, 0), *((kind, vcpu, 0, 4, 0, 0, 0x1000) for kind, vcpu in between)]
    kind, vcpu, page, level, index, entry, va = (np.array(column) for column in zip(*told, strict=True))
    rows = {"ev": kind, "vcpu": vcpu, "dt": 0 * kind, "page": page.astype("u4"), "lvl": level, "idx": index}
    rows |= {"flags": entry & 0xFFF, "frame": entry >> 12, "va": va.astype("u8"), "ip_kernel": kind < 0}
    rows |= {"page_pfn": np.array(frames, "u4"), "page_lvl": np.array(levels)}
    rows |= {"page_parent": np.arange(-1, 3), "page_pidx": np.zeros(4, "u2")}
    touches = {"pos": [first, len(kind) - first], "vpn": [0, 0], "kind": [16, 17], "vcpu": [1, 1], "vpn_table": [1]}
    touches = {name: np.array(c, "u4") for name, c in touches.items()} | {"vpn_table": np.array([1], "u8")}
    if not before:
        touches = {n: c[-1:] for n, c in touches.items()} | {"pos": np.array([len(kind)], "u4")}
    return Recording("late", rows, touches)


@pytest.mark.parametrize(
    ("before", "between", "left_out"),
    [
        (True, [], True),
        (True, [(3, 0)], True),  # INVLPG of the other's TLB
        (True, [(3, 1)], False),
        (True, [(2, 1)], False),  # CR3 load
        (True, [(4, 1)], False),  # global flush
        (False, [], False),
    ],
)
def test_a_touch_that_only_the_own_tlb_still_permits_is_left_out(before, between, left_out):
    events = _flushed_late(before, between).trace().events
    assert [event.access for event in events[events.op == ACCESS]] == [4] * before + [6] * (not left_out)


def test_the_vcpu_of_a_touch_is_written_only_if_there_are_several(tmp_path):
    two = taking_turns("sqlite")
    two.write(tmp_path / "two.npz")
    again = Recording.read(tmp_path / "two.npz")
    assert again.vcpus == 2
    for name in ("rows", "touches"):
        np.testing.assert_array_equal(getattr(again, name)["vcpu"], getattr(two, name)["vcpu"])
    recordings.load("sqlite").write(tmp_path / "one.npz")
    assert "vcpu" not in np.load(tmp_path / "one.touch.npz")
    assert not Recording.read(tmp_path / "one.npz").touches["vcpu"].any()


@pytest.mark.parametrize(
    ("vcpu", "told"),
    [(np.zeros(3, "u1"), "column 'vcpu' has not the length of 'pos'"), (None, "vcpu must be below 64")],
)
def test_impossible_vcpus_of_touches_are_refused(vcpu, told, tmp_path):
    two = taking_turns("sqlite")
    two.write(tmp_path / "two.npz")
    two.touches["vcpu"][7] = 64
    np.savez(tmp_path / "two.touch.npz", **two.touches | ({} if vcpu is None else {"vcpu": vcpu}))
    with pytest.raises(RecordingError, match=told):
        Recording.read(tmp_path / "two.npz")

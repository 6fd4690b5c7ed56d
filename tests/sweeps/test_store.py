"""The file that keeps results: what goes in comes out, and what is no such file is left alone."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oosbench import Design, Store, StoreError
from oosbench.sweeps.point import Outcome

POINTS = Design(workloads=["sqlite"], axes={"oos_slots": list(range(2, 12)), "line_compare": [True]}).points()
RIGHT = Outcome({"levels": 4, "vcpus": 1, "shadow_resync": 7, "line_compare": 5}, "", 0.5)
WRONG = Outcome({}, "it crashed", 0.1)


def test_what_is_stored_is_there_at_once_and_for_others(tmp_path):
    with Store(tmp_path / "s.sqlite") as one, Store(tmp_path / "s.sqlite") as other:
        one.put(POINTS[0], RIGHT)
        other.put(POINTS[1], WRONG)
        assert one.known(POINTS) == other.known(POINTS) == {POINTS[0].key: True, POINTS[1].key: False}
        assert len(one) == len(other) == 2


def test_a_frame_has_a_column_for_every_axis_and_counter(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        assert store.frame(POINTS).empty
        for point in POINTS[:3]:
            store.put(point, RIGHT)
        frame = store.frame(POINTS)
        assert frame.oos_slots.tolist() == [2, 3, 4]
        assert frame.workload.tolist() == ["sqlite"] * 3
        assert frame.levels.tolist() == [4, 4, 4]
        assert frame.line_compare.tolist() == [True] * 3  # the axis
        assert frame.line_compare_counted.tolist() == [5] * 3  # the counter
        assert frame.shadow_resync.dtype == int
        store.put(POINTS[3], WRONG)
        frame = store.frame(POINTS)
        assert frame.error.tolist() == ["", "", "", "it crashed"]
        assert frame.shadow_resync.sum() == 21
        assert frame.shadow_resync.isna().sum() == 1
        assert sorted(store.frame().oos_slots) == [2, 3, 4, 5]


def test_what_went_well_stays_and_what_failed_may_be_mended(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.put(POINTS[0], WRONG)
        store.put(POINTS[0], RIGHT)
        store.put(POINTS[0], WRONG)
        assert store.known(POINTS[:1]) == {POINTS[0].key: True}
        assert store.frame().seconds.tolist() == [0.5]


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.text("abc", min_size=1), st.integers(-(2**62), 2**62)), st.text(), st.floats(0, 1e9))
def test_what_goes_in_comes_out(counters, error, seconds):
    with Store(":memory:") as store:
        store.put(POINTS[0], Outcome(counters, error, seconds))
        row = store.frame(POINTS).iloc[0]
        assert row.error == error
        assert row.seconds == seconds
        assert {name: int(row[name]) for name in counters} == counters


def other_program(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE mail (text)")
    db.commit()
    db.close()


def later_version(path):
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA application_id = {0x6F6F73}")
    db.execute("PRAGMA user_version = 2")
    db.close()


def filled(path):
    with Store(path) as store:
        for point in POINTS:
            store.put(point, Outcome({f"counter_{i}": i for i in range(300)}, "", 0.5))
    return path.read_bytes()


def cut_short(path):
    data = filled(path)
    path.write_bytes(data[: len(data) // 2])


def written_over(path):
    data = filled(path)
    path.write_bytes(data[:8000] + bytes(range(256)) * 64 + data[8000 + 256 * 64 :])


DAMAGE = {
    "text": (lambda path: path.write_text("oos_slots,resyncs\n2,743\n" * 100), "is no file of sweep results"),
    "cut short": (cut_short, "is damaged"),
    "written over": (written_over, "is damaged"),
    "of another program": (other_program, "another program's"),
    "of a later version": (later_version, "is of a later version of oosbench"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_file_that_is_something_else_is_told_and_left_as_it_is(how, tmp_path):
    path = tmp_path / "points.sqlite"
    damage, told = DAMAGE[how]
    damage(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"points.sqlite: .*{told}"):
        Store(path)
    assert path.read_bytes() == before
    assert sum(file.stat().st_size for file in tmp_path.glob("points.sqlite-wal")) == 0


def test_an_empty_file_is_a_new_store(tmp_path):
    (tmp_path / "s.sqlite").touch()
    with Store(tmp_path / "s.sqlite") as store:
        assert len(store) == 0


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened: is its folder there"):
        Store(tmp_path / "nowhere" / "s.sqlite")


def test_a_point_that_cannot_be_is_stored_by_what_was_asked(tmp_path):
    design = Design(workloads=["sqlite"], axes={"oos_slots": [1, 2], "unsafe": [False, True]})
    (refused,) = [point for point in design.points() if point.refused]
    with Store(tmp_path / "s.sqlite") as store:
        store.put(refused, Outcome({}, refused.refused, 0.0))
        assert store.known([refused, replace(refused, chosen={"oos_slots": 0})]) == {refused.key: False}

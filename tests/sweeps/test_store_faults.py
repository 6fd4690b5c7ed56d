"""A file of results that was damaged, that other versions wrote to, or that may only be read."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from oosbench import Design, DesignError, Store, StoreError, sweep
from oosbench.sweeps import metrics
from oosbench.sweeps import point as points_of
from oosbench.sweeps.point import Outcome

DESIGN = Design(workloads=["sqlite"], axes={"oos_slots": [2, 3, 4]})
RIGHT = Outcome({"levels": 4, "vcpus": 1, "shadow_resync": 743}, "", 0.5)


@pytest.fixture
def path(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        for point in DESIGN.points():
            store.put(point, RIGHT)
    return tmp_path / "s.sqlite"


def change(path, assignment: str, *values: object) -> None:
    db = sqlite3.connect(path)
    db.execute(f"UPDATE points SET {assignment} WHERE key = (SELECT min(key) FROM points)", values)
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("assignment", "values"),
    [
        ("counters = replace(counters, '743', '748')", ()),  # a digit
        ("labels = replace(labels, 'sqlite', 'sqlitf')", ()),
        ("description = replace(description, 'trusted', 'trustee')", ()),
        ("seconds = 0.25", ()),
        ("error = 'it crashed'", ()),
        ("counters = ?", ("[1, 2]",)),
        ("counters = ?", ("{",)),
        ("counters = ?", ("[" * 100_000,)),
        ("counters = ?", ('{"levels": "four"}',)),
        ("counters = CAST(? AS TEXT)", (b'{"levels": \xff}',)),
        ("labels = ?", ("7",)),
        ("description = ?", ("null",)),
    ],
)
def test_a_damaged_point_is_noticed_and_made_again(path, assignment, values):
    change(path, assignment, *values)
    with Store(path) as store:
        with pytest.raises(StoreError, match=r"s\.sqlite: 1 of 3 points are damaged; the sweep that made them makes"):
            store.frame()
        points = DESIGN.points()
        assert len(store.known(points)) == len(store.frame(points)) == 2
        sweep(DESIGN, store, jobs=1)
        assert len(store.frame()) == 3
        assert sorted(store.frame().shadow_resync)[1:] == [743, 743]
        assert len(store.known(points)) == 3


def test_what_was_stored_before_there_were_digests_is_read(path):
    db = sqlite3.connect(path)
    db.execute("DROP TABLE digests")
    db.commit()
    db.close()
    with Store(path) as store:
        assert store.frame().shadow_resync.tolist() == [743] * 3
        assert len(store.known(DESIGN.points())) == 3


def test_a_file_with_other_columns_is_told(tmp_path):
    db = sqlite3.connect(tmp_path / "s.sqlite")
    db.execute(f"PRAGMA application_id = {0x6F6F73}")
    db.execute("PRAGMA user_version = 1")
    db.execute("CREATE TABLE points (key TEXT)")
    db.close()
    with pytest.raises(StoreError, match="has not the columns of sweep results"):
        Store(tmp_path / "s.sqlite")


def test_a_store_read_whole_tells_versions_apart(path, monkeypatch):
    monkeypatch.setattr(points_of, "version", lambda: "9.9.9 0123456789abcdef")
    with Store(path) as store:
        for point in Design(workloads=["sqlite"], axes={"oos_slots": [2, 3, 4]}).points():
            store.put(point, RIGHT)
        frame = store.frame()
    assert len(frame) == 6
    assert frame["oosbench"].value_counts().tolist() == [3, 3]
    assert "9.9.9 0123456789abcdef" in set(frame["oosbench"])
    assert "oosbench" in metrics.varied(frame)
    with pytest.raises(DesignError, match=r"these points are of 2 versions: .*9\.9\.9 0123456789abcdef"):
        metrics.surface(frame, "resyncs", ["oos_slots"])
    one = frame[frame["oosbench"] == "9.9.9 0123456789abcdef"]
    assert metrics.surface(one, "resyncs", ["oos_slots"]).value.tolist() == [743] * 3


READER = """
import sys
from oosbench import Design, Store, StoreError, sweep
from oosbench.sweeps.point import Outcome
design = Design(workloads=["sqlite"], axes={"oos_slots": [2, 3, 4]})
with Store(sys.argv[1]) as store:
    print(store.frame().shadow_resync.tolist(), len(sweep(design, store, jobs=1)))
    try:
        store.put(Design(workloads=["sqlite"], presets=["oos"]).points()[0], Outcome({}, "no", 1.0))
    except StoreError as error:
        print(error)
"""


def no_more_than_others() -> None:
    """Give up what root may do beyond the rights of files, if this is root."""
    if os.getuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.parametrize("old", [False, True])
def test_a_store_that_may_only_be_read_is_read(path, tmp_path, old):
    if old:
        db = sqlite3.connect(path)
        db.execute("DROP TABLE digests")
        db.commit()
        db.close()
    folder = tmp_path / "theirs"
    folder.mkdir()
    shutil.copy(path, folder / "s.sqlite")
    os.chmod(folder / "s.sqlite", 0o444)
    os.chmod(folder, 0o555)
    before = (folder / "s.sqlite").read_bytes()
    environment = {"OOSBENCH_CACHE": str(tmp_path / "cache"), "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", READER, str(folder / "s.sqlite")],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=no_more_than_others,
    )
    os.chmod(folder, 0o755)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[0] == "[743, 743, 743] 3"
    assert "cannot be written" in told[1]
    assert (folder / "s.sqlite").read_bytes() == before

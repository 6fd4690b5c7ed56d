"""What can go wrong in a long sweep, done to it: nothing that was finished is lost, and what comes out is the same."""

from __future__ import annotations

import importlib
import os
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import Executor, Future
from pathlib import Path

import pandas as pd
import pytest

from oosbench import Design, Store, StoreError, SweepError
from oosbench.sweeps import sweep
from oosbench.sweeps.point import run

from ..command import OOSBENCH

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes

DESIGN = Design(
    workloads=[{"family": "fork_exec", "events": 60_000}],
    presets=["oos-snapshot", "oos-fixups"],
    axes={"oos_slots": [2, 3, 4]},
    seeds=range(4),
)
ROOT = Path(__file__).parents[2]


def run_or_die(point, of, cancelled=None):
    """Run a point, but for those with four slots: they kill the process."""
    if point.chosen["oos_slots"] == 4 and point.guest["seed"] == 0 and point.preset == "oos-snapshot":
        os.kill(os.getpid(), signal.SIGKILL)
    return run(point, of, cancelled)


@pytest.fixture(scope="module")
def serial():
    """Return what the design gives without any process but this one."""
    with Store(":memory:") as store:
        return sweep(DESIGN, store, jobs=1)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "points.sqlite") as made:
        yield made


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Assert that two sweeps agree in everything but the time they took."""
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected.drop(columns="seconds"))


def start(design: Path, store: Path) -> subprocess.Popen:
    """Begin a sweep as a user does."""
    words = ["sweep", str(design), "--store", str(store), "--jobs", "2"]
    return subprocess.Popen(
        [*OOSBENCH, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def stored(path: Path) -> int:
    """Return how many points a file holds, seen from outside."""
    if not path.exists():
        return 0
    db = sqlite3.connect(path)
    try:
        return db.execute("SELECT count(*) FROM points").fetchone()[0]
    except sqlite3.OperationalError:  # the table is not there yet
        return 0
    finally:
        db.close()


def wait_until(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_processes_give_what_one_alone_gives(store, serial):
    paces = []
    assert_same(sweep(DESIGN, store, jobs=2, progress=paces.append), serial)
    assert [pace.done for pace in paces] == list(range(25))
    assert_same(sweep(DESIGN, store, jobs=2, progress=paces.append), serial)
    assert paces[25:] == [paces[25]]
    assert str(paces[25]) == "24 of 24 points"


def test_a_worker_that_is_killed_costs_nothing(store, serial):
    module, killed = importlib.import_module("oosbench.sweeps.sweep"), []

    def kill_one(pace):
        if pace.done == 5:
            with module._pool(2) as pool:  # the one that is at work
                killed.append(pool.submit(os.getpid).result())
            os.kill(killed[0], signal.SIGKILL)

    assert_same(sweep(DESIGN, store, jobs=2, progress=kill_one), serial)
    assert len(killed) == 1


def test_a_point_that_kills_its_worker_fails_and_the_others_do_not(store, serial, monkeypatch):
    monkeypatch.setattr(importlib.import_module("oosbench.sweeps.sweep"), "run", run_or_die)
    found = sweep(DESIGN, store, jobs=2)
    deadly = found.error != ""
    assert found[deadly][["preset", "seed", "oos_slots"]].values.tolist() == [["oos-snapshot", 0, 4]]
    assert "the worker process died of it, 2 times alone" in found[deadly].error.iloc[0]
    assert found[~deadly].shadow_resync.tolist() == serial[~deadly].shadow_resync.tolist()
    monkeypatch.undo()
    assert sweep(DESIGN, store, jobs=1).error.ne("").sum() == 1  # what failed stays so ...
    assert_same(sweep(DESIGN, store, jobs=1, retry=True), serial)  # ... until it is asked for again


def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path, serial):
    design, file = tmp_path / "design.toml", tmp_path / "points.sqlite"
    DESIGN.write(design)
    parent = start(design, file)
    wait_until(lambda: stored(file) >= 5)
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    wait_until(lambda: group_is_gone(parent.pid))  # its workers do not stay behind
    before = stored(file)
    assert 5 <= before < 24
    paces = []
    with Store(file) as store:
        assert_same(sweep(Design.from_toml(design), store, jobs=1, progress=paces.append), serial)
    assert paces[0].done == before
    assert len(paces) - 1 == 24 - before  # points that were run


def test_an_interrupt_says_how_to_go_on(tmp_path):
    design, file = tmp_path / "design.toml", tmp_path / "points.sqlite"
    DESIGN.write(design)
    parent = start(design, file)
    wait_until(lambda: stored(file) >= 5)
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does it
    _, told = parent.communicate(timeout=30)
    assert parent.returncode == 130
    assert told.splitlines()[-2:] == [
        f"oosbench: {stored(file)} of 24 points are stored in {file}; the same command goes on from there",
        "oosbench: interrupted",
    ]
    assert "Traceback" not in told
    wait_until(lambda: group_is_gone(parent.pid))


def test_two_sweeps_may_share_a_file(tmp_path, serial):
    design, file = tmp_path / "design.toml", tmp_path / "points.sqlite"
    DESIGN.write(design)
    both = [start(design, file), start(design, file)]
    told = [parent.communicate(timeout=120) for parent in both]
    assert [parent.returncode for parent in both] == [0, 0], told
    assert told[0][0] == told[1][0]
    with Store(file) as store:
        assert len(store) == 24
        assert_same(store.frame(DESIGN.points()), serial)


@pytest.fixture(params=["a file system of 256 KiB", "a file that may not grow"])
def full(request, tmp_path):
    """Return a store for which there is no room, and what makes room."""
    if request.param == "a file that may not grow":
        with Store(tmp_path / "points.sqlite") as store:
            store._db.execute("PRAGMA max_page_count = 12")
            yield store, lambda: store._db.execute("PRAGMA max_page_count = 1000000")
        return
    mounted = tmp_path / "small"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", mounted], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        with Store(mounted / "points.sqlite") as store:
            yield store, lambda: subprocess.run(["mount", "-o", "remount,size=4m", mounted], check=True)
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_a_full_disk_is_told_and_what_was_stored_is_safe(full, serial):
    store, make_room = full
    with pytest.raises(
        StoreError, match=r"points\.sqlite: there is no room left on its disk; what was stored before is"
    ):
        sweep(DESIGN, store, jobs=1)
    before = len(store)
    assert 0 < before < 24
    assert store._db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    make_room()
    paces = []
    assert_same(sweep(DESIGN, store, jobs=1, progress=paces.append), serial)
    assert paces[0].done == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Dask's own
def test_a_cluster_that_loses_a_worker_loses_nothing(store, serial):
    from distributed import Client, LocalCluster

    killed = []

    def kill_one(pace):
        if pace.done == 5:
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL") as cluster,
        Client(cluster) as client,
    ):
        assert_same(sweep(DESIGN, store, client=client, progress=kill_one), serial)
        assert len(killed) == 2
        assert killed[0] not in client.run(os.getpid).values()


class KilledWorker(Exception):
    """As Dask calls what it raises when a task has killed several workers."""


class Cluster(Executor):
    """Stands for a cluster: every third point ends in an error."""

    def __init__(self, error):
        self.error, self.asked = error, 0

    def submit(self, function, point, of):
        future: Future = Future()
        self.asked += 1
        if self.asked % 3:
            future.set_result(function(point, of))
        elif self.error is None:
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_exception(self.error)
        return future


def test_a_point_that_a_cluster_gives_up_fails_and_the_others_do_not(store):
    found = sweep(DESIGN, store, client=Cluster(KilledWorker("task 7")))
    assert found.error.tolist() == ["", "", "the worker died of it: task 7"] * 8


def test_a_cluster_that_goes_away_ends_the_sweep(store):
    with pytest.raises(SweepError, match="run it again to go on"):
        sweep(DESIGN, store, client=Cluster(None))
    assert len(store) == 2


def test_workers_of_another_version_are_refused(store, monkeypatch):
    monkeypatch.setattr(importlib.import_module("oosbench.sweeps.sweep"), "version", lambda: "9.9 feed")
    with pytest.raises(SweepError, match=r"the sweep needs 9\.9 feed: install the same everywhere"):
        sweep(DESIGN, store, jobs=1)


def test_workers_that_all_die_end_the_sweep(store, monkeypatch):
    module = importlib.import_module("oosbench.sweeps.sweep")
    monkeypatch.setattr(module, "_RESTARTS", 1)
    monkeypatch.setattr(module, "run", run_or_die)
    with pytest.raises(SweepError, match="2 worker processes have died; what is finished is stored"):
        sweep(DESIGN, store, jobs=2)

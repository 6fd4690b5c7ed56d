"""Ground that gives way under a sweep: a file that is locked or gone, few descriptors, little memory."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys

import pytest

from oosbench import Design, Store, StoreError, sweep
from oosbench.sweeps import store as stores

DESIGN = Design(workloads=[{"family": "fork_exec", "events": 2000}], axes={"oos_slots": [2, 3]})
TOML = "workloads = [{ family = 'fork_exec', events = 2000 }]\n[axes]\noos_slots = [2, 3]\n"


def test_a_store_that_is_locked_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_PATIENCE", 1)
    with Store(tmp_path / "s.sqlite") as mine:
        db = sqlite3.connect(tmp_path / "s.sqlite")
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"s\.sqlite: another process has held it for 1 seconds"):
            sweep(DESIGN, mine, jobs=1)
        db.rollback()
        db.close()
        assert len(sweep(DESIGN, mine, jobs=1)) == 2


def test_a_store_that_is_gone_is_told(tmp_path):
    with Store(tmp_path / "s.sqlite") as mine:
        (tmp_path / "s.sqlite").unlink()
        with pytest.raises(StoreError, match=r"s\.sqlite: was removed while it was in use"):
            sweep(DESIGN, mine, jobs=1)


@pytest.mark.parametrize(
    ("what", "limit", "told"),
    [
        (resource.RLIMIT_NOFILE, 64, ""),
        (resource.RLIMIT_FSIZE, 4096, "files may not grow so large"),
    ],
)
def test_a_sweep_with_little_of_everything_ends_or_says_why(tmp_path, what, limit, told):
    (tmp_path / "d.toml").write_text(TOML)
    done = subprocess.run(
        [sys.executable, "-m", "oosbench", "sweep", "./d.toml", "--jobs", "1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: resource.setrlimit(what, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if told else 0), done.stderr
    assert told in done.stderr


def test_what_is_no_file_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/null"):
        with pytest.raises(StoreError, match="is a folder, a pipe or a device; must be a file"):
            Store(path)

"""Machine code on disk: found by its content, waited for, and made anew when it is damaged."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from oosbench.cache import _without_home, cache_root

from .conftest import CALLEE, ask, environment, tell

COMPILATIONS = "print(ask(0), sum(ask.stats.cache_misses.values()))"


def kept(package: Path) -> Path:
    """Return the one file of machine code."""
    (file,) = (package.parent / "cache").glob("*/shadow.*")
    return file


def test_another_checkout_of_the_same_version_compiles_nothing(house, tmp_path):
    assert ask(house, COMPILATIONS) == "1 1"
    other = tmp_path / "elsewhere" / "house"
    shutil.copytree(house, other)
    assert ask(other, COMPILATIONS, OOSBENCH_CACHE=str(house.parent / "cache")) == "1 0"


@pytest.mark.parametrize(
    "damage",
    [lambda code: b"", lambda code: code[:-1], lambda code: code[:5000] + bytes([code[5000] ^ 1]) + code[5001:]],
    ids=["empty", "cut", "flipped"],
)
def test_damaged_code_is_made_again(house, damage):
    ask(house)
    path = kept(house)
    path.write_bytes(damage(path.read_bytes()))
    assert ask(house, COMPILATIONS) == "1 1"
    assert ask(house, COMPILATIONS) == "1 0"


# As a user finds it who is not the one that made the folder. (The superuser may write anywhere, so it is said to him.)
READ_ONLY = """
import os
from house.compiled import kept
def refuse(*_): raise PermissionError(13, "Permission denied", str(kept))
kept.whole_file = kept.os.open = refuse
"""


def test_a_cache_that_can_be_read_is_used_and_no_other_is_looked_for(house, tmp_path):
    (tmp_path / "home").mkdir()
    where = {"HOME": str(tmp_path / "home"), "NUMBA_CACHE_DIR": str(tmp_path / "home")}
    ask(house)
    assert tell(house, READ_ONLY + COMPILATIONS, **where) == ("1 0", "")
    (house / "shadow" / "callee.py").write_text(CALLEE.format(2))
    for _ in range(2):
        answer, told = tell(house, READ_ONLY + COMPILATIONS, **where)
        assert answer == "2 1"
        assert told.startswith("oosbench: machine code cannot be kept, and is made anew each time (")
    assert list((tmp_path / "home").rglob("*")) == []
    assert list(house.rglob("*.nb?")) == []


def test_a_cache_that_cannot_be_written_is_done_without(house):
    (house.parent / "file").write_text("no folder")
    answer, told = tell(house, OOSBENCH_CACHE=str(house.parent / "file"))
    assert answer == "1"
    assert len(told.splitlines()) == 1


def test_two_processes_compile_once(house):
    command = [sys.executable, "-c", f"from house.shadow.caller import ask\n{COMPILATIONS}"]
    both = [
        subprocess.Popen(command, cwd=house.parent, env=environment(house), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = sorted(process.communicate(timeout=120)[0].strip() for process in both)
    assert told == ["1 0", "1 1"]


def test_the_cache_is_where_it_was_said_to_be(monkeypatch, tmp_path):
    monkeypatch.setenv("OOSBENCH_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.setenv("OOSBENCH_CACHE", "")  # as good as not set
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_root() == tmp_path / "x" / "oosbench"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root() == tmp_path / "home" / ".cache" / "oosbench"


def test_who_has_no_home_has_a_cache_that_is_theirs_alone(monkeypatch, tmp_path):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    for name in ("OOSBENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr("oosbench.cache.tempfile.tempdir", str(tmp_path))
    _without_home.cache_clear()
    found = cache_root()
    assert found.parent == tmp_path
    assert found.stat().st_mode & 0o777 == 0o700
    _without_home.cache_clear()
    found.chmod(0o777)
    assert cache_root() != found
    _without_home.cache_clear()

"""The compiler: code from an old source is never run, and compiling in one go changes nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from oosbench import _jit

PACKAGE = Path(_jit.__file__).parent

CALLEE = "from .._jit import jit\n\n@jit\ndef answer():\n    return {}\n"
CALLER = """\
from .._jit import entry
from .callee import answer

@entry
def ask(n):
    if n < 0:
        raise ValueError("too small")
    return answer() + n
"""


@pytest.fixture
def house(tmp_path):
    """Return a little package with the real `_jit.py` and what it needs, and a caller and a callee in two files."""
    package = tmp_path / "house"
    package.mkdir()
    for name in _jit.COMPILED:
        path = package / name
        if name in ("_jit.py", "_link.py"):
            shutil.copy(PACKAGE / name, path)
        elif path.suffix:
            path.write_text("")
        else:
            path.mkdir()
            (path / "__init__.py").write_text("")
    shutil.copy(PACKAGE / "cache.py", package)
    (package / "__init__.py").write_text("")
    (package / "shadow" / "callee.py").write_text(CALLEE.format(1))
    (package / "shadow" / "caller.py").write_text(CALLER)
    return package


def ask(package: Path, code: str = "print(ask(0))", **environment: str) -> str:
    """Run code in a process of its own, with machine code cached beside the package."""
    done = subprocess.run(
        [sys.executable, "-c", f"from house.shadow.caller import ask\n{code}"],
        cwd=package.parent,
        env={**os.environ, "OOSBENCH_CACHE": str(package.parent / "cache"), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def change(package: Path) -> None:
    (package / "shadow" / "callee.py").write_text(CALLEE.format(2))


def test_a_change_in_a_callee_is_noticed(house):
    assert ask(house) == "1"
    assert ask(house) == "1"
    change(house)
    assert ask(house) == "2"
    assert len(list((house.parent / "cache").iterdir())) == 2


def test_without_the_digest_it_would_not_be(house):
    guard = house / "_jit.py"
    guard.write_text(guard.read_text().replace("/ digest()", '/ "one"'))
    assert ask(house) == "1"
    change(house)
    assert ask(house) == "1"  # yesterday's answer


def test_numbas_own_way_gives_the_same(house):
    link = house / "_link.py"
    code = "print(ask(4))\ntry:\n    ask(-1)\nexcept ValueError as error:\n    print(error)"
    assert ask(house, code) == "5\ntoo small"
    link.write_text(re.sub(r"TRIED_WITH = \(.*\)", "TRIED_WITH = ()", link.read_text()))
    assert ask(house, "from house._link import pipelines\nprint(pipelines())") == "({}, {})"
    assert ask(house, code) == "5\ntoo small"


def test_a_cache_that_cannot_be_written_is_done_without(house):
    (house.parent / "file").write_text("no folder")
    assert ask(house, OOSBENCH_CACHE=str(house.parent / "file")) == "1"


def test_the_digest_covers_every_compiled_source():
    uses_compiler = {
        path for path in PACKAGE.rglob("*.py") if "_jit import" in path.read_text() or path.name == "_link.py"
    }
    assert uses_compiler <= set(_jit.sources())


def test_every_compiled_source_changes_the_digest(house):
    before = {_jit.digest(house)}
    for path in _jit.sources(house):
        path.write_text(path.read_text() + "\n")
        now = _jit.digest(house)
        assert now not in before, path
        before.add(now)

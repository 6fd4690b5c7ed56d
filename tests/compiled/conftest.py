"""A little package with the real compiler, which processes of their own import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from oosbench.compiled.jit import COMPILED, PACKAGE

CALLEE = "from ..compiled import jit\n\n@jit\ndef answer():\n    return {}\n"
CALLER = """\
from ..compiled import entry
from .callee import answer

@entry
def ask(n):
    if n < 0:
        raise ValueError("too small")
    return answer() + n
"""


@pytest.fixture
def house(tmp_path):
    """Return a little package with the real compiler and what it needs, and a caller and a callee in two files."""
    package = tmp_path / "house"
    package.mkdir()
    for name in COMPILED:
        path = package / name
        if name == "compiled":
            shutil.copytree(PACKAGE / name, path, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.suffix:
            path.parent.mkdir(exist_ok=True)
            path.write_text("")
        else:
            path.mkdir()
            (path / "__init__.py").write_text("")
    for name in ("cache.py", "errors.py", "output.py"):
        shutil.copy(PACKAGE / name, package)
    (package / "__init__.py").write_text("")
    (package / "shadow" / "callee.py").write_text(CALLEE.format(1))
    (package / "shadow" / "caller.py").write_text(CALLER)
    return package


def environment(package: Path) -> dict[str, str]:
    """Return the environment of such a process: machine code is kept beside the package."""
    return {**os.environ, "OOSBENCH_CACHE": str(package.parent / "cache")}


def tell(package: Path, code: str = "print(ask(0))", **variables: str) -> tuple[str, str]:
    """Run code in a process of its own; return its output and errors."""
    done = subprocess.run(
        [sys.executable, "-c", f"from house.shadow.caller import ask\n{code}"],
        cwd=package.parent,
        env=environment(package) | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr.strip()


def ask(package: Path, code: str = "print(ask(0))", **variables: str) -> str:
    """Return what such a process prints."""
    return tell(package, code, **variables)[0]

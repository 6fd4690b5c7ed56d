"""The compiler's options, said once, and a cache on disk that cannot go stale.

Numba decides whether a cached function is current by looking at the one file the function stands in. A
change in a file that it *calls into* goes unnoticed, and yesterday's machine code gives yesterday's answers.
So the cache folder is named by a digest of every compiled source, of the compiler and of the interpreter:
other sources, other folder. Several versions, and several processes, live side by side; and a second checkout
or environment of the same version finds the code of the first (`kept.py`).
"""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path

import numba
from numba.core import types

from ..cache import cache_root
from .kept import Kept
from .link import TRIED_WITH, pipelines, tried

PACKAGE = Path(__file__).parents[1]
# What machine code is made from: the files that import this module, and the constants they use.
COMPILED = (
    "compiled",
    "x86.py",
    "presets",
    "traces/events.py",
    "traces/scan.py",
    "traces/follow.py",
    "shadow",
    "guests",
    "recordings",
    "rivals",
    "costs/pieces.py",
    "speed/yardstick.py",
)


def sources(package: Path = PACKAGE) -> list[Path]:
    """Return the files whose text decides what the compiled code does, in a fixed order."""
    files = []
    for name in COMPILED:
        path = package / name
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return files


def source_digest(package: Path = PACKAGE) -> str:
    """Return 16 hex digits that change when a compiled source changes."""
    told = hashlib.sha256()
    for path in sources(package):
        told.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return told.hexdigest()[:16]


def digest(package: Path = PACKAGE) -> str:
    """Return 16 hex digits that change when a compiled source, Numba or Python changes."""
    made_by = f"{package.name} {source_digest(package)} {numba.__version__} {platform.python_version()}"
    return hashlib.sha256(made_by.encode()).hexdigest()[:16]


#: Whether anything is compiled: not with ``NUMBA_DISABLE_JIT=1``.
COMPILES = not numba.config.DISABLE_JIT

CACHE = cache_root() / digest()
_PART, _WHOLE = pipelines()
if not (tried() or CACHE.exists()):
    newest = f"tried with Numba up to {TRIED_WITH[-1]}x, not with {numba.__version__}"
    print(f"oosbench: {newest}: compiling takes minutes, once", file=sys.stderr)
# No division checks (the divisors are constants of the configuration), and no reference counting of arrays:
# compiled code makes none and keeps none.
_OPTIONS = {"error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}


_functions: list[str] = []
_kept: list[Kept] = []


def compiled_functions() -> int:
    """Return how many functions there are to compile."""
    return len(_functions)


def jit(function):
    """Compile a function that only compiled code calls."""
    _functions.append(function.__name__)
    part = numba.njit(no_cpython_wrapper=True, **_PART, **_OPTIONS)(function)
    return _without_literals(part) if COMPILES else part


def _without_literals(part):
    """Let a part be compiled once for all whole numbers, not anew for each constant that it is called with.

    Constants find their way all the same, once the part is linked into a whole.
    """
    with_literals = part.get_call_template

    def get_call_template(arguments, keywords):
        plain = {name: types.unliteral(kind) for name, kind in keywords.items()}
        return with_literals(tuple(map(types.unliteral, arguments)), plain)

    part.get_call_template = get_call_template
    return part


def entry(function):
    """Compile a function that Python calls: cached on disk, and other threads run meanwhile."""
    _functions.append(function.__name__)
    whole = numba.njit(nogil=True, **_WHOLE, **_OPTIONS)(function)
    if COMPILES:
        whole._cache = Kept(CACHE, function)
        _kept.append(whole._cache)
    return whole


def everything_is_there() -> bool:
    """Say whether all functions of the modules that are loaded were compiled before."""
    return all(kept.is_there() for kept in _kept)

"""The memory work of deriving leaf entries anew, piece by piece, to be timed: compiled here, and by a C compiler.

A *look-up* finds the frame behind an entry's gfn in a linear map. A *derivation* is that, and the entry's bits made
from its own and from the flags of the frame (32 bytes a frame, as in Xen). A *validation* is that, and the shadow entry
compared with what comes out, and set if it differs. Nothing else is done: no locks, no counters, no calls; so each is
the least that a hypervisor can take. `pieces.c` does the same.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..cache import cache_root
from ..compiled import entry, jit
from ..x86 import FRAME_MASK, RW, US, A, D, P

TABLE = 512  # entries of a table
SCATTERED = 1 << 21  # frames over which the entries of cold tables are scattered
_SOURCE = Path(__file__).with_suffix(".c")


@jit
def _derive(guest, mfn, flags):
    bits = guest & (P | RW | US | A)
    if guest & A == 0:
        bits &= ~P
    if guest & D == 0 or flags != 0:
        bits &= ~RW
    return mfn << 12 | bits


@entry
def lookups(p2m, entries, times):
    """Look up the frames of all entries, so many times; return the sum."""
    found = 0
    for _ in range(times):
        for i in range(len(entries)):
            mfn = p2m[(entries[i] & FRAME_MASK) >> 12]
            if mfn >= 0:
                found += mfn
    return found


@entry
def derivations(p2m, flags, entries, times):
    """Derive all entries, so many times; return something that depends on each."""
    found = 0
    for _ in range(times):
        for i in range(len(entries)):
            mfn = p2m[(entries[i] & FRAME_MASK) >> 12]
            if mfn >= 0:
                found ^= _derive(entries[i], mfn, flags[8 * mfn])
    return found


@entry
def validations(p2m, flags, entries, shadow, times):
    """Derive all entries, so many times, and set those that differ in `shadow`; return how many did."""
    changed = 0
    for _ in range(times):
        for i in range(len(entries)):
            mfn = p2m[(entries[i] & FRAME_MASK) >> 12]
            now = 0
            if mfn >= 0:
                now = _derive(entries[i], mfn, flags[8 * mfn])
            if shadow[i] != now:
                shadow[i] = now
                changed += 1
    return changed


def arrays(frames: int, entries: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a p2m, flags of frames, guest entries that lead to `frames` of them in any order, and their shadow.

    Returns
    -------
    p2m : int64[frames]
    flags : uint32[8 * frames]
    entries, shadow : int64[entries]
        The shadow is as it should be, so that nothing changes.
    """
    rng = np.random.default_rng(seed)
    p2m, flags = rng.permutation(frames), np.zeros(8 * frames, np.uint32)
    gfn = np.arange(entries) % frames if frames == entries else rng.integers(0, frames, entries)
    guest = (gfn << 12 | (P | RW | US | A | D)).astype(np.int64)
    shadow = np.zeros(entries, np.int64)
    validations(p2m, flags, guest, shadow, 1)
    return p2m, flags, guest, shadow


def warm() -> None:
    """Compile what is here."""
    given = arrays(8, 8)
    for name, arguments in (("look-up", (given[0], given[2])), ("derivation", given[:3]), ("validation", given)):
        batch(name, arguments, 1)()


_COMPILED = {"look-up": lookups, "derivation": derivations, "validation": validations}


def batch(name: str, arguments: tuple[np.ndarray, ...], times: int) -> Callable[[], int]:
    """Return what runs "look-up", "derivation" or "validation" over all entries, so many times."""
    return lambda: _COMPILED[name](*arguments, times)


def batch_in_c(name: str, arguments: tuple[np.ndarray, ...], times: int) -> Callable[[], int] | None:
    """Return the same in C, or None where there is no C compiler."""
    library = _library()
    if library is None:
        return None
    function = getattr(library, _COMPILED[name].__name__)
    function.restype = ctypes.c_int64
    given = [ctypes.c_void_p(array.ctypes.data) for array in arguments]
    entries = len(arguments[1] if name == "look-up" else arguments[2])
    return lambda: function(*given, ctypes.c_int64(entries), ctypes.c_int64(times))


@cache
def _library() -> ctypes.CDLL | None:
    """Return `pieces.c` as a library, compiled on first use."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    path = cache_root() / f"pieces-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / path.name
            done = subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", made, _SOURCE], capture_output=True)
            if done.returncode != 0:
                return None
            made.replace(path)
    return ctypes.CDLL(str(path))

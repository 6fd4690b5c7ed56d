"""Machine code kept on disk: named by what it was made from, and never run unless it is whole.

Numba's own cache names its folder by the path of the source, so that a second checkout compiles everything again. It
looks for another folder if the first may not be written to, and finds there what an older version has left. And it runs
what it finds, be it cut short. So a dispatcher gets a cache of this kind instead. The folder is named by a digest of
all that machine code is made from, the file by the function and by the types and the processor it was compiled for.
A file that can be read is used, though its folder may be read only; what cannot be written is compiled anew by each
process, and so is what does not agree with the checksum that it begins with. What one process is compiling another
waits for, rather than compile it as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

from numba.core import serialize
from numba.core.compiler import CompileResult

from ..output import whole_file

_CHECKSUM = hashlib.sha256
_LENGTH = _CHECKSUM().digest_size
_unwritable: set[Path] = set()


class Kept:
    """Stands where a dispatcher of Numba has its cache (``numba.core.caching.Cache``).

    Parameters
    ----------
    folder : Path
        Made when the first file is written.
    function : callable
        The function whose machine code is kept.
    """

    def __init__(self, folder: Path, function: Callable[..., object]) -> None:
        self._folder = folder
        self._name = f"{function.__module__.partition('.')[2]}.{function.__qualname__}"
        self._lock: int | None = None

    @property
    def cache_path(self) -> str:
        """Folder of the files, as Numba's statistics show it."""
        return str(self._folder)

    def _path(self, signature, codegen) -> Path:
        made_for = _CHECKSUM(repr((str(signature), codegen.magic_tuple())).encode()).hexdigest()
        return self._folder / f"{self._name}-{made_for[:16]}"

    def is_there(self) -> bool:
        """Say whether the function was compiled before, for whichever types and processor."""
        return any(self._folder.glob(f"{self._name}-*"))

    def load_overload(self, signature, target):
        """Return the compiled function for a signature, None if it is for the caller to compile and save."""
        path = self._path(signature, target.codegen())
        code = _read(path)
        if code is None:
            self._wait()
            code = _read(path)
        if code is None:
            target.refresh()
            return None
        self._let_go()
        return CompileResult._rebuild(target, *pickle.loads(code))

    def save_overload(self, signature, compiled) -> None:
        """Keep a compiled function; if that cannot be done, say so once."""
        code = serialize.dumps(compiled._reduce())
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self._path(signature, compiled.codegen)) as file:
                file.write(_CHECKSUM(code).digest() + code)
        except OSError as error:
            if self._folder not in _unwritable:
                _unwritable.add(self._folder)
                why = f"{error.filename or self._folder}: {error.strerror or error}"
                print(f"oosbench: machine code cannot be kept, and is made anew each time ({why})", file=sys.stderr)
        self._let_go()

    def _wait(self) -> None:
        """Wait while another process compiles this function; where nothing can be written, there is none."""
        try:
            if self._lock is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._lock = os.open(self._folder / f".{self._name}", os.O_CREAT | os.O_RDWR, 0o666)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError:
            pass

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def enable(self) -> None:
        """Do nothing: it is always on."""

    def disable(self) -> None:
        """Do nothing: it is always on."""

    def flush(self) -> None:
        """Do nothing: what is there stays right."""


def _read(path: Path) -> bytes | None:
    """Return what a file holds behind its checksum, None if they do not agree."""
    try:
        kept = path.read_bytes()
    except OSError:
        return None
    checksum, code = kept[:_LENGTH], kept[_LENGTH:]
    return code if _CHECKSUM(code).digest() == checksum else None

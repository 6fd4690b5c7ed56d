"""Files that appear whole or not at all."""

from __future__ import annotations

import fcntl
import gzip
import lzma
import os
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import UsageError

_PARTIAL = ".oosbench-{}.part"  # the name while it is written: short, and not to be guessed
_OLD = 60  # seconds after which one that nobody holds is taken for left behind
_PACKERS = (".zst", ".bz2", ".lz4", ".lzma", ".z", ".zip", ".7z", ".tar", ".tgz", ".txz")


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open `path` for writing bytes; it takes its place when the block ends, unless that fails.

    What is no regular file, a pipe or a device, is written to directly.
    """
    with whole_files([path]) as (file,):
        yield file


@contextmanager
def whole_files(paths: Sequence[str | os.PathLike]) -> Iterator[list[BinaryIO]]:
    """Open several files as `whole_file` does; all are written before the first takes its place, in this order."""
    with _by_their_names(paths), ExitStack() as stack:
        opened = [_open(Path(path), stack) for path in paths]
        yield [file for file, _ in opened]
        for file, _ in opened:
            file.flush()  # where there is no room for the rest, nothing has been replaced yet
        for (_, partial), path in zip(opened, paths, strict=True):
            if partial is not None:
                os.replace(partial, path)


@contextmanager
def _by_their_names(paths: Sequence[str | os.PathLike]) -> Iterator[None]:
    """Let an error name the file that was asked for, not the one that is written in its place."""
    try:
        yield
    except OSError as error:
        written = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
        if written is None or written.match(_PARTIAL.format("*")):
            beside = [path for path in paths if written is None or Path(path).parent == written.parent]
            error.filename = os.fspath(beside[0] if beside else paths[0])
        raise


def _open(path: Path, stack: ExitStack) -> tuple[BinaryIO, Path | None]:
    """Open a file of a name that nobody knows beside `path`; it is closed and gone with the stack."""
    if path.exists() and not path.is_file():
        return stack.enter_context(path.open("wb")), None
    _clean(path.parent)
    partial = path.with_name(_PARTIAL.format(secrets.token_hex(8)))
    new = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    stack.callback(partial.unlink, missing_ok=True)
    file = stack.enter_context(open(new, "wb"))
    with suppress(OSError):  # not every file system has locks
        fcntl.flock(new, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file, partial


def _clean(folder: Path) -> None:
    """Remove what a process that was killed has left behind in a folder."""
    for left in folder.glob(_PARTIAL.format("*")):
        with suppress(OSError):
            file = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                told = os.fstat(file)
                if stat.S_ISREG(told.st_mode) and time.time() - told.st_mtime > _OLD:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails if somebody writes it
                    left.unlink()
            finally:
                os.close(file)


@contextmanager
def text_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open `path` as `whole_file` does; to a name that ends in ``.gz`` or ``.xz`` text is written packed.

    The same text gives the same bytes.

    Raises
    ------
    UsageError
        If the name says that it is packed in another way.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _PACKERS:
        raise UsageError(f"{path}: text is written packed as .gz or .xz, or as it is; {suffix} is none of these")
    with whole_file(path) as file:
        if suffix == ".gz":
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                yield packed
        elif suffix == ".xz":
            with lzma.open(file, "wb") as packed:
                yield packed
        else:
            yield file

"""Input, read once: a file, a pipe, a device, standard input; and what a file is that is none of ours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from .errors import BadInput

STANDARD = "-"  # the name of standard input
MAX_BYTES = 4 * 2**30  # of one file
_PIECE = 2**24

# What people hand over by mistake, by its first bytes, and what to do about it.
_PACKED = "oosbench reads gzip and xz, or text as it is: unpack it first"
_SIGNS = {
    b"\x28\xb5\x2f\xfd": f"is packed by zstd; {_PACKED}",
    b"BZh": f"is packed by bzip2; {_PACKED}",
    b"\x04\x22\x4d\x18": f"is packed by lz4; {_PACKED}",
    b"\x1f\x9d": f"is packed by compress; {_PACKED}",
    b"7z\xbc\xaf\x27\x1c": f"is a 7z archive; {_PACKED}",
    b"Rar!": f"is a RAR archive; {_PACKED}",
    b"\xef\xbb\xbf": "begins with a byte order mark; save it as UTF-8 without one",
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself; 'git lfs pull' fetches that",
    b"<!doctype html": "is a web page, not the file it should lead to",
    b"<html": "is a web page, not the file it should lead to",
    b"SQLite format 3\0": "is an SQLite database; results of sweeps are no traces",
    b"\x7fELF": "is a program",
    b"%PDF": "is a PDF document",
    b"\x93NUMPY": "is a single NumPy array (.npy); a trace in columns is an .npz, see Trace.write",
}
_TAR = 257, b"ustar"  # where a tar archive says what it is


def shown(path: str | os.PathLike) -> str:
    """Return the name of a file as text that can be printed, drawn and stored, whatever bytes are in it."""
    return os.fsencode(path).decode(errors="replace")


def is_regular(path: str | os.PathLike) -> bool:
    """Say whether a path names a file that may be read more than once, and has others beside it."""
    return os.fspath(path) != STANDARD and Path(path).is_file()


def read_input(path: str | os.PathLike, refusal: type[BadInput], most: int | None = None) -> bytes:
    """Read all of a file, a pipe or a device, once; ``-`` is standard input.

    Raises
    ------
    refusal
        If it is larger than `most` (MAX_BYTES) bytes.
    OSError
        If it cannot be read.
    """
    if "\0" in os.fsdecode(path):
        raise refusal(f"{shown(path)!r}: is no name of a file: there is a NUL in it")
    if os.fspath(path) == STANDARD:
        with open(0, "rb", closefd=False) as file:
            return _all_of(file, "standard input", refusal, most or MAX_BYTES)
    with Path(path).open("rb") as file:
        return _all_of(file, shown(path), refusal, most or MAX_BYTES)


def _all_of(file: BinaryIO, name: str, refusal: type[BadInput], most: int) -> bytes:
    pieces, left = [], most
    while piece := file.read(min(_PIECE, left + 1)):
        left -= len(piece)
        if left < 0:
            raise refusal(f"{name}: is larger than {most:,} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def foreign(data: bytes) -> str:
    """Return what some bytes are that are no input of ours, and what to do about it; empty if that is not known."""
    begin = data[:64]
    for sign, what in _SIGNS.items():
        if begin.startswith(sign) or (sign[:1] == b"<" and begin.lstrip().lower().startswith(sign)):
            return what
    place, sign = _TAR
    if data[place : place + len(sign)] == sign:
        return "is a tar archive; take the file out of it first"
    return ""

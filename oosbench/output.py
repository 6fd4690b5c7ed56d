"""Files that appear whole or not at all."""

from __future__ import annotations

import gzip
import lzma
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open `path` for writing bytes; it takes its place when the block ends, unless that fails.

    What is no regular file, a pipe or a device, is written to directly.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def text_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open `path` as `whole_file` does; to a name that ends in ``.gz`` or ``.xz`` text is written packed.

    The same text gives the same bytes.
    """
    with whole_file(path) as file:
        suffix = Path(path).suffix
        if suffix == ".gz":
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                yield packed
        elif suffix == ".xz":
            with lzma.open(file, "wb") as packed:
                yield packed
        else:
            yield file

"""From a name or a file to a `Trace`."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from . import recordings
from .recordings import Recording
from .trace import Trace


def open_trace(source: str | os.PathLike | Trace | Recording) -> Trace:
    """Return the trace that `source` stands for.

    Parameters
    ----------
    source : str, path, Trace or Recording
        A word without dot or slash names a bundled recording; anything else is a file: a text trace (compressed
        by gzip or not), a trace as ``.npz``, or a recording's ``.npz`` with its ``.touch.npz`` beside it.

    Raises
    ------
    TraceError, RecordingError
        If it is no such thing.
    OSError
        If the file cannot be read.
    """
    if isinstance(source, Trace):
        return source
    if isinstance(source, Recording):
        return source.trace()
    name = os.fspath(source)
    if not any(sign in name for sign in "./\\"):
        return recordings.load(name).trace()
    path = Path(source)
    if _is_recording(path):
        return Recording.read(path).trace()
    return Trace.read(path)


def _is_recording(path: Path) -> bool:
    """Say whether a file is a recording, by a column that only recordings have."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "op.npy" not in archive.namelist()
    except zipfile.BadZipFile:
        return path.suffix == ".npz"

"""From a name or a file to a `Trace`."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from . import recordings
from .errors import TraceError
from .recordings import Recording
from .trace import Trace


def open_trace(source: str | os.PathLike | Trace | Recording, direct_map: str = "recorded") -> Trace:
    """Return the trace that `source` stands for.

    Parameters
    ----------
    source : str, path, Trace or Recording
        A word without dot or slash names a bundled recording; anything else is a file: a text trace (compressed
        by gzip or not), a trace as ``.npz``, or a recording's ``.npz`` with its ``.touch.npz`` beside it.
    direct_map : {"recorded", "4k"}
        Of a recording: see `Recording.trace`.

    Raises
    ------
    TraceError, RecordingError
        If it is no such thing, or a trace is asked for another direct map.
    OSError
        If the file cannot be read.
    """
    if isinstance(source, Recording):
        return source.trace(direct_map)
    if not isinstance(source, Trace):
        name = os.fspath(source)
        if not any(sign in name for sign in "./\\"):
            return recordings.load(name).trace(direct_map)
        if _is_recording(Path(source)):
            return Recording.read(source).trace(direct_map)
    trace = source if isinstance(source, Trace) else Trace.read(source)
    if direct_map != "recorded":
        raise TraceError(f"{trace.name}: is a trace, its direct map is what it is; a recording can be given another")
    return trace


def _is_recording(path: Path) -> bool:
    """Say whether a file is a recording, by a column that only recordings have."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "op.npy" not in archive.namelist()
    except zipfile.BadZipFile:
        return path.suffix == ".npz"

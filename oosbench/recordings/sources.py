"""From a name or a file to a `Trace`."""

from __future__ import annotations

import os

from .. import recordings
from ..errors import TraceError
from ..input import STANDARD, read_input, shown
from ..traces import Trace
from ..traces.columns import column_names
from . import Recording


def open_trace(source: str | os.PathLike | Trace | Recording, direct_map: str = "recorded") -> Trace:
    """Return the trace that `source` stands for.

    Parameters
    ----------
    source : str, path, Trace or Recording
        A word without dot or slash names a bundled recording; anything else is a file: a text trace (compressed
        by gzip or xz or not), a trace as ``.npz``, or a recording's ``.npz`` with its ``.touch.npz`` beside it. It is
        read once, so it may be a pipe; ``-`` is standard input.
    direct_map : {"recorded", "4k"}
        Of a recording: see `Recording.trace`.

    Raises
    ------
    TraceError, RecordingError
        If it is no such thing, or a trace is asked for another direct map.
    OSError
        If the file cannot be read.
    """
    opened = open_source(source)
    if isinstance(opened, Recording):
        return opened.trace(direct_map)
    if direct_map != "recorded":
        raise TraceError(f"{opened.name}: is a trace, its direct map is what it is; a recording can be given another")
    return opened


def open_source(source: str | os.PathLike | Trace | Recording) -> Trace | Recording:
    """Return the recording or the trace that `source` stands for; see `open_trace`."""
    if isinstance(source, Trace | Recording):
        return source
    name = os.fspath(source)
    if name != STANDARD and not any(sign in name for sign in "./\\"):
        return recordings.load(name)
    data = read_input(source, TraceError)
    if _is_recording(data, name):
        return Recording.from_bytes(data, name)
    return Trace.from_bytes(data, shown(name))


def look_for(source: str | os.PathLike | Trace | Recording) -> None:
    """Raise what `open_source` would if there is no such recording or file; nothing is read."""
    if isinstance(source, Trace | Recording):
        return
    name = os.fspath(source)
    if name != STANDARD and any(sign in name for sign in "./\\"):
        os.stat(name)
    elif name != STANDARD and name not in recordings.bundled().index:
        recordings.load(name)  # which says what there is


def _is_recording(data: bytes, name: str) -> bool:
    """Say whether what was read is a recording, by a column that only traces have; else its name tells."""
    there = column_names(data)
    return "op" not in there if there else name.endswith(".npz")

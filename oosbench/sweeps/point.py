"""`Point`: one run of a sweep as plain data, from which any process makes the same counters.

What made a result is its description: the guest with every parameter (of a file, its contents), every axis of the
machine, the package's version and the sources of its compiled code. The key of the point is the digest of that.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from .. import recordings
from .._version import __version__
from ..compiled.jit import source_digest
from ..errors import BadInput, RecordingError, SweepError, TraceError
from ..guests import OPTIONS, Workload
from ..guests.generate import settled
from ..input import shown
from ..machine import Cancelled, Machine
from ..plain import canonical
from ..presets import Preset, axes
from ..recordings import open_trace
from ..traces import Trace

_HELD = 4  # traces a process keeps: some tens of megabytes each


@cache
def version() -> str:
    """Return the package's version, and 16 hex digits that change with any source the machine is compiled from."""
    return f"{__version__} {source_digest()}"


def recorded_guest(source: str, direct_map: str = "recorded", folder: Path = Path()) -> dict[str, object]:
    """Describe the guest of a recording or a trace file.

    Raises
    ------
    BadInput
        If there is no such recording, or no such direct map.
    OSError
        If the file cannot be read.
    """
    if direct_map not in recordings.DIRECT_MAPS:
        raise RecordingError(f"direct_map is {direct_map!r}, must be one of {', '.join(recordings.DIRECT_MAPS)}")
    if "\0" in source:
        raise RecordingError(f"{source!r}: is no name of a file: there is a NUL in it")
    if any(sign in source for sign in "./\\"):
        path = folder / source
        if path.exists() and not path.is_file():
            raise RecordingError(f"{shown(path)}: is no regular file; workers must find it there, to read it again")
        name = path.name.removesuffix(".gz").removesuffix(".xz").removesuffix(".trace").removesuffix(".npz")
    else:
        recordings.load(source)
        path, name = recordings.data_folder() / f"{source}.npz", source
    return {"source": name, "direct_map": direct_map, "digest": _digest(path), "path": str(path.absolute())}


def generated_guest(
    family: str, seed: int, events: int, levels: int | None, vcpus: int, given: Mapping[str, object]
) -> dict[str, object]:
    """Describe a generated guest, with the default of every parameter that is not given.

    Raises
    ------
    GuestError
        If a parameter is out of range, or does not go together with another.
    """
    chosen, levels, options, own = settled(family, levels, vcpus, given)
    numbers = options | own
    words = {p.name: p.choices for p in (*OPTIONS, *chosen.parameters) if p.choices}
    parameters = {name: words[name][int(n)] if name in words else n for name, n in numbers.items()}
    mode = {"family": family, "levels": levels, "vcpus": vcpus, "events": events, "seed": seed}
    return mode | {"parameters": parameters}


def _digest(path: Path) -> str:
    """Return the digest of a file, and of the touches that lie beside it if it is a recording."""
    digest = hashlib.sha256(path.read_bytes())
    beside = path.with_suffix(".touch.npz")
    if path.suffix == ".npz" and beside.is_file():
        digest.update(beside.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Point:
    """One run: a guest on a machine.

    Attributes
    ----------
    workload, preset : str
        What tables call them.
    chosen : dict
        The axes of the sweep, and their values here.
    guest : dict
        From `recorded_guest` or `generated_guest`; empty if there can be none.
    machine : Preset or None
        None if there can be none.
    refused : str
        Why guest and machine cannot be, if so.
    """

    workload: str
    preset: str
    chosen: Mapping[str, object] = field(default_factory=dict)
    guest: Mapping[str, object] = field(default_factory=dict)
    machine: Preset | None = None
    refused: str = ""

    @cached_property
    def description(self) -> dict[str, object]:
        """What makes the result, as plain data; what the point is called does not."""
        if self.refused:
            made = {"refused": [self.workload, self.preset, dict(self.chosen), self._content]}
        else:
            made = {"guest": self._content, "machine": axes(self.machine)}
        return {"oosbench": version()} | made

    @cached_property
    def key(self) -> str:
        """64 hex digits, the same for the same description."""
        return hashlib.sha256(canonical(self.description).encode()).hexdigest()

    @property
    def labels(self) -> dict[str, object]:
        """The columns that say which point it is: workload, preset, seed, guest, then every axis and parameter."""
        return {
            "workload": self.workload,
            "preset": self.preset,
            "seed": self.guest.get("seed"),
            "guest": hashlib.sha256(canonical(self._content).encode()).hexdigest()[:16],
            **{name: value for name, value in self.guest.items() if name in ("levels", "vcpus", "events")},
            **self.guest.get("parameters", {}),
            **(axes(self.machine) if self.machine is not None else {}),
            **self.chosen,
        }

    @property
    def _content(self) -> dict[str, object]:
        return {name: value for name, value in self.guest.items() if name not in ("path", "source")}


class Outcome(NamedTuple):
    """What became of a point.

    Attributes
    ----------
    counters : dict of str to int
        Every counter, and the guest's `levels` and `vcpus`; empty if it failed.
    error : str
        Why it failed; empty if it did not.
    seconds : float
    """

    counters: dict[str, int]
    error: str
    seconds: float


def run(point: Point, of: str, cancelled: Callable[[], bool] | None = None) -> Outcome:
    """Run a point; whatever goes wrong in it is part of the outcome.

    Parameters
    ----------
    point : Point
    of : str
        `version` where it was asked for.
    cancelled : callable, optional
        Asked now and then whether to stop.

    Raises
    ------
    Cancelled
        If it was to stop.
    SweepError
        If this process has another version of the package.
    """
    if version() != of:
        raise SweepError(f"a worker has oosbench {version()}, the sweep needs {of}: install the same everywhere")
    began = time.perf_counter()
    counters: dict[str, int] = {}
    error = point.refused
    try:
        if not error:
            trace = _trace(canonical(dict(point.guest)))
            found = Machine(trace, point.machine, keep_outcomes=False).run(cancelled=cancelled).counters
            counters = {"levels": trace.levels, "vcpus": trace.vcpus} | {name: int(n) for name, n in found.items()}
    except Cancelled:
        raise
    except Exception as wrong:  # this point fails, the others do not
        error = str(wrong) if isinstance(wrong, BadInput) else f"{type(wrong).__name__}: {wrong}"
    return Outcome(counters, error, time.perf_counter() - began)


@lru_cache(maxsize=_HELD)
def _trace(guest: str) -> Trace:
    """Return the trace of a guest; points that follow each other mostly have the same."""
    told = json.loads(guest)
    if "family" in told:
        mode = {name: told[name] for name in ("levels", "vcpus", "seed")}
        return Workload(told["family"], **mode, **told["parameters"]).trace(told["events"])
    path = Path(told["path"])
    if not path.is_file() and told["source"] in recordings.bundled().index:  # another machine has its own
        path = recordings.data_folder() / f"{told['source']}.npz"
    if _digest(path) != told["digest"]:
        raise TraceError(f"{path}: has changed since the sweep began")
    return open_trace(path, told["direct_map"])

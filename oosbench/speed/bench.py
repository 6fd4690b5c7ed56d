"""Speed on this machine. Everything is timed in one run, so that ratios can be taken inside it.

A time in nanoseconds says little about another machine. So the cost of an event is told as a multiple of a
**yardstick walk** (`yardstick.py`): a table walk of four dependent loads, which a better processor does faster too.
What the original C code took, in such multiples, is in ``data/original_speed.csv``.

A machine that others use too is now fast, now slow. So the yardstick is timed right before and after each replay, and
what is told is the median of the ratios of such pairs, with the spread of the middle half of them. All times are those
of this thread alone: who waits for a processor is not slow. (How one build compares with another: `against.py`.)
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from timeit import repeat

import numpy as np
import pandas as pd

from .. import recordings
from ..costs.calibration import out_of_sync
from ..errors import BadInput
from ..machine import Cancelled, Machine
from ..presets import PRESETS
from ..recordings import open_trace
from ..shadow import kernels
from ..traces import Trace
from . import yardstick

Progress = Callable[[str, int, int], None]

#: The two traces that the original code was timed on.
ORIGINAL = ("bench1m", "bench_stress1m")
#: What else there is to time.
PARTS = ("pages", "parsing", "resync", "start")
_PAGES, _TIMES, _PAIRS = 100, 200, 9
#: Above this spread nothing can be claimed.
TOO_WIDE = 0.1
_DIRTY = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 511)
_START = "from oosbench import Machine, Trace; Machine(Trace.from_text({text!r})).run()"
_TINY = "MODE 4 1 16 256\nCR3 0 0x1000\n"


@dataclass
class Bench:
    """What `bench` found.

    Attributes
    ----------
    yardstick_walk_ns : float
    pieces : DataFrame
        One row each for the yardstick walk, the C library's memcmp and memcpy of a page, the engine's scan of an
        unchanged page and its copy: ns, yardstick walks, and for the engine's the ratio to the library's.
    traces : DataFrame
        One row per trace and preset: events, ns per event (the median), events per second, yardstick walks per event
        (the median of the ratios of pairs), their ``spread`` (between the quartiles, as a share of the median), and
        what the original took, in its own yardstick walks (NA where it was not timed).
    resync : DataFrame
        ns of a content pass over a full table by the number of dirty entries.
    single : Series
        ``parse_lines_per_s``, ``compile_s``, ``warm_start_s``, ``peak_memory_bytes``: those that were asked for.
    """

    yardstick_walk_ns: float = np.inf
    pieces: pd.DataFrame = field(default_factory=pd.DataFrame)
    traces: pd.DataFrame = field(default_factory=pd.DataFrame)
    resync: pd.DataFrame = field(default_factory=pd.DataFrame)
    single: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))

    def to_json(self) -> str:
        """Return the figures as JSON: pieces and single figures by name, ``traces.NAME.PRESET``, ``resync``."""
        by_trace: dict[str, dict] = {}
        for row in self.traces.to_dict("records"):
            by_trace.setdefault(row.pop("trace"), {})[row.pop("preset")] = row
        told = {f"{row.piece.replace(' ', '_')}_ns": row.ns for row in self.pieces.itertuples()}
        told |= self.single.to_dict() | {"traces": by_trace, "resync": self.resync.to_dict("records")}
        return json.dumps(told, indent=1, default=float).replace("NaN", "null") + "\n"


def original() -> pd.DataFrame:
    """Return what the original code took: columns trace, preset, original_ns, original_walks."""
    return pd.read_csv(recordings.data_folder() / "original_speed.csv", comment="#")


def bench(
    only: Iterable[str] | None = None,
    files: Iterable[str | Trace] = (),
    presets: Sequence[str] = tuple(PRESETS),
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Bench:
    """Time what there is to time on this machine; all of it takes about two minutes.

    Parameters
    ----------
    only : iterable of str, optional
        Names of parts (`PARTS`), of the two traces of the original, of bundled recordings. Default: all, of the
        recordings those that studies go over.
    files : iterable of str or Trace
        Traces of your own.
    presets : sequence of str
    progress, cancelled
        As for `oosbench.run_each`.

    Raises
    ------
    BadInput
        If there is nothing of a name in `only`.
    TraceError, OSError
        If a trace cannot be used.
    """
    known = [*PARTS, *ORIGINAL, *recordings.bundled().index]
    wanted = [*PARTS, *ORIGINAL, *recordings.studied()] if only is None else list(only)
    for name in wanted:
        if name not in known:
            raise BadInput(f"nothing to time is called {name!r}; there are {', '.join(known)}")
    traces = [name for name in wanted if name not in PARTS] + list(files)
    steps = [name for name in wanted if name in PARTS]
    found, total = Bench(), len(steps) + len(traces) * len(presets) + 1
    done = 0

    def tell(what: str) -> None:
        nonlocal done
        if cancelled is not None and cancelled():
            raise Cancelled("the benchmark was stopped")
        if progress is not None:
            progress(what, done, total)
        done += 1

    tell("Yardstick")
    yard = _Yardstick(found)
    yard.measure()
    for step in steps:
        tell(f"Timing: {step}")
        {"pages": _pages, "parsing": _parsing, "resync": _resync, "start": _start}[step](found)
    rows = []
    for source in traces:
        trace = bench_trace(source)
        yard.measure()
        for preset in presets:
            tell(f"{trace.name} · {preset}")
            rows.append({"trace": trace.name, "preset": preset} | _replay(trace, preset, yard))
    yard.measure()
    found.traces = pd.DataFrame(rows)
    if rows:
        found.traces = found.traces.merge(original()[["trace", "preset", "original_walks"]], how="left")
    found.pieces = _with_yardstick(found.pieces, found.yardstick_walk_ns)
    found.single["peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return found


class _Yardstick:
    """The yardstick, measured now and then: the best counts; and beside each replay."""

    def __init__(self, found: Bench) -> None:
        self._found = found
        self._tables = np.zeros(yardstick.TABLES * 512, np.uint64)
        self._random = np.uint64(yardstick.fill(self._tables, np.uint64(yardstick.SEED)))
        yardstick.walks(self._tables, self._random, 1)

    def measure(self) -> None:
        self._found.yardstick_walk_ns = min(self._found.yardstick_walk_ns, *(self.walk_ns() for _ in range(5)))

    def walk_ns(self, walks: int = yardstick.WALKS // 4) -> float:
        """Return the ns of a walk, now."""
        return 1e9 * thread_seconds(lambda: yardstick.walks(self._tables, self._random, walks)) / walks


def thread_seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds that this thread takes for something."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def bench_trace(source: str | Trace) -> Trace:
    """Return one of the two traces of the original by its name, or whatever `oosbench.open_trace` finds."""
    if source in ORIGINAL:
        trace = open_trace(recordings.data_folder() / f"{source}.trace.xz")
        return Trace.from_events(
            (trace.levels, trace.vcpus, trace.guest_pages, trace.shadow_pages), trace.events, source
        )
    return open_trace(source)


def _replay(trace: Trace, preset: str, yard: _Yardstick) -> dict[str, float]:
    """Return the events of a replay and what one costs, machine and results not counted."""
    ns, walks, before = [], [], yard.walk_ns()
    for _ in range(_PAIRS):
        machine = Machine(trace, preset, keep_outcomes=False)
        seconds = thread_seconds(machine.run)
        events = int(machine.result().counters.events)
        after = yard.walk_ns()
        ns.append(1e9 * seconds / events)
        walks.append(ns[-1] / ((before + after) / 2))
        before = after
    told = {"events": events, "ns_per_event": float(np.median(ns)), "events_per_s": 1e9 / float(np.median(ns))}
    return told | {"walks_per_event": float(np.median(walks)), "spread": spread(walks)}


def spread(ratios: Sequence[float]) -> float:
    """Return how far the quartiles of some ratios lie apart, as a share of their median."""
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return float((high - low) / middle)


def doubts(traces: pd.DataFrame) -> str:
    """Return what has to be said of a table with a column `spread`: which rows it is too wide for, or ""."""
    wide = traces[traces.spread > TOO_WIDE] if len(traces) else traces
    if not len(wide):
        return ""
    rows = ", ".join(f"{row.trace} on {row.preset} ({row.spread:.0%})" for row in wide.itertuples())
    return (
        f"The pairs lie more than {TOO_WIDE:.0%} apart for {rows}: nothing can be claimed of these. "
        "Time them again when the machine is idle."
    )


def _with_yardstick(pieces: pd.DataFrame, yardstick_ns: float) -> pd.DataFrame:
    walk = pd.DataFrame({"piece": ["yardstick walk"], "ns": [yardstick_ns]})
    pieces = pd.concat([walk, pieces], ignore_index=True)
    return pieces.assign(walks=pieces.ns / yardstick_ns)


def _pages(found: Bench) -> None:
    """Time the compare and the copy of a hundred pages in turn, the engine's and the C library's."""
    rng = np.random.default_rng(0)
    machine = Machine(Trace.from_text(f"MODE 4 1 {2 * _PAGES} 512\n"), "oos-snapshot")
    d = machine.domain
    d.memory[:_PAGES] = rng.integers(2**62, size=(_PAGES, 512))
    d.tables[256 : 256 + _PAGES] = d.memory[:_PAGES]
    a, b = d.memory[:_PAGES], d.tables[256 : 256 + _PAGES]
    timed = {
        "memcmp": lambda: yardstick.memcmp_pages(a, b, _TIMES),
        "memcpy": lambda: yardstick.memcpy_pages(a, b, _TIMES),
        "scan": lambda: kernels.scans(d, 0, _PAGES, 256, _TIMES),
        "copy": lambda: kernels.page_copies(d, 0, _PAGES, 256, _TIMES),
    }
    for run in timed.values():
        run()
    ns = {name: 1e9 * min(repeat(run, number=1, repeat=15)) / (_PAGES * _TIMES) for name, run in timed.items()}
    ratio = {"scan": ns["scan"] / ns["memcmp"], "copy": ns["copy"] / ns["memcpy"]}
    found.pieces = pd.DataFrame({"piece": list(ns), "ns": ns.values(), "ratio": [ratio.get(name) for name in ns]})


def _parsing(found: Bench) -> None:
    """Time the reading of a million lines of text."""
    text = bench_trace(ORIGINAL[0]).to_text().encode()
    best = min(repeat(lambda: Trace.from_text(text), number=1, repeat=3))
    found.single["parse_lines_per_s"] = text.count(b"\n") / best


def _resync(found: Bench) -> None:
    """Time content passes over a table with 511 present entries, some of them dirty."""
    domain, slot = out_of_sync("oos-snapshot", 511)
    rows = []
    for dirty in _DIRTY:
        batch = partial(kernels.dirty_passes, domain, 0, slot, dirty, 200)
        batch()
        rows.append({"dirty": dirty, "ns": 1e9 * min(repeat(batch, number=1, repeat=10)) / 200})
    found.resync = pd.DataFrame(rows)


def _start(found: Bench) -> None:
    """Time a process that replays a tiny trace: with nothing compiled before, and then again."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", _START.format(text=_TINY)]
        run = partial(subprocess.run, command, check=True, env={**os.environ, "OOSBENCH_CACHE": cache})
        cold, warm = (repeat(run, number=1, repeat=1)[0] for _ in range(2))
    found.single["compile_s"], found.single["warm_start_s"] = cold - warm, warm

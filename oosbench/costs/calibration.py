"""The prices that decide, measured on the machine that runs this, with the engine's own compiled code.

Three of them: a page copied; an entry compared with the snapshot; an entry derived anew. Each is timed many times in
batches of a thousand, and the range is that from the fastest batch to the 90th percentile. The price of
exits and the like cannot be measured from a process; those are taken from another processor.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from timeit import repeat
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..machine import Machine
from ..presets import preset
from ..shadow import kernels
from ..shadow.state import INVALID, Domain
from .breakeven import Episode, episode_trace
from .prices import Price, Processor, processor

NAME = "this machine"
BASE = "Broadwell"  # the latest there are prices of exits for
_BATCHES, _MANY = 25, 1000
_COLD_PAGES = 16384  # 64 MiB read and 64 MiB written
_USUAL_GHZ = 3.0  # if the system does not tell


class Measured(NamedTuple):
    """A time in ns: the median batch, the fastest, and the 90th percentile."""

    ns: float
    low: float
    high: float

    def less(self, other: Measured, share: float) -> Measured:
        """Return this time without another, divided into `share` parts."""
        return Measured(*(max(a - other.ns, 0) / share for a in self))


def _measured(seconds: list[float], times: int) -> Measured:
    ns = np.array(seconds) * 1e9 / times
    return Measured(float(np.median(ns)), float(ns.min()), float(np.percentile(ns, 90)))


def _time(run: Callable[[int], None]) -> Measured:
    """Return what one of many takes; a batch is a few milliseconds at most."""
    return _measured(repeat(lambda: run(_MANY), number=1, repeat=_BATCHES), _MANY)


def out_of_sync(name: str, present: int) -> tuple[Domain, int]:
    """Return a machine with one table out of sync, `present` entries of it in its shadow, and the slot of vCPU 0."""
    trace = episode_trace(Episode(present, 1))
    machine = Machine(trace, preset(name).replace(prefetch=False))
    machine.run(stop=len(trace.events) - 1)  # all but the CR3 load that brings it back
    return machine.domain, int(np.flatnonzero(machine.domain.vcpus[0].oos != INVALID)[0])


def _pass(name: str, present: int) -> Measured:
    """Return what a content pass takes that finds nothing changed."""
    domain, slot = out_of_sync(name, present)
    kernels.content_passes(domain, 0, slot, 1)
    return _time(lambda times: kernels.content_passes(domain, 0, slot, times))


def _cold_copy() -> Measured:
    """Return what the copy of a page takes that is in no cache."""
    trace = replace(episode_trace(Episode(1, 1)), guest_pages=2 * _COLD_PAGES, shadow_pages=2 * _COLD_PAGES)
    domain = Machine(trace, "oos-snapshot").domain
    first = _COLD_PAGES // 2
    domain.memory[first : first + _COLD_PAGES] = 1  # a page never written is not there
    domain.tables[first : first + _COLD_PAGES] = 1
    seconds = repeat(lambda: kernels.cold_copies(domain, first, _COLD_PAGES, first), number=1, repeat=10)
    return _measured(seconds[1:], _COLD_PAGES)


def measure() -> pd.DataFrame:
    """Return the times of the pieces of a resync here, in ns. It takes about two seconds.

    Returns
    -------
    DataFrame
        Indexed by piece: `ns`, `low`, `high`, and `original_ns`: what the original C code took on an AMD EPYC.

        - copy hot, copy cold: 4 KiB
        - pass without anything present: 512 shadow entries looked at, none derived
        - compare: an entry compared with the snapshot: of a pass over an unchanged table, which compares whole pages,
          the 512th part
        - derive: an entry derived anew that comes out as it was, the look at it taken off
        - copy and compare: both together, as far as they add to a resync of a full page
    """
    domain, slot = out_of_sync("oos-snapshot", 511)
    hot = _time(lambda times: kernels.copies(domain, 0, slot, times))
    empty = _pass("oos-fixups", 1)
    compare = Measured(*(a / 512 for a in _pass("oos-snapshot", 511)))
    derive = _pass("oos-fixups", 511).less(empty, 510)
    both = Measured(*(a + 512 * b for a, b in zip(hot, compare, strict=True)))
    rows = {
        "copy hot": (*hot, 30),
        "copy cold": (*_cold_copy(), 370),
        "pass without anything present": (*empty, np.nan),
        "compare": (*compare, 170 / 512),
        "derive": (*derive, 6.7),
        "copy and compare": (*both, 60),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["ns", "low", "high", "original_ns"])


def clock_ghz() -> tuple[float, str]:
    """Return the clock of this machine, and where that is from."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        told = ""
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", told, re.MULTILINE)
    if found is None:
        return _USUAL_GHZ, "clock: a usual one, since the system does not tell"
    return float(found[1]) / 1000, "clock: as the system tells it"


def this_machine(base: str | Processor = BASE, times: pd.DataFrame | None = None) -> Processor:
    """Return the processor "this machine": copy, compare and derive measured here, all else as of another.

    Parameters
    ----------
    base : str or Processor
        Whose other prices to take.
    times : DataFrame, optional
        From `measure`; otherwise it is called.

    Raises
    ------
    CostError
        If there is no processor `base`.
    """
    base = processor(base)
    times = measure() if times is None else times
    ghz, clock = clock_ghz()
    about = f"measured here, {platform.machine()}"

    def price(piece: str, share: float = 1, high: str | None = None, told: str = "") -> Price:
        row, top = times.loc[piece], times.loc[high or piece]
        values = [share * ghz * ns for ns in (row.ns, row.low, max(top.high, row.ns))]
        return Price(*values, source=about, trust="measured", note=told or piece)

    # Deriving an entry was measured as a whole: its parts get theirs in proportion to the prices they had.
    parts = ("p2m_lookup", "propagate", "set_l1e_call")
    whole = sum(base.prices[event].cycles for event in parts)
    split = {
        event: price("derive", base.prices[event].cycles / whole, told="its part of an entry derived anew")
        for event in parts
    }
    return replace(base, note=clock, year=0).replace(
        name=NAME,
        ghz=ghz,
        snapshot_copy=price("copy hot", high="copy cold", told="hot; high: cold"),
        snapshot_compare=price("compare"),
        validate_gl1e=Price(0, 0, 0, source=about, trust="measured", note="measured with an entry derived anew"),
        resync_entries_tested=price("pass without anything present", 1 / 512),
        **split,
    )

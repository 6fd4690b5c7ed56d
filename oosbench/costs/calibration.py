"""The prices that decide, measured on the machine that runs this.

A page copied; an entry compared with the snapshot; an entry derived anew: as a whole by the engine's own compiled
code, and piece by piece (`pieces`), its frame looked up, its bits made, the shadow entry set. Each hot, in the near
cache, and where it matters cold. The price of exits and the like cannot be measured from a process; those are taken
from another processor.

Pieces are timed in turn, one batch of each a round, until the medians stand still; a difference of two pieces is taken
within its round. What else runs on the machine is told, and a measurement that it has spoilt is refused.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from ..errors import CostError
from ..machine import Machine
from ..presets import preset
from ..shadow import kernels
from ..shadow.state import INVALID, Domain
from . import pieces
from .breakeven import Episode, episode_trace
from .prices import Price, Processor, processor

NAME = "this machine"
BASE = "Broadwell"  # the latest there are prices of exits for
#: When medians stand still: those of both halves of the rounds differ by no more than this share.
STEADY = 0.05
#: A piece of which the 90th percentile is so many times the median says nothing.
SPOILT = 5
ROUNDS = (16, 96)  # at least, at most
_MANY = 300
_COLD_PAGES = 8192  # 32 MiB read and 32 MiB written
_USUAL_GHZ = 3.0  # if the system does not tell
_ORIGINAL = {"copy hot": 30, "copy cold": 370, "compare": 170 / 512, "derive": 6.7, "copy and compare": 60}


def out_of_sync(name: str, present: int) -> tuple[Domain, int]:
    """Return a machine with one table out of sync, `present` entries of it in its shadow, and the slot of vCPU 0."""
    trace = episode_trace(Episode(present, 1))
    machine = Machine(trace, preset(name).replace(prefetch=False))
    machine.run(stop=len(trace.events) - 1)  # all but the CR3 load that brings it back
    return machine.domain, int(np.flatnonzero(machine.domain.vcpus[0].oos != INVALID)[0])


def _batches() -> dict[str, tuple[Callable[[], object], float]]:
    """Return, for each thing that is timed, a batch of it and how many there are in one."""
    kept, slot = out_of_sync("oos-snapshot", 511)
    without, full = out_of_sync("oos-fixups", 511)
    nearly, empty = out_of_sync("oos-fixups", 1)
    large = replace(episode_trace(Episode(1, 1)), guest_pages=2 * _COLD_PAGES, shadow_pages=2 * _COLD_PAGES)
    cold, first = Machine(large, "oos-snapshot").domain, _COLD_PAGES // 2
    cold.memory[first : first + _COLD_PAGES] = 1  # a page never written is not there
    cold.tables[first : first + _COLD_PAGES] = 1
    found = {
        "copy hot": (lambda: kernels.copies(kept, 0, slot, _MANY), _MANY),
        "copy cold": (lambda: kernels.cold_copies(cold, first, _COLD_PAGES, first), _COLD_PAGES),
        "empty pass": (lambda: kernels.content_passes(nearly, 0, empty, _MANY), _MANY),
        "compare": (lambda: kernels.content_passes(kept, 0, slot, _MANY), 512 * _MANY),
        "full pass": (lambda: kernels.content_passes(without, 0, full, _MANY), _MANY),
    }
    for state, frames, entries, times in (
        ("hot", pieces.TABLE, pieces.TABLE, 400),
        ("cold", pieces.SCATTERED, pieces.SCATTERED // 8, 1),
    ):
        given = pieces.arrays(frames, entries)
        for name, arguments in (
            ("look-up", (given[0], given[2])),
            ("derivation", given[:3]),
            ("validation", given),
        ):
            found[f"{name} {state}"] = (pieces.batch(name, arguments, times), entries * times)
            if (in_c := pieces.batch_in_c(name, arguments, times)) is not None:
                found[f"{name} {state}, C"] = (in_c, entries * times)
    return found


def _time(batches: Mapping[str, tuple[Callable[[], object], float]]) -> pd.DataFrame:
    """Return the ns of one of each, a row for each round, until the medians stand still."""
    rounds: list[dict[str, float]] = []
    for run, _ in batches.values():
        run()
    for done in range(1, ROUNDS[1] + 1):
        row = {}
        for name, (run, many) in batches.items():
            began = perf_counter()
            run()
            row[name] = (perf_counter() - began) * 1e9 / many
        rounds.append(row)
        if done >= ROUNDS[0] and done % 4 == 0 and moved(pd.DataFrame(rounds)).max() <= STEADY:
            break
    return pd.DataFrame(rounds)


def moved(rounds: pd.DataFrame) -> pd.Series:
    """Return by what share the median of each column moved from the first half of the rows to the second."""
    half = len(rounds) // 2
    return (rounds.iloc[half:].median() / rounds.iloc[:half].median() - 1).abs()


def measure() -> pd.DataFrame:
    """Return the times of the pieces of a resync here, in ns. It takes some seconds.

    Returns
    -------
    DataFrame
        Indexed by piece: `ns` (median), `low` (the fastest round), `high` (the 90th percentile), `c_ns` (the same from
        `pieces.c`, where there is a C compiler) and `original_ns`: what the original C code took on an AMD EPYC. Its
        `attrs` tell `rounds`, `moved` (by what share a median still moved, at most), `steady` and `load` (processes
        that want to run, for each processor).

        - copy hot, copy cold: 4 KiB
        - pass without anything present: 512 shadow entries looked at, none derived
        - compare: an entry compared with the snapshot: of a pass over an unchanged table, which compares whole pages,
          the 512th part
        - derive: an entry derived anew by the engine that comes out as it was, the look at it taken off
        - copy and compare: both together, as far as they add to a resync of a full page
        - look-up, derivation, validation, hot and cold: see `pieces`; a derivation has its look-up in it, a validation
          its derivation
    """
    rounds = _time(_batches())
    rounds["pass without anything present"] = rounds["empty pass"]
    rounds["derive"] = ((rounds["full pass"] - rounds["empty pass"]) / 510).clip(lower=0)
    rounds["copy and compare"] = rounds["copy hot"] + 512 * rounds["compare"]
    shown = ["copy hot", "copy cold", "pass without anything present", "compare", "derive", "copy and compare"]
    shown += [f"{name} {state}" for name in ("look-up", "derivation", "validation") for state in ("hot", "cold")]
    kept = rounds[shown]
    table = pd.DataFrame({"ns": kept.median(), "low": kept.min(), "high": kept.quantile(0.9)})
    table["c_ns"] = rounds.filter(regex=", C$").median().rename(lambda name: name.removesuffix(", C"))
    table["original_ns"] = pd.Series(_ORIGINAL)
    still = float(moved(kept).max())
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    table.attrs = {"rounds": len(rounds), "moved": still, "steady": still <= STEADY, "load": load}
    return table


def told(times: pd.DataFrame) -> str:
    """Say how far a table of `measure` can be trusted."""
    how = f"{times.attrs['rounds']} rounds at a load of {times.attrs['load']:.1f} a processor"
    if times.attrs["steady"]:
        return f"Measured in {how}; the medians stood still within {times.attrs['moved']:.1%}."
    return f"Not steady: after {how} a median still moved by {times.attrs['moved']:.0%}; something else is running."


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

    A price whose hot and cold values differ ranges from one to the other, and is stated as their geometric mean: what
    is in a cache when a hypervisor gets there, nobody knows.

    Parameters
    ----------
    base : str or Processor
        Whose other prices to take.
    times : DataFrame, optional
        From `measure`; otherwise it is called.

    Raises
    ------
    CostError
        If there is no processor `base`, or what else ran on the machine has spoilt the measurement.
    """
    base = processor(base)
    times = measure() if times is None else times
    used = times.drop(["derive", "copy and compare"])
    for row in used[used.high > SPOILT * used.ns].itertuples():
        raise CostError(
            f"this machine is too busy to be measured: {row.Index} took {row.ns:,.3g} ns in the median and "
            f"{row.high:,.3g} ns in one round of ten; end what else runs, or take a stored calibration"
        )
    ghz, clock = clock_ghz()
    about, today = f"measured here, {platform.machine()}", date.today().isoformat()

    def price(low: tuple[float, ...], high: tuple[float, ...], note: str) -> Price:
        """Return a price from (median, least) of what is cheap and (median, most) of what is dear, in ns."""
        stated = ghz * float(np.sqrt(max(low[0], 0) * max(high[0], 0)))
        return Price(
            stated,
            min(ghz * low[1], stated),
            max(ghz * high[1], stated),
            about,
            date.today().isoformat(),
            "measured",
            note,
        )

    def ends(piece: str, less: str | None = None) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return what `price` takes of a piece, hot and cold, that of another taken off."""
        found = []
        for state, end in (("hot", "low"), ("cold", "high")):
            row = times.loc[f"{piece} {state}"]
            off = times.loc[f"{less} {state}"].ns if less else 0
            found.append((max(row.ns - off, 0.01), max(row[end] - off, 0.01)))
        return found[0], found[1]

    compare, empty = times.loc["compare"], times.loc["pass without anything present"]
    nothing = Price(0, 0, 0, about, today, "measured", "measured with the entry that is derived")
    return replace(base, note=clock, year=0).replace(
        name=NAME,
        ghz=ghz,
        snapshot_copy=price(*ends("copy"), "hot to cold"),
        snapshot_compare=price((compare.ns, compare.low), (compare.ns, compare.high), "a pass over an unchanged table"),
        resync_entries_tested=price(
            (empty.ns / 512, empty.low / 512), (empty.ns / 512, empty.high / 512), "a pass without anything present"
        ),
        p2m_lookup=price(*ends("look-up"), "hot to cold"),
        propagate=price(*ends("derivation", "look-up"), "a derivation less its look-up, hot to cold"),
        set_l1e_call=price(*ends("validation", "derivation"), "a validation less its derivation, hot to cold"),
        validate_gl1e=nothing,
    )

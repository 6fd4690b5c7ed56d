"""Many machines, one tidy frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import UnionType

import pandas as pd

from ..errors import UsageError
from ..presets import Preset, preset
from ..recordings import Recording, look_for, open_trace
from ..traces import Trace
from .apart import Names, told_apart
from .machine import Machine
from .result import Result

#: What is compared if nobody says otherwise: every write emulated, the series before the snapshot, and the snapshot.
PRESETS_TO_COMPARE = ("emulate", "oos-fixups", "oos-snapshot")

Progress = Callable[[str, int, int], None]


def run_each(
    sources: Iterable[str | Trace | Recording],
    presets: Sequence[str | Preset] = PRESETS_TO_COMPARE,
    *,
    direct_map: str = "recorded",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Result]:
    """Replay each trace on a machine of each preset, and yield the results as they come.

    Guests that are different have different names in the results, and presets too: equal ones are numbered.

    Parameters
    ----------
    sources : iterable of str, Trace or Recording
        See `oosbench.open_trace`.
    presets : sequence of str or Preset
    direct_map : {"recorded", "4k"}
        For recordings; see `Recording.trace`.
    progress : callable, optional
        Called now and then with what is being done, the events done, and the events there are in it.
    cancelled : callable, optional
        Asked now and then whether to stop; then `Cancelled` is raised.

    Raises
    ------
    UsageError, PresetError, RecordingError, OSError
        Before anything runs: if `sources` or `presets` is one of them and not a list, or if there is no such preset,
        recording or file.
    TraceError, RecordingError, OSError
        Later, if a trace cannot be used.
    """
    _are_several("sources", sources, str | os.PathLike | Trace | Recording)
    _are_several("presets", presets, str | Preset)
    for source in sources if isinstance(sources, Sequence) else ():  # what is made as it is asked for is not there yet
        look_for(source)
    guests, machines = Names(), Names()
    chosen = [machines.of_preset(preset(p)) for p in presets]

    def each() -> Iterator[Result]:
        for source in sources:
            if progress is not None:
                progress(f"Reading {getattr(source, 'name', source)}", 0, 1)
            trace = guests.of_trace(open_trace(source, direct_map))
            for p in chosen:
                told = None if progress is None else _name_progress(progress, f"{trace.name} · {p.name}")
                yield Machine(trace, p, keep_outcomes=False).run(told, cancelled)

    return each()


def _are_several(what: str, given: object, one: UnionType) -> None:
    """Refuse one of what there should be a list of: a word is an iterable too, of letters."""
    if isinstance(given, one):
        name = repr(given if isinstance(given, str) else getattr(given, "name", given))
        raise UsageError(f"{what} is {name}, must be a list: [{name}]")


def _name_progress(progress: Progress, label: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(label, done, total)


def counters_frame(results: Iterable[Result]) -> pd.DataFrame:
    """Return one row per result: trace, preset, number of events, and every counter by its name.

    Trace and preset tell results apart: see `oosbench.machine.apart`.
    """
    rows = [{"trace": r.trace.name, "preset": r.preset.name} | r.counters.to_dict() for r in told_apart(results)]
    return pd.DataFrame(rows)


def resyncs_frame(results: Iterable[Result]) -> pd.DataFrame:
    """Return one row per content pass of each result: trace, preset, then the columns of `Result.resyncs`.

    Trace and preset tell results apart: see `oosbench.machine.apart`.
    """
    frames = [r.resyncs.assign(trace=r.trace.name, preset=r.preset.name) for r in told_apart(results)]
    together = pd.concat(frames, ignore_index=True)
    return together[["trace", "preset", *frames[0].columns.drop(["trace", "preset"])]]


def compare(
    sources: Iterable[str | Trace | Recording],
    presets: Sequence[str | Preset] = PRESETS_TO_COMPARE,
    *,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Replay each trace on a machine of each preset.

    Parameters
    ----------
    sources, presets, progress
        As for `run_each`.

    Returns
    -------
    DataFrame
        Tidy: one row per trace and preset, a column per counter.

    Examples
    --------
    >>> frame = compare(["sqlite"], ["oos-snapshot"])
    >>> int(frame.resync_compared[0]), int(frame.resync_dirty[0])
    (15274, 2257)
    """
    return counters_frame(run_each(sources, presets, progress=progress))


def headline(counters: pd.DataFrame, resyncs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the table of the main job: what each preset did, and what the snapshot saved.

    Parameters
    ----------
    counters : DataFrame
        From `counters_frame`.
    resyncs : DataFrame, optional
        From `resyncs_frame`; it adds the share of content passes that found nothing dirty.

    Returns
    -------
    DataFrame
        One row per trace and preset. Columns that make no sense for a preset are NA: there is no dirty ratio
        without a snapshot, nor without resyncs.
    """
    table = counters[["trace", "preset"]].copy()
    table["faults"] = counters.shadow_fault
    table["emulated_writes"] = counters.emul_writes
    table["resyncs"] = counters.shadow_resync
    table["compared"] = counters.resync_compared
    kept = counters.snapshot_copies > 0
    table["dirty"] = counters.resync_dirty.where(kept).astype("Int64")
    table["dirty_ratio"] = (counters.resync_dirty / counters.resync_compared).where(kept)
    table["propagated"] = counters.resync_propagated
    if resyncs is not None:
        clean = resyncs.dirty.eq(0).groupby([resyncs.trace, resyncs.preset]).mean()
        keys = pd.MultiIndex.from_frame(counters[["trace", "preset"]])
        table["found_nothing"] = pd.Series(clean.reindex(keys).to_numpy(), counters.index).where(kept)
    return table

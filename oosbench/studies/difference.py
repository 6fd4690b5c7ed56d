"""Where two machines part: the first event of a trace that ends differently on them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import UsageError
from ..machine import Machine, Names, Result
from ..presets import Preset, preset
from ..shadow.crash import Crash
from ..shadow.replay import EMUL, OK
from ..traces import Trace
from ..traces.text import spell_events


@dataclass(frozen=True, eq=False)
class Difference:
    """The first event at which two machines differ.

    Attributes
    ----------
    line : int
        Line of the trace.
    event : str
        The event as it is written there.
    outcomes : tuple of str
        What it came to on each.
    moved : DataFrame
        The counters that the event moved differently: a row per counter, a column per preset.
    """

    line: int
    event: str
    outcomes: tuple[str, str]
    moved: pd.DataFrame

    def __str__(self) -> str:
        names = list(self.moved.columns)
        width = max(map(len, names))
        told = [f"line {self.line}: {self.event}"]
        told += [f"  {name:<{width}}  {outcome}" for name, outcome in zip(names, self.outcomes, strict=True)]
        if self.moved.empty:
            return "\n".join([*told, "it moved every counter alike"])
        told.append("counters that it moved differently:")
        told += [f"  {line}" for line in self.moved.to_string().splitlines()]
        return "\n".join(told)


def first_difference(
    trace: Trace,
    one: str | Preset,
    other: str | Preset,
    *,
    guest_only: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Difference | None:
    """Return the first event whose outcome is not the same on machines of two presets, None if there is none.

    Parameters
    ----------
    trace : Trace
    one, other : str or Preset
    guest_only : bool
        Count only what the guest can tell: whether a store was emulated it can not.
    progress : callable, optional
        Called now and then with the rows done and the rows there are.

    Raises
    ------
    PresetError, TraceError
        If a preset or the trace is impossible.
    UsageError
        If the presets are the same.
    """
    total = 2 * len(trace.events)
    chosen = preset(one), preset(other)
    if chosen[0] == chosen[1]:
        raise UsageError(f"both machines are {chosen[0].name}; name two presets that differ")
    machines = Names()
    chosen = [machines.of_preset(p) for p in chosen]
    results = []
    for i, which in enumerate(chosen):
        told = None if progress is None else _shifted(progress, i * len(trace.events), total)
        results.append(_run_to_the_end(Machine(trace, which), told))
    a, b = (result.outcomes.copy() for result in results)
    if guest_only:
        hide_emulation(a, b)
    parted = np.flatnonzero(a != b)
    if len(parted) == 0:
        return None
    row = int(parted[0])
    names = [result.preset.name for result in results]
    moved = pd.concat([_moved_by(trace, result.preset, row) for result in results], axis=1, keys=names)
    return Difference(
        line=int(trace.events.line[row]),
        event=spell_events(trace.events[row : row + 1])[trace.events.line[row]],
        outcomes=tuple(next(result.outcome_lines(row, row + 1)).partition(" ")[2] for result in results),
        moved=moved[moved[names[0]] != moved[names[1]]],
    )


def hide_emulation(a: np.recarray, b: np.recarray) -> None:
    """Take out of outcomes (RESULT[n]) of the same events on two machines what the guest can not tell.

    The address of a store that was emulated is not known, so that of one that was not does not count.
    """
    emulated = (a.outcome == EMUL) | (b.outcome == EMUL)
    for side in (a, b):
        side.place[emulated & np.isin(side.outcome, (OK, EMUL))] = 0
        side.outcome[side.outcome == EMUL] = OK


def _shifted(progress: Callable[[int, int], None], offset: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _: progress(offset + done, total)


def _run_to_the_end(machine: Machine, progress: Callable[[int, int], None] | None) -> Result:
    """Run a machine; where the original would have crashed, that is an outcome like others."""
    try:
        return machine.run(progress)
    except Crash:
        return machine.result()


def _moved_by(trace: Trace, preset: Preset, row: int) -> pd.Series:
    """Return by how much the event in a row moves each counter."""
    machine = Machine(trace, preset)
    before = machine.run(stop=row).counters
    with suppress(Crash):
        machine.run(stop=row + 1)
    return machine.result().counters - before

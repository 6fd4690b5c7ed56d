"""`Result`: what a machine made of a trace, as tidy data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ..presets import Preset
from ..shadow import counters as ctr
from ..shadow.content import BY_OTHER_VCPU, CAUSES
from ..shadow.replay import FAULT, OK, OUTCOMES
from ..traces import Trace
from ..traces.events import ACCESS, POKE, WRITEHL
from ..x86 import PFEC_I, PFEC_W


@dataclass(frozen=True, eq=False)
class Result:
    """What a machine made of a trace.

    Attributes
    ----------
    trace : Trace
    preset : Preset
    counters : Series of int
        By the names Xen gave them; see `oosbench.shadow.counters`.
    oos_active : bool
        Whether tables could go out of sync at the end.
    outcomes : RESULT[n]
        The outcome of each row of the trace (``oosbench.shadow.replay.RESULT``); empty if they were not kept.
    log : RESYNC[m]
        The machine's own log of content passes (``oosbench.shadow.state.RESYNC``).
    resyncs : DataFrame
        One row per content pass over an L1 table that was out of sync:

        ========== ============================================================================================
        line       line of the trace during which it ran
        event      number of that event, from 0
        vcpu       vCPU that ran it
        owner      vCPU that held the table
        gmfn       frame of the table
        cause      cr3, other-vcpu, evict, link, upper-link, promote, walk, mode or fault
        stays_oos  whether the table stays out of sync (its contents alone were refreshed)
        compared   entries present in the shadow, which are the ones compared
        dirty      entries that differed from the snapshot (0 if there is none)
        runs       runs of adjacent dirty entries
        age        events since the table went out of sync
        writes     stores it took without an exit in that time
        ========== ============================================================================================
    """

    trace: Trace
    preset: Preset
    counters: pd.Series
    oos_active: bool
    outcomes: np.ndarray
    log: np.ndarray

    @cached_property
    def resyncs(self) -> pd.DataFrame:
        """The log of content passes as a frame, made when it is first asked for."""
        log, events = self.log, self.trace.events
        number = np.cumsum(events.op != POKE) - 1  # event number of each row
        return pd.DataFrame(
            {
                "line": events.line[log.event],
                "event": number[log.event],
                "vcpu": log.vcpu,
                "owner": log.owner,
                "gmfn": log.gmfn,
                "cause": pd.Categorical.from_codes(log.cause, CAUSES),
                "stays_oos": log.cause == BY_OTHER_VCPU,
                "compared": log.compared,
                "dirty": log.dirty,
                "runs": log.runs,
                "age": number[log.event] - number[log.since],
                "writes": log.writes,
            }
        )

    def summary(self) -> str:
        """Return a few lines that say what happened."""
        c = self.counters
        refreshed = c.resync_l1_calls - c.shadow_resync
        rows = [
            ("accesses", c.accesses, f"{c.shadow_fault:,} faulted, {c.fault_guest:,} of them for the guest to handle"),
            ("emulated writes", c.emul_writes, ""),
            ("unsyncs", c.shadow_unsync, f"{c.shadow_unsync_evict:,} evicted another page"),
            ("resyncs", c.shadow_resync, f"and {refreshed:,} refreshes of pages that stayed out of sync"),
            ("compared", c.resync_compared, "entries, all that were present"),
            ("propagated", c.resync_propagated, "entries derived anew at resync"),
        ]
        if c.snapshot_copies:
            share = f", {c.resync_dirty / c.resync_compared:.1%}" if c.resync_compared else ""
            rows.insert(5, ("dirty", c.resync_dirty, f"entries that differed from the snapshot{share}"))
        title = f"{self.trace.name}: {c.events:,} events on {self.preset.name} ({self.preset.about})"
        return "\n".join([title, *(f"  {what:<16}{count:>12,}   {more}".rstrip() for what, count, more in rows)])

    def counters_json(self) -> str:
        """Return the counters as JSON, in the groups ``perfc``, ``oracle`` and ``model``."""
        groups = {"perfc": ctr.PERFC, "oracle": ctr.ORACLE, "model": ctr.MODEL}
        told = {group: {name: int(self.counters[name]) for name in names} for group, names in groups.items()}
        return json.dumps(told | {"oos_active": int(self.oos_active)}, indent=1) + "\n"

    def outcome_lines(self, start: int = 0, stop: int | None = None) -> Iterator[str]:
        """Yield one line per event: the line of the trace, and the outcome of an access.

        Parameters
        ----------
        start, stop : int, optional
            Only of these rows of the trace.
        """
        events, outcomes = self.trace.events[start:stop], self.outcomes[start:stop]
        rows = events.op != POKE
        events, outcomes = events[rows], outcomes[rows]
        reads = (events.op == ACCESS) & (events.access & (PFEC_W | PFEC_I) == 0) & (events.address & 7 == 0)
        columns = (events.line, outcomes.outcome, outcomes.place, outcomes.value.view(np.uint64))
        halves = events.op == WRITEHL
        lists = (column.tolist() for column in (*columns, reads, halves))
        for line, outcome, place, value, read, half in zip(*lists, strict=True):
            told = f"{line} {OUTCOMES[outcome]}".rstrip()
            if outcome == OK and not half:
                told += f" {place:#x}" + (f" {value:#x}" if read else "")
            elif outcome == FAULT:
                told += f" {place:#x}"
            yield told

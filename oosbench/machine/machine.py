"""`Machine`: vCPUs and their shadow MMU. It replays a trace and gives a `Result`."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Hashable, Iterator
from functools import cached_property

import numpy as np
import pandas as pd

from ..compiled import writeable
from ..errors import UsageError
from ..presets import DEFAULT, Preset, axes
from ..presets import preset as find_preset
from ..recordings import Recording, open_trace
from ..shadow import counters as ctr
from ..shadow import replay
from ..shadow.auditor import Auditor, new_auditor
from ..shadow.crash import Crash, DomainCrash, NotInSlots, PolicyFailed, PoolDry
from ..shadow.state import RESYNC, new_domain
from ..traces import Trace
from ..traces.events import OPS, POKE
from .checkpoint import Checkpoint
from .dump import dump
from .result import Result
from .violation import Violation, violations

CHUNK = 16384  # rows between two looks at `cancelled`: a few hundredths of a second
_LOG = 4 * replay.LOG_MARGIN


class Cancelled(Exception):
    """A run was stopped on request."""


class Machine:
    """A guest's domain: its memory, its vCPUs, and the shadow MMU.

    Parameters
    ----------
    trace : Trace, or what `oosbench.open_trace` takes
    preset : str or Preset
    keep_outcomes : bool
        Whether to remember the outcome of each event (17 bytes each).
    keep_resyncs : bool
        Whether to remember each content pass (80 bytes each); what is counted, is counted all the same.

    Attributes
    ----------
    domain : Domain
        The whole state, as structured arrays (`oosbench.shadow.state`). ``pandas.DataFrame(domain.vcpus)``
        and the like are there to be looked at.
    row : int
        The row of ``trace.events`` that comes next.

    Raises
    ------
    TraceError
        If the trace says something impossible.
    PresetError
        If there is no such preset; later, in a run, if a policy of the reader's own raises an error.
    MemoryError
        If the guest's memory cannot be reserved.
    """

    def __init__(
        self,
        trace: Trace | Recording | str | os.PathLike,
        preset: str | Preset = DEFAULT,
        *,
        keep_outcomes: bool = True,
        keep_resyncs: bool = True,
    ) -> None:
        self.trace = trace = open_trace(trace).validate()
        self.preset = find_preset(preset)
        try:
            self.domain = new_domain(
                self.preset, trace.levels, trace.vcpus, trace.guest_pages, trace.shadow_pages, _LOG
            )
        except MemoryError:
            raise MemoryError(
                f"{trace.name}: no room for a guest of {trace.guest_pages:,} pages "
                f"({trace.guest_pages / 2**18:,.3f} GiB) and its shadow"
            ) from None
        self.outcomes = np.zeros(len(trace.events) if keep_outcomes else 0, replay.RESULT).view(np.recarray)
        self._rows = replay.Rows(writeable(self.trace.events), self.outcomes)
        self.row = 0
        self._keep_resyncs = keep_resyncs
        self._log: list[np.ndarray] = []
        self._auditor = new_auditor(self.domain)
        replay.start(self.domain)

    def step(self) -> str:
        """Replay up to and including the next event; return its outcome ("" for one that is no access).

        Raises
        ------
        StopIteration
            At the end of the trace.
        """
        while self.row < len(self.trace.events):
            row = self.row
            self._replay(row + 1)
            if self.trace.events.op[row] != POKE:
                return replay.OUTCOMES[self.outcomes.outcome[row]] if len(self.outcomes) else ""
        raise StopIteration

    def run(
        self,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        stop: int | None = None,
    ) -> Result:
        """Replay the rest of the trace.

        Parameters
        ----------
        progress : callable, optional
            Called now and then with the rows done and the rows there are.
        cancelled : callable, optional
            Asked now and then whether to stop.
        stop : int, optional
            Replay up to this row only, without it.

        Raises
        ------
        Cancelled
            If it was to stop. The machine can go on from there.
        Crash
            If the original would have crashed; the message says on what, and where.
        """
        total = self._end(stop)
        while self.row < total:
            if cancelled is not None and cancelled():
                raise Cancelled(f"stopped at row {self.row:,} of {total:,}")
            self._replay(min(self.row + CHUNK, total))
            if progress is not None:
                progress(self.row, total)
        return self.result()

    def advance(self, stop: int) -> None:
        """Replay up to a row of the trace, or its end; as `run`, but nothing is gathered and nobody is asked.

        Raises
        ------
        Crash
            If the original would have crashed.
        """
        self._replay(self._end(stop))

    def checkpoint(self) -> Checkpoint:
        """Return what it takes to come back to this moment: what is not zero, a few MiB in a guest of a GiB."""
        return Checkpoint.of(self.domain, self.row, self._log, self._identity)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Be again as at a checkpoint of this machine, exactly. Only outcomes of later events, once known, are kept.

        Raises
        ------
        UsageError
            If the checkpoint is of another machine: another guest, or another configuration.
        """
        if checkpoint.machine != self._identity:
            raise UsageError(f"this checkpoint is of another machine than {self.preset.name} on {self.trace.name}")
        self.domain = checkpoint.domain()
        self.row = checkpoint.row
        self._log = list(checkpoint.log)

    def audit(self) -> list[Violation]:
        """Check the invariants (`oosbench.shadow.audit`), and return those that do not hold: none is right.

        It changes nothing. I12, which holds right after a CR3 load alone, is for `run_audited`.
        """
        replay.audit(self.domain, self._auditor, replay.NOBODY)
        return violations(self._auditor)

    def run_audited(self, stop: int | None = None) -> list[Violation]:
        """Replay the rest of the trace, and check the invariants after every event.

        An audit looks at all shadows and at all frames: tens of microseconds in a guest of some hundred frames,
        milliseconds in one of a GiB.

        Parameters
        ----------
        stop : int, optional
            Replay up to this row only, without it.

        Returns
        -------
        list of Violation
            Those after the first event that had some, where the replay ends (``machine.row`` is behind it). Empty
            if it came to its end.

        Raises
        ------
        Crash
            If the original would have crashed.
        """
        total = self._end(stop)
        while self.row < total:
            self._replay(total, self._auditor)
            if self._auditor.count[0]:
                return violations(self._auditor)
        return []

    def deltas(self, progress: Callable[[int, int], None] | None = None) -> Iterator[str]:
        """Replay the rest event by event, and yield for each the counters that it moved.

        A line is that of the trace, the outcome, and ``name+difference`` for each counter.
        """
        order = [ctr.NAMES.index(name) for name in (*ctr.ORACLE, *ctr.PERFC)]
        while self.row < len(self.trace.events):
            before = self.domain.counters.copy()
            row = self.row
            self._replay(row + 1)
            if progress is not None and row % CHUNK == 0:
                progress(row, len(self.trace.events))
            event = self.trace.events[row]
            if event.op != POKE:
                moved = self.domain.counters - before
                outcome = replay.OUTCOMES[self.outcomes.outcome[row]] if len(self.outcomes) else ""
                told = [f"{ctr.NAMES[i]}{moved[i]:+d}" for i in order if moved[i]]
                yield " ".join([str(event.line), *([outcome] if outcome else []), *told])

    def result(self) -> Result:
        """Return what was counted and logged so far."""
        log = np.concatenate([np.zeros(0, RESYNC), *self._log, self._pending_log()]).view(np.recarray)
        counters = pd.Series(self.domain.counters.copy(), index=list(ctr.NAMES), name=self.preset.name)
        return Result(
            trace=self.trace,
            preset=self.preset,
            counters=counters,
            oos_active=bool(self.domain.state[0].oos_active),
            outcomes=self.outcomes,
            log=log,
        )

    def dump(self) -> Iterator[str]:
        """Yield the lines that describe all tables as they are."""
        return dump(self.domain)

    @cached_property
    def _identity(self) -> Hashable:
        return self.trace.digest, *axes(self.preset).values()

    def _end(self, stop: int | None) -> int:
        """Return the row to stop at: no row that is not there."""
        total = len(self.trace.events)
        return total if stop is None else min(operator.index(stop), total)

    def _replay(self, stop: int, auditor: Auditor | None = None) -> None:
        """Replay up to a row, emptying the log of content passes as it fills; with an auditor, up to what it finds."""
        if not 0 <= operator.index(self.row) <= len(self.trace.events):  # compiled code looks at no bounds
            raise UsageError(f"row is {self.row}, must be 0 to {len(self.trace.events)}")
        while self.row < stop:
            try:
                if auditor is None:
                    self.row = replay.run(self.domain, self._rows, self.row, stop)
                else:
                    self.row = replay.run_audited(self.domain, auditor, self._rows, self.row, stop)
            except Crash as crash:
                raise self._explain(crash) from None
            except PolicyFailed:
                raise self.preset.policy.failed() from None
            if auditor is not None and auditor.count[0]:
                return
            if self.row < stop:
                self._log.append(self._pending_log())
                self.domain.state[0].resyncs = 0

    def _pending_log(self) -> np.ndarray:
        return np.array(self.domain.resyncs[: self.domain.state[0].resyncs if self._keep_resyncs else 0])

    def _explain(self, crash: Crash) -> Crash:
        """Return the crash with its place, and what can be done about it."""
        self.row = int(self.domain.state[0].event)
        self.domain.counters[ctr.domain_crash] += 1
        if len(self.outcomes):
            self.outcomes[self.row].outcome = replay.DEAD
        event = self.trace.events[self.row]
        pool = self.domain.config[0].pool_pages
        why = {
            PoolDry: f"the shadow pool of {pool} pages ran dry; raise shadow_pages, the last number of MODE",
            NotInSlots: "a page is out of sync and in no slot",
            DomainCrash: str(crash),
        }[type(crash)]
        told = f"{self.trace.name}, line {event.line} ({OPS[event.op]}), preset {self.preset.name}: {why}"
        return type(crash)(f"{told} (the original would have crashed here)")

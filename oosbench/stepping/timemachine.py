"""`TimeMachine`: a machine that goes forward and back, event by event or to the next one of a kind.

Going back is exact: the nearest checkpoint before, and a replay from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from ..machine import Cancelled, Machine
from ..presets import DEFAULT, Preset
from ..shadow import counters as ctr
from ..shadow.crash import Crash
from ..shadow.state import INVALID, Domain
from ..traces import Trace
from ..traces.events import POKE
from .guest_l1 import GuestL1
from .moment import Moment, observe

#: What `TimeMachine.next` knows by another name than that of its counter.
KINDS = {
    "fault": "shadow_fault",
    "unsync": "shadow_unsync",
    "resync": "shadow_resync",
    "eviction": "shadow_unsync_evict",
}
EVERY = 65536  # rows between two checkpoints: a fortieth of a second of replay
MOST = 32  # checkpoints, of a few MiB each; beyond that every other one goes
_BY_ONE = 64  # events that are looked at one by one rather than cut in half


class TimeMachine:
    """A machine at any moment of a trace.

    Parameters
    ----------
    trace : Trace
    preset : str or Preset

    Attributes
    ----------
    machine : Machine
        As it is after event `event`.
    events : int
        Events there are; if the original crashes, those up to the one it dies of.
    moment : Moment
        What the last event did.

    Raises
    ------
    TraceError, PresetError, MemoryError
        As `Machine`.

    Examples
    --------
    >>> from oosbench import open_trace
    >>> time = TimeMachine(open_trace("sqlite"))
    >>> time.next("resync").number
    1266
    >>> time.back(1).number
    1265
    """

    def __init__(self, trace: Trace, preset: str | Preset = DEFAULT) -> None:
        self.machine = Machine(trace, preset)
        self._rows = np.flatnonzero(trace.events.op != POKE)
        self.events = len(self._rows)
        self.moment = Moment(0)
        self._every = EVERY
        self._checkpoints = [self.machine.checkpoint()]
        self._dead = False
        self._run(self._begin())

    @property
    def event(self) -> int:
        """How many events are done. After none, the guest's memory is as the first event finds it."""
        return self.moment.number

    @property
    def domain(self) -> Domain:
        """The whole state."""
        return self.machine.domain

    def number(self, row: int) -> int:
        """Return the number of the event in a row of the trace."""
        return int(np.searchsorted(self._rows, row)) + 1

    # --- going ------------------------------------------------------------------------------------------------

    def forward(self, n: int = 1) -> Moment:
        """Go `n` events on, or to the last one."""
        return self.goto(self.event + n)

    def back(self, n: int = 1) -> Moment:
        """Go `n` events back, or before the first one."""
        return self.goto(self.event - n)

    def goto(self, event: int, cancelled: Callable[[], bool] | None = None) -> Moment:
        """Go to the moment after an event, counted from 1; 0 is before the first.

        Parameters
        ----------
        event : int
            One that does not exist stands for the nearest that does.
        cancelled : callable, optional
            Asked now and then whether to stop.

        Raises
        ------
        Cancelled
            If it was to stop; it is where it was before.
        """
        event = max(0, min(event, self.events))
        if event != self.event:
            with self._or_as_before():
                self._goto(event, cancelled)
        return self.moment

    def next(
        self,
        kind: str,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Moment | None:
        """Go to the next event that moves a counter.

        Parameters
        ----------
        kind : str
            "fault", "unsync", "resync", "eviction", or the name of a counter.
        cancelled : callable, optional
            Asked now and then whether to stop.
        progress : callable, optional
            Called now and then with the events done and the events there are.

        Returns
        -------
        Moment or None
            None if there is none until the end; it stays where it was.

        Raises
        ------
        ValueError
            If there is no such counter.
        Cancelled
            If it was to stop; it is where it was before.
        """
        name = KINDS.get(kind, kind)
        if name not in ctr.NAMES:
            raise ValueError(f"{kind!r} is no counter; it may also be {', '.join(KINDS)}")
        with self._or_as_before():
            found = self._find(ctr.NAMES.index(name), cancelled, progress)
            self._goto(found or self.event)
        return self.moment if found else None

    @contextmanager
    def _or_as_before(self) -> Iterator[None]:
        """Go back to where it was if the block is cancelled."""
        here = self.event
        try:
            yield
        except Cancelled:
            self._goto(here)
            raise

    def _find(self, counter: int, cancelled, progress) -> int:
        """Return the next event that moves a counter, 0 if there is none. The machine is anywhere then."""
        known, reach = self.event, 1
        count = self.domain.counters[counter]
        while known < self.events:
            ahead = min(known + reach, self.events)
            self._finish(ahead, cancelled)
            if self.domain.counters[counter] != count:
                return self._narrow(counter, count, known, min(ahead, self.events))
            known, reach = ahead, min(2 * reach, EVERY)
            if progress is not None:
                progress(known, self.events)
        return 0

    def _narrow(self, counter: int, count: int, before: int, after: int) -> int:
        """Return the event that moves a counter away from `count`: one behind `before`, `after` at the latest."""
        while after - before > _BY_ONE:
            middle = (before + after) // 2
            self._finish(middle)
            if self.domain.counters[counter] == count:
                before = middle
            else:
                after = middle
        for event in range(before + 1, after):
            self._finish(event)
            if self.domain.counters[counter] != count:
                return event
        return after

    def _goto(self, event: int, cancelled: Callable[[], bool] | None = None) -> None:
        if event == 0:
            self._run(self._begin(), cancelled)
            self.moment = Moment(0)
            return
        self._run(int(self._rows[event - 1]), cancelled)
        if event <= self.events:
            self._do(event)
        else:  # it died on the way
            self._goto(self.events)

    def focus(self) -> tuple[GuestL1, int] | None:
        """Return the L1 table that the last event is about, as it is now, and the entry in it (-1: none of them).

        That is the table it stored to, else the one that translates its address, else the one brought back into sync
        with the most changes. None if it is about no table.
        """
        moment, d = self.moment, self.domain
        if moment.at.superpage != INVALID and moment.written == INVALID:
            shown = GuestL1.of_superpage(d, moment.at.superpage, moment.levels)
            return None if shown.shadow is None else (shown, moment.at.index)
        gmfn, index = moment.table
        return None if gmfn == INVALID else (GuestL1.of(d, gmfn), index)

    # --- the machine ------------------------------------------------------------------------------------------

    def _begin(self) -> int:
        """Return the row of the first event: all that comes before is the guest's memory."""
        return int(self._rows[0]) if len(self._rows) else len(self.machine.trace.events)

    def _finish(self, event: int, cancelled: Callable[[], bool] | None = None) -> None:
        """Be behind an event, without a look at what it does."""
        self._run(int(self._rows[event - 1]) + 1, cancelled)

    def _run(self, row: int, cancelled: Callable[[], bool] | None = None) -> None:
        """Be at a row of the trace, from the nearest checkpoint or from where it is."""
        machine = self.machine
        nearest = [point for point in self._checkpoints if point.row <= row][-1]
        if machine.row > row or self._dead or nearest.row > machine.row:
            machine.restore(nearest)
            self._dead = False
        while machine.row < row:
            if cancelled is not None and cancelled():
                raise Cancelled
            ahead = (machine.row // self._every + 1) * self._every
            try:
                machine.advance(min(row, ahead))
            except Crash:
                self._dead = True
                self.events = self.number(machine.row)
                return
            if machine.row == ahead and ahead > self._checkpoints[-1].row:
                self._keep()

    def _keep(self) -> None:
        """Take a checkpoint. When there are many, keep those twice as far apart."""
        self._checkpoints.append(self.machine.checkpoint())
        if len(self._checkpoints) > MOST:
            self._every *= 2
            self._checkpoints = [point for point in self._checkpoints if point.row % self._every == 0]

    def _do(self, number: int) -> None:
        """Do one event, and look what it did."""
        row = int(self._rows[number - 1])
        pokes = row - (int(self._rows[number - 2]) + 1 if number > 1 else self._begin())
        self.moment = observe(self.machine, row, number, pokes)
        if self.moment.crash:
            self._dead, self.events = True, number

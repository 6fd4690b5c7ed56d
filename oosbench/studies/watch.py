"""`watch`: a machine with the architectural oracle beside it, and its own invariants checked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from ..machine import Machine, Result, Violation
from ..machine.machine import CHUNK
from ..oracle import Finding, Oracle
from ..presets import DEFAULT, Preset
from ..shadow.crash import Crash
from ..shadow.replay import OUTCOMES
from ..traces import Trace


@dataclass(frozen=True, eq=False)
class Watched:
    """What a watched run gave.

    Attributes
    ----------
    result : Result
        What the machine made of the trace, or of the part before the end.
    findings : list of Finding
        What the oracle found, in the order of the trace.
    crash : Crash or None
        What ended the run before the trace did.
    violations : list of (int, Violation)
        Invariants that did not hold after an event, each with the line of the trace; empty if they were not checked.
    """

    result: Result
    findings: list[Finding]
    crash: Crash | None = None
    violations: list[tuple[int, Violation]] = field(default_factory=list)


def watch(
    trace: Trace,
    preset: str | Preset = DEFAULT,
    *,
    audits: bool = False,
    progress: Callable[[int, int], None] | None = None,
    stop_at_first: bool = False,
) -> Watched:
    """Replay a trace, and judge what the guest sees after every row.

    Parameters
    ----------
    trace : Trace
    preset : str or Preset
    audits : bool
        Whether to check the machine's invariants too, after every event (see `Machine.run_audited` for what it costs).
    progress : callable, optional
        Called now and then with the rows done and the rows there are.
    stop_at_first : bool
        Whether to end with the first row that gives a finding or a violation.

    Raises
    ------
    TraceError
        If the trace says something impossible.
    PresetError
        If there is no such preset.
    """
    machine = Machine(trace, preset)
    oracle = Oracle(trace)
    findings: list[Finding] = []
    broken: list[tuple[int, Violation]] = []
    crash = None
    memory = machine.domain.memory
    outcome, place, value = (machine.outcomes[name].item for name in ("outcome", "place", "value"))
    row, total = 0, len(trace.events)
    while row < total and crash is None and not (stop_at_first and (findings or broken)):
        try:
            if audits:
                line = int(trace.events.line[row])
                broken += [(line, violation) for violation in machine.run_audited(row + 1)]
            else:
                with suppress(StopIteration):  # only POKEs were left
                    machine.step()
        except Crash as ended:
            crash = ended
        for done in range(row, machine.row):
            findings += oracle.observe(done, OUTCOMES[outcome(done)], place(done), value(done), memory)
        if progress is not None and machine.row // CHUNK > row // CHUNK:
            progress(machine.row, total)
        row = machine.row
    if row == total:
        findings += oracle.finish(memory)
    return Watched(machine.result(), findings, crash, broken)

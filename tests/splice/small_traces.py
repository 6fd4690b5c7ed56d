"""Traces of a few lines, and what the machine that has every correction makes of a trace."""

from __future__ import annotations

import numpy as np

from oosbench import Machine, Trace


def outcomes(trace: Trace) -> np.recarray:
    """Return the outcome of each row."""
    machine = Machine(trace, "oos-fixed")
    machine.run()
    return machine.outcomes.copy()


def small(levels: int, text: str, pages: int = 1500, name: str = "b") -> Trace:
    """Return a trace of these lines."""
    return Trace.from_text(f"MODE {levels} 1 {pages} 0\n{text}", name)

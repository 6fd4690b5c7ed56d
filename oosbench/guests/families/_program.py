"""What programs of several families have in common."""

from __future__ import annotations

from ..._jit import jit
from ..processes import spawn
from ..regions import map_region
from ..state import ANON, NONE


@jit
def twin_of(g, k):
    """Return the number of an earlier program of the same family, whose file it shares; NONE for the first."""
    for j in range(k):
        if g.programs[j].family == g.programs[k].family:
            return j
    return NONE


@jit
def start_with_memory(g, k, pages):
    """Start a program that is one process with so much memory."""
    program = g.programs[k]
    program.process = spawn(g, program.vcpu)
    program.heap = map_region(g, program.process, ANON, pages, True, NONE)


@jit
def start_two_with_memory(g, k, pages):
    """Start a program that is two processes with so much memory each."""
    start_with_memory(g, k, pages)
    program = g.programs[k]
    program.partner = spawn(g, program.vcpu)
    map_region(g, program.partner, ANON, pages, True, NONE)

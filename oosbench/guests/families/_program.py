"""What programs of several families have in common."""

from __future__ import annotations

from ...compiled import jit
from ..draws import draw_about, draw_below
from ..faults import touch_stretch
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
def touch_somewhere(g, v, process, i, access, median, spread):
    """Let a process access a stretch of a region: anywhere, and about so long."""
    first = draw_below(g, g.regions[process, i].pages)
    touch_stretch(g, v, process, i, first, draw_about(g, median, spread), access, 1)


@jit
def start_two_with_memory(g, k, pages):
    """Start a program that is two processes with so much memory each."""
    start_with_memory(g, k, pages)
    program = g.programs[k]
    program.partner = spawn(g, program.vcpu)
    map_region(g, program.partner, ANON, pages, True, NONE)

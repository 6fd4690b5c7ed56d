"""A program that maps and unmaps memory all the time: large mallocs, thread stacks, file reads by mmap.

Tables are filled, cleared and freed again, and their frames become tables somewhere else: the shadow MMU has to let
go of what a frame was, and slots and snapshots of tables that die are thrown away.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import chance, draw_about, draw_below
from ..faults import WRITE, touch
from ..options import Parameter
from ..processes import run, spawn
from ..regions import map_region, unmap
from ..state import ANON, NONE

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("regions", 8, 1, 20, "", "mapped at most at a time"),
    Parameter("size", 64.0, 1.0, 2048.0, "pages", "median size of a region"),
    Parameter("spread", 0.6, 0.0, 2.0, "", "of that size: 0 always the median, 1 heavy-tailed"),
    Parameter("touched", 0.7, 0.01, 1.0, "", "of its pages that are written"),
)
_REGIONS, _SIZE, _SPREAD, _TOUCHED = range(4)
_LARGEST = 4096


@jit
def start(g, k):
    g.programs[k].process = spawn(g, g.programs[k].vcpu)


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    i = draw_below(g, int(p[_REGIONS]))
    if g.regions[program.process, i].kind:
        unmap(g, v, program.process, i)
        return
    pages = min(draw_about(g, p[_SIZE], p[_SPREAD]), _LARGEST)
    region = g.regions[program.process, map_region(g, program.process, ANON, pages, True, NONE)]
    for page in range(pages):
        if chance(g, p[_TOUCHED]):
            touch(g, v, region.start + page, WRITE, 1)

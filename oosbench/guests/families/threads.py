"""Threads of one process on several processors: a database, a browser, a Java server.

All vCPUs run on the same tables. Whoever unmaps or protects memory interrupts the others, so that they flush too (a TLB
shootdown), and a table out of sync is everybody's: its resync must reach the shadows that all of them use.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import chance, draw_below
from ..faults import READ, WRITE
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import run, switch
from ..regions import discard, protect
from ..state import NONE
from ._program import start_with_memory, touch_somewhere

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("heap", 2048, 16, MAX_PAGES, "pages", "that all threads share"),
    Parameter("run", 4.0, 1.0, 512.0, "pages", "median length of a stretch that a thread touches in a row"),
    Parameter("spread", 0.6, 0.0, 2.0, "", "of that length: 0 always the median, 1 heavy-tailed"),
    Parameter("writes", 0.7, 0.0, 1.0, "", "of stretches that write"),
    Parameter("discards", 0.05, 0.0, 1.0, "", "chance after a stretch that pages are given back, with a shootdown"),
    Parameter(
        "protects", 0.02, 0.0, 1.0, "", "chance after a stretch that pages are write-protected, with a shootdown"
    ),
    Parameter("pause", 0.02, 0.0, 1.0, "", "chance after a stretch that the vCPU idles until its next turn"),
)
_HEAP, _RUN, _SPREAD, _WRITES, _DISCARDS, _PROTECTS, _PAUSE = range(7)
_STRETCH = 32


@jit
def start(g, k):
    program = g.programs[k]
    if k > 0:
        program.process, program.heap = g.programs[0].process, g.programs[0].heap
        return
    start_with_memory(g, k, int(g.parameters[k, _HEAP]))


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    heap = g.regions[program.process, program.heap]
    access = WRITE if chance(g, p[_WRITES]) else READ
    touch_somewhere(g, v, program.process, program.heap, access, p[_RUN], p[_SPREAD])
    if chance(g, p[_DISCARDS]):
        first = draw_below(g, heap.pages)
        discard(g, v, program.process, program.heap, first, min(_STRETCH, heap.pages - first))
    if chance(g, p[_PROTECTS]):
        first = draw_below(g, heap.pages)
        protect(g, v, program.process, program.heap, first, min(_STRETCH, heap.pages - first), False)
    if chance(g, p[_PAUSE]):
        switch(g, v, NONE)

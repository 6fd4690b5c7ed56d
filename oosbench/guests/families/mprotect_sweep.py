"""A garbage collector that finds out what the program writes by taking the right to write away.

It sweeps over its heap with mprotect, a thousand entries in a row; each page written afterwards faults, and its one
entry is changed back. Resyncs see both extremes: tables with all entries dirty, none of them used, and tables with a
few.
"""

from __future__ import annotations

from ...compiled import jit
from ..faults import WRITE
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import run
from ..regions import protect
from ._program import start_with_memory, touch_somewhere

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("heap", 2048, 16, MAX_PAGES, "pages", "of the heap"),
    Parameter("sweep", 512, 1, MAX_PAGES, "pages", "that are protected in one call"),
    Parameter("writes", 24, 1, 1024, "stretches", "that the program writes between two calls"),
    Parameter("run", 2.0, 1.0, 512.0, "pages", "median length of a stretch"),
    Parameter("spread", 0.5, 0.0, 2.0, "", "of that length: 0 always the median, 1 heavy-tailed"),
)
_HEAP, _SWEEP, _WRITES, _RUN, _SPREAD = range(5)


@jit
def start(g, k):
    start_with_memory(g, k, int(g.parameters[k, _HEAP]))


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    heap = g.regions[program.process, program.heap]
    for _ in range(int(p[_WRITES])):
        touch_somewhere(g, v, program.process, program.heap, WRITE, p[_RUN], p[_SPREAD])
    pages = min(int(p[_SWEEP]), heap.pages - program.cursor)
    protect(g, v, program.process, program.heap, program.cursor, pages, False)
    program.cursor = (program.cursor + pages) % heap.pages

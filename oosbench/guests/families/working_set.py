"""Windows' way: page tables written through a recursive self-map, pages of zeros on demand, working sets trimmed.

An entry of the root points to the root, so every table also appears as a page of memory, and a table of level 2 as
one of level 1: such tables may not go out of sync. Trimming makes entries invalid whose pages are still there; when
the program comes back, a fault makes them valid again, entry by entry.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import chance
from ..faults import READ, WRITE
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import run
from ..regions import trim
from ._program import start_with_memory, touch_somewhere

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("memory", 1024, 16, MAX_PAGES, "pages", "of the program"),
    Parameter("run", 4.0, 1.0, 512.0, "pages", "median length of a stretch that it touches in a row"),
    Parameter("spread", 0.5, 0.0, 2.0, "", "of that length: 0 always the median, 1 heavy-tailed"),
    Parameter("writes", 0.7, 0.0, 1.0, "", "of stretches that write"),
    Parameter("trims", 0.05, 0.0, 1.0, "", "chance after a stretch that part of the working set is trimmed"),
    Parameter("trimmed", 64, 1, MAX_PAGES, "pages", "at a time"),
)
_MEMORY, _RUN, _SPREAD, _WRITES, _TRIMS, _TRIMMED = range(6)


@jit
def start(g, k):
    start_with_memory(g, k, int(g.parameters[k, _MEMORY]))


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    memory = g.regions[program.process, program.heap]
    access = WRITE if chance(g, p[_WRITES]) else READ
    touch_somewhere(g, v, program.process, program.heap, access, p[_RUN], p[_SPREAD])
    if chance(g, p[_TRIMS]):
        pages = min(int(p[_TRIMMED]), memory.pages - program.cursor)
        trim(g, v, program.process, program.heap, program.cursor, pages)
        program.cursor = (program.cursor + pages) % memory.pages

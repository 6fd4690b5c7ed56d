"""A 32-bit system with more memory than it can map at once: page tables in high memory, seen through windows.

To write an entry the kernel first maps the table at a fixed address (Linux: CONFIG_HIGHPTE, kmap_atomic): a store to
the window's own entry and an INVLPG. The window's table is written more often than any other, and a table that was
written through it is left mapped writable there.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import chance, draw_below
from ..faults import WRITE
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import run
from ..regions import discard
from ._program import start_two_with_memory, touch_somewhere

LEVELS = (2, 3)
PARAMETERS = (
    Parameter("memory", 2048, 16, MAX_PAGES, "pages", "of each program"),
    Parameter("run", 3.0, 1.0, 512.0, "pages", "median length of a stretch that is written in a row"),
    Parameter("spread", 0.5, 0.0, 2.0, "", "of that length: 0 always the median, 1 heavy-tailed"),
    Parameter("discards", 0.05, 0.0, 1.0, "", "chance after a stretch that pages are given back"),
    Parameter("switches", 0.2, 0.0, 1.0, "", "chance after a stretch that the other program goes on"),
)
_MEMORY, _RUN, _SPREAD, _DISCARDS, _SWITCHES = range(5)
_DISCARDED = 64


@jit
def start(g, k):
    start_two_with_memory(g, k, int(g.parameters[k, _MEMORY]))


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    process = program.process if program.phase == 0 else program.partner
    run(g, v, process)
    memory = g.regions[process, program.heap]
    touch_somewhere(g, v, process, program.heap, WRITE, p[_RUN], p[_SPREAD])
    if chance(g, p[_DISCARDS]):
        first = draw_below(g, memory.pages)
        discard(g, v, process, program.heap, first, min(_DISCARDED, memory.pages - first))
    if chance(g, p[_SWITCHES]):
        program.phase = 1 - program.phase

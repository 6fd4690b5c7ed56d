"""A program that fills its heap and reads files, page by page as it touches them.

Every system with virtual memory does this, and in most workloads nothing else writes more entries. An interpreter or a
compiler grows its heap in long stretches of adjacent pages, so that one table gets hundreds of entries in one or two
runs. Each entry is used the moment it is written, and the fault that this takes brings the shadow up to date; only
what a fault in a file maps *around* the page (Linux: 16 pages at a time) is still news at the resync.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import chance, draw_about, draw_below
from ..faults import FETCH, READ, WRITE, touch, touch_stretch
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import execute, run, spawn, switch
from ..regions import discard, map_region, new_file, unmap
from ..state import ANON, FILE, NONE
from ._program import twin_of

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("heap", 4096, 16, MAX_PAGES, "pages", "size at which the heap is thrown away and begun anew"),
    Parameter("file", 512, 16, MAX_PAGES, "pages", "of program and libraries, mapped from files"),
    Parameter("file_share", 0.2, 0.0, 1.0, "", "of stretches that are in files"),
    Parameter("run", 6.0, 1.0, 512.0, "pages", "median length of a stretch that is touched in a row"),
    Parameter("spread", 0.6, 0.0, 2.0, "", "of that length: 0 always the median, 1 heavy-tailed"),
    Parameter("sequential", 0.8, 0.0, 1.0, "", "chance that a stretch begins where the last one ended"),
    Parameter("reads", 0.1, 0.0, 1.0, "", "chance that a page of the heap is read before it is written"),
    Parameter("reuse", 2, 0, 64, "pages", "touched again after each stretch"),
    Parameter("around", 16, 1, 64, "pages", "of a file that one fault maps"),
    Parameter("frees", 0.02, 0.0, 1.0, "", "chance after each stretch that part of the heap is given back"),
    Parameter("freed", 32.0, 1.0, 2048.0, "pages", "median length of that part"),
    Parameter("ends", 0.002, 0.0, 0.2, "", "chance after each stretch that the program ends and another begins"),
    Parameter("pause", 0.02, 0.0, 1.0, "", "chance after each stretch that something else runs for a while"),
)
_HEAP, _FILE, _FILE_SHARE, _RUN, _SPREAD, _SEQUENTIAL, _READS, _REUSE, _AROUND, _FREES, _FREED, _ENDS, _PAUSE = range(
    13
)


@jit
def start(g, k):
    program = g.programs[k]
    twin = twin_of(g, k)
    pages = int(g.parameters[k, _FILE])
    program.cached = new_file(g, program.vcpu, pages) if twin == NONE else g.programs[twin].cached
    _begin(g, k, spawn(g, program.vcpu))


@jit
def _begin(g, k, process):
    program = g.programs[k]
    p = g.parameters[k]
    program.process, program.cursor = process, 0
    program.heap = map_region(g, process, ANON, int(p[_HEAP]), True, NONE)
    program.file = map_region(g, process, FILE, int(p[_FILE]), False, program.cached)


@jit
def touch_file(g, v, process, i, pages, around):
    """Run code, or read data, in a stretch of a file."""
    first = draw_below(g, g.regions[process, i].pages)
    access = FETCH if chance(g, 0.5) else READ
    touch_stretch(g, v, process, i, first, pages, access, around)


@jit
def grow(g, k, pages, sequential, reads):
    """Write a stretch of the heap: new pages mostly; and read some of them first."""
    program = g.programs[k]
    v = program.vcpu
    heap = g.regions[program.process, program.heap]
    first = program.cursor if chance(g, sequential) else draw_below(g, heap.pages)
    last = min(first + pages, heap.pages)
    for page in range(first, last):
        if reads > 0 and chance(g, reads):
            touch(g, v, heap.start + page, READ, 1)
        touch(g, v, heap.start + page, WRITE, 1)
    program.cursor = last


@jit
def revisit(g, k, pages):
    """Touch pages of the heap again, most of those that were written lately."""
    program = g.programs[k]
    heap = g.regions[program.process, program.heap]
    for _ in range(pages):
        back = draw_about(g, 16.0, 0.8)
        if back <= program.cursor:
            touch(g, program.vcpu, heap.start + program.cursor - back, WRITE if chance(g, 0.5) else READ, 1)


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    pages = draw_about(g, p[_RUN], p[_SPREAD])
    if chance(g, p[_FILE_SHARE]):
        touch_file(g, v, program.process, program.file, pages, int(p[_AROUND]))
    else:
        grow(g, k, pages, p[_SEQUENTIAL], p[_READS])
    revisit(g, k, int(p[_REUSE]))
    if chance(g, p[_FREES]):
        heap = g.regions[program.process, program.heap]
        first = draw_below(g, heap.pages)
        discard(
            g, v, program.process, program.heap, first, min(draw_about(g, p[_FREED], p[_SPREAD]), heap.pages - first)
        )
    if program.cursor == g.regions[program.process, program.heap].pages:
        unmap(g, v, program.process, program.heap)
        program.heap = map_region(g, program.process, ANON, int(p[_HEAP]), True, NONE)
        program.cursor = 0
    if chance(g, p[_ENDS]):
        _begin(g, k, execute(g, v))
    if chance(g, p[_PAUSE]):
        switch(g, v, NONE)

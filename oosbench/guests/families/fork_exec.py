"""A shell, or make, that starts one program after the other: fork, exec, some work, exit.

Fork write-protects the parent's entries one by one and fills the child's new tables; the first writes of both copy
pages; exec and exit clear entries and free tables. Many tables so die before anybody resyncs them, and what the
snapshot cost for them is lost.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import chance, draw_about, draw_below
from ..faults import FETCH, READ, WRITE, touch, touch_stretch
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import end, execute, fork, run, spawn, switch
from ..regions import map_region, new_file
from ..state import ANON, FILE, NONE
from ._program import twin_of

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("shell", 64, 1, 2048, "pages", "that the parent has written, and fork has to share"),
    Parameter("rewrites", 12, 0, 512, "pages", "of them that it writes between two forks"),
    Parameter("child_writes", 8, 0, 512, "pages", "that the child writes before it calls exec"),
    Parameter("text", 256, 16, MAX_PAGES, "pages", "of the program that is started, a file"),
    Parameter("code", 20, 0, 512, "stretches", "of it that run"),
    Parameter("heap", 40, 1, MAX_PAGES, "pages", "that it writes"),
    Parameter("run", 4.0, 1.0, 512.0, "pages", "median length of a stretch of them"),
    Parameter("spread", 0.6, 0.0, 2.0, "", "of that length: 0 always the median, 1 heavy-tailed"),
    Parameter("scatter", 1.5, 1.0, 8.0, "", "size of the heap's address range, in multiples of what is written"),
    Parameter("around", 16, 1, 64, "pages", "of a file that one fault maps"),
    Parameter("pause", 0.02, 0.0, 1.0, "", "chance after each stretch that something else runs for a while"),
)
_SHELL, _REWRITES, _CHILD_WRITES, _TEXT, _CODE, _HEAP, _RUN, _SPREAD, _SCATTER, _AROUND, _PAUSE = range(11)
_DATA, _STACK = 16, 32  # pages
_OF_TEXT, _OF_DATA, _OF_HEAP, _OF_STACK = range(4)  # regions


@jit
def start(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    program.process = spawn(g, v)
    twin = twin_of(g, k)
    if twin == NONE:
        program.cached, program.cached_data = new_file(g, v, int(p[_TEXT])), new_file(g, v, _DATA)
    else:
        program.cached, program.cached_data = g.programs[twin].cached, g.programs[twin].cached_data
    _map_program(g, k, program.process, int(p[_SHELL]))
    run(g, v, program.process)
    for page in range(int(p[_SHELL])):
        touch(g, v, g.regions[program.process, _OF_HEAP].start + page, WRITE, 1)


@jit
def _map_program(g, k, process, heap):
    """Map what every program has, in this order: code, data, heap, stack."""
    program = g.programs[k]
    map_region(g, process, FILE, int(g.parameters[k, _TEXT]), False, program.cached)
    map_region(g, process, FILE, _DATA, True, program.cached_data)
    map_region(g, process, ANON, heap, True, NONE)
    map_region(g, process, ANON, _STACK, True, NONE)


@jit
def _write_some(g, v, process, pages):
    """Write to the stack, to data and to some pages of the heap."""
    touch(g, v, g.regions[process, _OF_STACK].start + _STACK - 1, WRITE, 1)
    touch(g, v, g.regions[process, _OF_DATA].start + draw_below(g, 4), WRITE, 1)
    heap = g.regions[process, _OF_HEAP]
    for _ in range(pages):
        touch(g, v, heap.start + draw_below(g, heap.pages), WRITE, 1)


@jit
def _work(g, k, process):
    """Run the program: its code, its data, its heap."""
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    around = int(p[_AROUND])
    pages = int(p[_HEAP])
    _map_program(g, k, process, min(MAX_PAGES, int(pages * p[_SCATTER])))
    text, heap = g.regions[process, _OF_TEXT], g.regions[process, _OF_HEAP]
    stack, data = g.regions[process, _OF_STACK], g.regions[process, _OF_DATA]
    for page in range(3):
        touch(g, v, stack.start + _STACK - 1 - page, WRITE, 1)
    for page in range(4):
        touch(g, v, data.start + 3 * page, WRITE, around)
    code, written = int(p[_CODE]), 0
    while code > 0 or written < pages:
        if code > 0:
            code -= 1
            first = draw_below(g, text.pages)
            touch_stretch(g, v, process, _OF_TEXT, first, draw_about(g, 2.0, 0.4), FETCH, around)
        if written < pages:
            stretch = min(draw_about(g, p[_RUN], p[_SPREAD]), pages - written)
            first = draw_below(g, heap.pages)
            touch_stretch(g, v, process, _OF_HEAP, first, stretch, WRITE, 1)
            written += stretch
        touch(g, v, stack.start + _STACK - 1, READ, 1)
        if chance(g, p[_PAUSE]):
            switch(g, v, NONE)
            run(g, v, process)


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    _write_some(g, v, program.process, int(p[_REWRITES]))
    child = fork(g, v, program.process)
    _write_some(g, v, program.process, 2)
    run(g, v, child)
    _write_some(g, v, child, int(p[_CHILD_WRITES]))
    process = execute(g, v)
    _work(g, k, process)
    end(g, v, process)

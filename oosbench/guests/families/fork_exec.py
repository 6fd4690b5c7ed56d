"""A shell, or make, that starts one program after the other: fork, exec, some work, exit.

Fork write-protects the parent's entries one by one and fills the child's new tables; the first writes of both copy
pages; exec and exit clear entries and free tables. Many tables so die before anybody resyncs them, and what the
snapshot cost for them is lost.
"""

from __future__ import annotations

from ..._jit import jit
from ..faults import FETCH, READ, WRITE, touch
from ..frames import chance, draw_about, draw_below
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import end, execute, fork, run, spawn, switch
from ..regions import map_region, new_file
from ..state import ANON, FILE, NONE

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("shell", 64, 1, 2048, "pages", "that the parent has written, and fork has to share"),
    Parameter("rewrites", 12, 0, 512, "pages", "of them that it writes between two forks"),
    Parameter("child_writes", 8, 0, 512, "pages", "that the child writes before it calls exec"),
    Parameter("text", 256, 16, MAX_PAGES, "pages", "of the program that is started, a file"),
    Parameter("code", 20, 0, 4096, "stretches", "of it that run"),
    Parameter("heap", 40, 1, MAX_PAGES, "pages", "that it writes"),
    Parameter("run", 4.0, 1.0, 512.0, "pages", "median length of a stretch of them"),
    Parameter("spread", 0.6, 0.0, 2.0, "", "of that length: 0 always the median, 1 heavy-tailed"),
    Parameter("scatter", 1.5, 1.0, 8.0, "", "size of the heap's address range, in multiples of what is written"),
    Parameter("around", 16, 1, 64, "pages", "of a file that one fault maps"),
    Parameter("pause", 0.02, 0.0, 1.0, "", "chance after each stretch that something else runs for a while"),
)


@jit
def start(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    program.process = spawn(g, v)
    program.heap = map_region(g, program.process, ANON, int(p[0]), True, NONE)
    program.file = new_file(g, v, int(p[3]))
    program.phase = new_file(g, v, 16)
    map_region(g, program.process, FILE, int(p[3]), False, program.file)
    run(g, v, program.process)
    for page in range(int(p[0])):
        touch(g, v, g.regions[program.process, program.heap].start + page, WRITE, 1)


@jit
def _write_some(g, v, process, i, pages):
    region = g.regions[process, i]
    for _ in range(pages):
        touch(g, v, region.start + draw_below(g, region.pages), WRITE, 1)


@jit
def _work(g, k, process):
    """Run the program: its code, its data, its heap."""
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    around = int(p[9])
    pages = int(p[5])
    text = g.regions[process, map_region(g, process, FILE, int(p[3]), False, program.file)]
    data = g.regions[process, map_region(g, process, FILE, 16, True, program.phase)]
    heap = g.regions[process, map_region(g, process, ANON, min(MAX_PAGES, int(pages * p[8])), True, NONE)]
    stack = g.regions[process, map_region(g, process, ANON, 32, True, NONE)]
    for page in range(3):
        touch(g, v, stack.start + 31 - page, WRITE, 1)
    for page in range(4):
        touch(g, v, data.start + 3 * page, WRITE, around)
    code, written = int(p[4]), 0
    while code > 0 or written < pages:
        if code > 0:
            code -= 1
            first = draw_below(g, text.pages)
            for page in range(first, min(first + draw_about(g, 2.0, 0.4), text.pages)):
                touch(g, v, text.start + page, FETCH, around)
        if written < pages:
            stretch = min(draw_about(g, p[6], p[7]), pages - written)
            first = draw_below(g, heap.pages)
            for page in range(first, min(first + stretch, heap.pages)):
                touch(g, v, heap.start + page, WRITE, 1)
            written += stretch
        touch(g, v, stack.start + 31, READ, 1)
        if chance(g, p[10]):
            switch(g, v, NONE)
            run(g, v, process)


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    _write_some(g, v, program.process, program.heap, int(p[1]))
    child = fork(g, v, program.process)
    _write_some(g, v, program.process, program.heap, 2)
    run(g, v, child)
    _write_some(g, v, child, program.heap, int(p[2]))
    process = execute(g, v)
    _work(g, k, process)
    end(g, v, process)

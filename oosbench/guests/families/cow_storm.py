"""A key-value store that forks to save its data, and goes on writing (Redis: BGSAVE).

For every page written after the fork an entry changes from read-only to another frame, all over the tables of the
data set, while the two processes and the clients take turns and flush at each. A table then has a few dirty entries far
apart, and the snapshot saves nearly everything.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import chance, draw_about, draw_below
from ..faults import READ, WRITE, touch, touch_stretch
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import end, fork, run, spawn
from ..regions import map_region, unmap
from ..state import ANON, NONE

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("data", 2048, 16, MAX_PAGES, "pages", "of the data set when it has grown"),
    Parameter("requests", 4, 1, 512, "", "that the server answers before it waits"),
    Parameter("writes", 0.3, 0.0, 1.0, "", "of requests that write"),
    Parameter("grows", 0.2, 0.0, 1.0, "", "chance a turn that the data grows, until it is as large as said"),
    Parameter("run", 4.0, 1.0, 512.0, "pages", "median length by which it grows"),
    Parameter("spread", 0.6, 0.0, 2.0, "", "of that length: 0 always the median, 1 heavy-tailed"),
    Parameter("hot", 0.5, 0.0, 1.0, "", "of requests that go to one page in sixteen"),
    Parameter("saves", 0.002, 0.0, 1.0, "", "chance a turn that a copy is forked, if none is at work"),
    Parameter("scan", 16, 1, 1024, "pages", "that the copy reads a turn"),
    Parameter("client", 1, 0, 64, "pages", "that the client touches a turn"),
    Parameter("fresh", 0.05, 0.0, 1.0, "", "chance a turn that the client needs a new page"),
    Parameter("flushes", 0.001, 0.0, 1.0, "", "chance a turn that a full data set is thrown away"),
)
_DATA, _REQUESTS, _WRITES, _GROWS, _RUN, _SPREAD, _HOT, _SAVES, _SCAN, _CLIENT, _FRESH, _FLUSHES = range(12)


@jit
def start(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    program.process, program.partner = spawn(g, v), spawn(g, v)
    program.heap = map_region(g, program.process, ANON, int(p[_DATA]), True, NONE)
    program.file = map_region(g, program.partner, ANON, 4096, True, NONE)  # the client's memory
    program.saver = NONE  # the copy that saves
    program.cursor = 1


@jit
def _serve(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    data = g.regions[program.process, program.heap]
    if chance(g, p[_GROWS]):
        pages = draw_about(g, p[_RUN], p[_SPREAD])
        program.cursor = touch_stretch(g, v, program.process, program.heap, program.cursor, pages, WRITE, 1)
    for _ in range(draw_about(g, p[_REQUESTS], 0.3)):
        page = draw_below(g, program.cursor)
        if chance(g, p[_HOT]):
            page -= page % 16
        touch(g, v, data.start + page, WRITE if chance(g, p[_WRITES]) else READ, 1)


@jit
def _save(g, k):
    """Let the copy read on; end it when it is through."""
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    data = g.regions[program.saver, program.heap]
    run(g, v, program.saver)
    for _ in range(int(p[_SCAN])):
        if program.count < program.cursor:
            touch(g, v, data.start + program.count, READ, 1)
            program.count += 1
    if program.count >= program.cursor:
        end(g, v, program.saver)
        program.saver = NONE


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    _serve(g, k)
    if program.saver == NONE and chance(g, p[_SAVES]):
        program.saver = fork(g, v, program.process)
        program.count = 0
    if program.saver != NONE:
        _save(g, k)
    run(g, v, program.partner)
    memory = g.regions[program.partner, program.file]
    for page in range(int(p[_CLIENT])):
        touch(g, v, memory.start + page, WRITE, 1)
    if (
        program.cursor == g.regions[program.process, program.heap].pages
        and program.saver == NONE
        and chance(g, p[_FLUSHES])
    ):
        unmap(g, v, program.process, program.heap)
        program.heap = map_region(g, program.process, ANON, int(p[_DATA]), True, NONE)
        program.cursor = 1
    if chance(g, p[_FRESH]):
        touch(g, v, memory.start + draw_below(g, memory.pages), WRITE, 1)

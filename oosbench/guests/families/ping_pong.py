"""Two processes that wait for each other: a pipe, a client and its server, a microkernel.

Every switch loads CR3, and with it flushes and resyncs, whether or not anything was written. Most tables that are out
of sync then come back with nothing dirty at all, and the comparison is the whole cost.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import chance, draw_below
from ..faults import READ, WRITE, touch
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import run
from ..regions import discard
from ._program import start_two_with_memory

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("memory", 1024, 16, MAX_PAGES, "pages", "of each process"),
    Parameter("touches", 6, 0, 512, "pages", "that a process touches before it waits"),
    Parameter("writes", 0.5, 0.0, 1.0, "", "of these that write"),
    Parameter("fresh", 1, 0, 64, "pages", "of these that are new"),
)
_MEMORY, _TOUCHES, _WRITES, _FRESH = range(4)


@jit
def start(g, k):
    start_two_with_memory(g, k, int(g.parameters[k, _MEMORY]))


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    process = program.process if program.phase == 0 else program.partner
    program.phase = 1 - program.phase
    run(g, v, process)
    memory = g.regions[process, program.heap]
    for _ in range(int(p[_FRESH])):
        touch(g, v, memory.start + program.cursor % memory.pages, WRITE, 1)
        program.cursor += 1
    for _ in range(int(p[_TOUCHES])):
        page = draw_below(g, min(program.cursor + 1, memory.pages))
        touch(g, v, memory.start + page, WRITE if chance(g, p[_WRITES]) else READ, 1)
    if program.cursor % memory.pages == 0 and p[_FRESH] > 0:
        discard(g, v, process, program.heap, 0, memory.pages)

"""A kernel that maps its own memory page by page: modules, large buffers, packet filters, eBPF (Linux: vmalloc).

Its tables are part of every address space and nearly always in use, so a table out of sync there concerns every vCPU;
and its entries are global: only INVLPG flushes them.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import draw_about, draw_below
from ..faults import WRITE, touch
from ..options import Parameter
from ..processes import run, spawn
from ..regions import map_region
from ..state import ANON, NONE
from ..vmalloc import vmalloc

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("size", 16.0, 1.0, 512.0, "pages", "median size of an area"),
    Parameter("spread", 0.6, 0.0, 2.0, "", "of that size: 0 always the median, 1 heavy-tailed"),
    Parameter("processes", 2, 1, 8, "", "that call the kernel in turn"),
    Parameter("touches", 8, 0, 512, "pages", "of its own that a process touches in between"),
)
_SIZE, _SPREAD, _PROCESSES, _TOUCHES = range(4)
_LARGEST = 2048
_MEMORY = 512


@jit
def start(g, k):
    program = g.programs[k]
    for i in range(int(g.parameters[k, _PROCESSES])):
        process = spawn(g, program.vcpu)
        program.heap = map_region(g, process, ANON, _MEMORY, True, NONE)
        if i == 0:
            program.process = process
        program.partner = process


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    process = program.process + draw_below(g, program.partner - program.process + 1)
    run(g, v, process)
    for _ in range(int(p[_TOUCHES])):
        touch(g, v, g.regions[process, program.heap].start + draw_below(g, _MEMORY), WRITE, 1)
    vmalloc(g, v, min(draw_about(g, p[_SIZE], p[_SPREAD]), _LARGEST))

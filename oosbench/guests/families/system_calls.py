"""Programs under kernel page-table isolation, the answer to Meltdown: two roots a process, and a flush at each door.

User code runs on a root that hides the kernel. Every system call and every fault loads CR3 twice (there is no PCID
here), so that nothing stays out of sync for longer than the kernel takes, and one page fault brings two resyncs.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import draw_about, draw_below
from ..faults import WRITE, touch, touch_stretch
from ..instructions import enter_kernel, enter_user
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import run
from ..regions import discard
from ._program import start_with_memory

LEVELS = (3, 4)
PARAMETERS = (
    Parameter("memory", 1024, 16, MAX_PAGES, "pages", "of the program"),
    Parameter("calls", 3, 0, 64, "", "of the kernel after each stretch of pages"),
    Parameter("run", 3.0, 1.0, 512.0, "pages", "median length of a stretch that is written in a row"),
    Parameter("spread", 0.5, 0.0, 2.0, "", "of that length: 0 always the median, 1 heavy-tailed"),
)
_MEMORY, _CALLS, _RUN, _SPREAD = range(4)


@jit
def start(g, k):
    start_with_memory(g, k, int(g.parameters[k, _MEMORY]))


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    memory = g.regions[program.process, program.heap]
    for _ in range(int(p[_CALLS])):
        enter_user(g, v)
        enter_kernel(g, v)
    pages = draw_about(g, p[_RUN], p[_SPREAD])
    last = touch_stretch(g, v, program.process, program.heap, program.cursor, pages, WRITE, 1)
    touch(g, v, memory.start + draw_below(g, last), WRITE, 1)
    program.cursor = last
    if last == memory.pages:
        discard(g, v, program.process, program.heap, 0, memory.pages)
        program.cursor = 0

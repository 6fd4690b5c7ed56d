"""A system short of memory: the kernel looks for pages that nobody uses (Linux: kswapd).

It clears A bits, entry after entry and without a flush, and takes pages away that stayed unused for a round. Cleared
A bits are dirty entries that mean nothing for the translation, and an entry that is used again is rewritten by the
hardware, past the shadow MMU.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import chance, draw_below
from ..faults import READ, WRITE, touch
from ..layout import MAX_PAGES
from ..options import Parameter
from ..processes import run
from ..regions import age
from ._program import start_with_memory

LEVELS = (2, 3, 4)
PARAMETERS = (
    Parameter("heap", 2048, 16, MAX_PAGES, "pages", "of the program"),
    Parameter("touches", 48, 1, 4096, "pages", "that it touches between two scans"),
    Parameter("hot", 0.9, 0.0, 1.0, "", "of touches that go to an eighth of the heap"),
    Parameter("writes", 0.5, 0.0, 1.0, "", "of touches that write"),
    Parameter("scan", 128, 1, MAX_PAGES, "pages", "that the kernel looks at in one go"),
)
_HEAP, _TOUCHES, _HOT, _WRITES, _SCAN = range(5)


@jit
def start(g, k):
    start_with_memory(g, k, int(g.parameters[k, _HEAP]))


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    run(g, v, program.process)
    heap = g.regions[program.process, program.heap]
    for _ in range(int(p[_TOUCHES])):
        page = draw_below(g, heap.pages)
        if chance(g, p[_HOT]):
            page //= 8
        touch(g, v, heap.start + page, WRITE if chance(g, p[_WRITES]) else READ, 1)
    pages = min(int(p[_SCAN]), heap.pages - program.cursor)
    age(g, v, program.process, program.heap, program.cursor, pages)
    program.cursor = (program.cursor + pages) % heap.pages

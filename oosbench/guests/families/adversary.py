"""Guests that make the shadow MMU look as bad as it can, one weakness each.

`collide`: tables that want the same slot are written in turn, so that each write evicts the one before. `alternate`:
two tables, entry by entry. `one_entry`: one entry of each table between two flushes, so that the comparison is all
for one. `all_entries`: every entry of a table between two flushes, so that the snapshot is for nothing.
`there_and_back`: entries that change and change back before the flush, which a snapshot sees and a write log does
not.
"""

from __future__ import annotations

from ...compiled import jit
from ..draws import draw_below
from ..faults import FRAME_BITS, WRITE, migrate, touch
from ..frames import give_page, read, take_page
from ..options import Parameter
from ..processes import run, spawn
from ..regions import map_region
from ..state import ANON, NONE
from ..tables import find_table, flush, guest_index, set_entry_of

LEVELS = (2, 3, 4)
PATTERNS = ("collide", "alternate", "one_entry", "all_entries", "there_and_back")
PARAMETERS = (
    Parameter("pattern", 0, 0, 4, "", "which weakness", PATTERNS),
    Parameter("tables", 6, 2, 8, "tables", "of level 1 that are written"),
    Parameter("entries", 256, 2, 512, "entries", "present in each"),
    Parameter("used", 8, 0, 512, "pages", "touched after each flush"),
)
_PATTERN, _TABLES, _ENTRIES, _USED = range(4)
_COLLIDE, _ALTERNATE, _ONE_ENTRY, _ALL_ENTRIES, _THERE_AND_BACK = range(5)


@jit
def start(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    program.process = spawn(g, v)
    for _ in range(int(p[_TABLES])):
        map_region(g, program.process, ANON, int(p[_ENTRIES]), True, NONE)
    run(g, v, program.process)
    for i in range(int(p[_TABLES])):
        for page in range(int(p[_ENTRIES])):  # so that the shadow has an entry for each
            touch(g, v, g.regions[program.process, i].start + page, WRITE, 1)


@jit
def _there_and_back(g, v, process, page):
    """Let an entry point to another frame, and back."""
    table = find_table(g, g.processes[process].root, page * 4096, 1)
    entry = read(g, table, guest_index(page * 4096, 1, g.config[0].levels))
    frame = take_page(g, v)
    g.frames[frame].mapped = 1
    set_entry_of(g, v, process, page * 4096, 1, table, (entry & ~FRAME_BITS) | frame << 12)
    set_entry_of(g, v, process, page * 4096, 1, table, entry)
    give_page(g, frame)


@jit
def turn(g, k):
    program = g.programs[k]
    v, p = program.vcpu, g.parameters[k]
    process, pattern, tables = program.process, int(p[_PATTERN]), int(p[_TABLES])
    run(g, v, process)
    program.cursor += 1
    pages = g.regions[process, 0].pages
    if pattern == _COLLIDE or pattern == _ALTERNATE:
        i = program.cursor % (tables if pattern == _COLLIDE else 2)
        migrate(g, v, process, g.regions[process, i].start + draw_below(g, pages))
        if program.cursor % 64 != 0:
            return
    elif pattern == _ALL_ENTRIES:
        i = program.cursor % tables
        for page in range(pages):
            migrate(g, v, process, g.regions[process, i].start + page)
    else:
        for i in range(tables):
            page = g.regions[process, i].start + draw_below(g, pages)
            if pattern == _ONE_ENTRY:
                migrate(g, v, process, page)
            else:
                _there_and_back(g, v, process, page)
    flush(g, v, process, 0, g.config[0].guest_pages)
    for _ in range(int(p[_USED])):
        i = draw_below(g, tables)
        touch(g, v, g.regions[process, i].start + draw_below(g, pages), WRITE, 1)

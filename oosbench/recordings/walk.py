"""A walk of the guest's page tables as a trace stores them, and what it permits."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import NX, PFEC_I, PFEC_U, PFEC_W, PSE, RW, US, P, frame_of

NOT_MAPPED = -1
EXECUTABLE = 8  # among rights, where NX would be upside down


@jit
def walk(memory, root, va):
    """Return the frame that `va` translates to by the tables in `memory`, and the rights there.

    The frame is NOT_MAPPED if there is none. Rights are P, RW, US and EXECUTABLE, any of.
    """
    table = root
    rights = P | RW | US | EXECUTABLE
    for level in (4, 3, 2, 1):
        if table < 0 or table >= len(memory):
            return NOT_MAPPED, 0
        value = memory[table, (va >> (3 + 9 * level)) & 511]
        if value & P == 0:
            return NOT_MAPPED, 0
        rights &= value & (P | RW | US) | (0 if value & NX else EXECUTABLE)
        table = frame_of(value)
        if (level == 3 or level == 2) and value & PSE:
            inside = (1 << (9 * (level - 1))) - 1
            return (table & ~inside) | ((va >> 12) & inside), rights
    return table, rights


@jit
def permits(rights, access):
    """Return whether an access (W, U, I bits) with these rights succeeds."""
    wanted = P | (RW if access & PFEC_W else 0) | (US if access & PFEC_U else 0)
    wanted |= EXECUTABLE if access & PFEC_I else 0
    return rights & wanted == wanted

"""Programs of one family run the same program, so they share its file."""

from __future__ import annotations

from ..._jit import jit
from ..state import NONE


@jit
def twin_of(g, k):
    """Return the number of an earlier program of the same family, NONE for the first."""
    for j in range(k):
        if g.programs[j].family == g.programs[k].family:
            return j
    return NONE

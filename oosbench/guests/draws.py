"""Random numbers, one after the other of those drawn beforehand."""

from __future__ import annotations

import numpy as np

from ..compiled import jit
from .instructions import TooMuch


@jit
def draw(g):
    """Return the next random number in [0, 1)."""
    state = g.state[0]
    if state.uniforms == len(g.uniforms):
        raise TooMuch
    state.uniforms += 1
    return g.uniforms[state.uniforms - 1]


@jit
def draw_below(g, n):
    """Return a random integer from 0 to n - 1."""
    return min(np.int64(draw(g) * n), n - 1)


@jit
def chance(g, probability):
    """Return True with this probability."""
    return draw(g) < probability


@jit
def draw_about(g, median, spread):
    """Return a random integer of at least 1 with this median.

    It is log-logistic: with a spread of 0 it is always the median, with 1 one in ten is over nine times as large.
    """
    u = min(max(draw(g), 1e-6), 1 - 1e-6)
    drawn = np.int64(median * (u / (1 - u)) ** spread + 0.5)
    return drawn if drawn > 1 else np.int64(1)

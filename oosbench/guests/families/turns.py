"""Which code a program runs, by the number of its family: the order in ``families/__init__.py``."""

from __future__ import annotations

from ...compiled import entry, jit
from ..draws import draw_below
from ..state import UNIFORMS
from . import (
    adversary,
    cow_storm,
    demand_paging,
    fork_exec,
    kernel_mappings,
    mmap_churn,
    mprotect_sweep,
    ping_pong,
    reclaim,
    system_calls,
    threads,
    windows,
    working_set,
)

PATIENCE = 10_000  # turns without an event, after which none is expected


@jit
def _start(g, k):
    family = g.programs[k].family
    if family == 0:
        demand_paging.start(g, k)
    elif family == 1:
        fork_exec.start(g, k)
    elif family == 2:
        cow_storm.start(g, k)
    elif family == 3:
        mmap_churn.start(g, k)
    elif family == 4:
        mprotect_sweep.start(g, k)
    elif family == 5:
        ping_pong.start(g, k)
    elif family == 6:
        reclaim.start(g, k)
    elif family == 7:
        kernel_mappings.start(g, k)
    elif family == 8:
        working_set.start(g, k)
    elif family == 9:
        system_calls.start(g, k)
    elif family == 10:
        windows.start(g, k)
    elif family == 11:
        threads.start(g, k)
    elif family == 12:
        adversary.start(g, k)


@jit
def _turn(g, k):
    family = g.programs[k].family
    if family == 0:
        demand_paging.turn(g, k)
    elif family == 1:
        fork_exec.turn(g, k)
    elif family == 2:
        cow_storm.turn(g, k)
    elif family == 3:
        mmap_churn.turn(g, k)
    elif family == 4:
        mprotect_sweep.turn(g, k)
    elif family == 5:
        ping_pong.turn(g, k)
    elif family == 6:
        reclaim.turn(g, k)
    elif family == 7:
        kernel_mappings.turn(g, k)
    elif family == 8:
        working_set.turn(g, k)
    elif family == 9:
        system_calls.turn(g, k)
    elif family == 10:
        windows.turn(g, k)
    elif family == 11:
        threads.turn(g, k)
    elif family == 12:
        adversary.turn(g, k)


@entry
def start_programs(g):
    """Let all programs start."""
    for k in range(g.config[0].programs):
        _start(g, k)


@entry
def take_turns(g, wanted):
    """Let programs take turns, which one is random, until there are `wanted` events or few random numbers are left.

    It gives up when programs do nothing any more.
    """
    programs = g.config[0].programs
    state = g.state[0]
    idle = 0
    while state.events < wanted and state.uniforms <= UNIFORMS // 2 and idle < PATIENCE:
        before = state.events
        _turn(g, draw_below(g, programs) if programs > 1 else 0)
        idle = 0 if state.events > before else idle + 1

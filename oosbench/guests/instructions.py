"""What a guest does, as events; and the doors between user code and kernel."""

from __future__ import annotations

from ..compiled import jit
from ..traces.events import ACCESS, CR3, INVLPG
from .state import NONE


class TooMuch(Exception):
    """One turn of a program took more events, or random numbers, than there is room for."""


@jit
def emit(g, op, v, address, value, width, access, spelled):
    """Note that vCPU `v` did something. `spelled`: how many optional fields its text form has."""
    state = g.state[0]
    if state.events == len(g.events):
        raise TooMuch
    event = g.events[state.events]
    state.events += 1
    event.op, event.vcpu, event.width, event.access = op, v, width, access
    event.address, event.value, event.spelled = address, value, spelled


@jit
def emit_access(g, v, va, access):
    """Note an access of vCPU `v`; `access` has the W, U and I bits of an error code."""
    emit(g, ACCESS, v, va, 0, 0, access, 0)


@jit
def load_root(g, v, root):
    """Load CR3: a flush, of all but global pages."""
    g.vcpus[v].root = root
    emit(g, CR3, v, root * 4096, 0, 0, 0, 0)


@jit
def enter_kernel(g, v):
    """Leave user code, if it runs: with page-table isolation through the trampoline, and to the kernel's root."""
    vcpu = g.vcpus[v]
    if vcpu.process == NONE or vcpu.root != g.processes[vcpu.process].user_root:
        return
    emit_access(g, v, g.config[0].trampoline, 0)
    load_root(g, v, g.processes[vcpu.process].root)


@jit
def enter_user(g, v):
    """Go to user code, if the kernel runs: with page-table isolation to the root that hides the kernel."""
    vcpu = g.vcpus[v]
    user_root = g.processes[vcpu.process].user_root
    if user_root != NONE and vcpu.root != user_root:
        load_root(g, v, user_root)


@jit
def invalidate(g, v, va):
    """INVLPG."""
    enter_kernel(g, v)
    emit(g, INVLPG, v, va, 0, 0, 0, 0)

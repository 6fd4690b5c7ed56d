"""When a written page table goes out of sync: the axis `policy`, which may be a reader's own rule."""

from __future__ import annotations

from ..compiled import jit
from ..compiled.calls import call
from .crash import PolicyFailed
from .guest import is_oos
from .oos import may_unsync
from .slots import slots_in_use


@jit
def _count_write(d, v, gmfn):
    """Return how many writes in a row to page table `gmfn` this one makes."""
    vcpu = d.vcpus[v]
    if vcpu.write_run_mfn != gmfn:
        vcpu.write_run_mfn = gmfn
        vcpu.write_run = 0
    vcpu.write_run += 1
    return vcpu.write_run


@jit
def _ask(d, v, gmfn, va):
    """Ask a reader's own rule about a write to a page table, if that could go out of sync at all."""
    if not may_unsync(d, gmfn):
        return False
    writes = _count_write(d, v, gmfn)
    passes = d.lag[gmfn].passes
    answer = call(d.config[0].policy, gmfn, va, v, d.state[0].event, writes, passes, slots_in_use(d, v))
    if answer < 0:
        raise PolicyFailed
    return answer != 0


@jit
def shortcut_ends(d, v, gmfn, va):
    """Say whether a repeated write to a table in sync must not be emulated, since the table is to go out of sync."""
    config = d.config[0]
    if config.policy != 0:
        d.vcpus[v].unsync_due = _ask(d, v, gmfn, va)  # of each write it is asked once
        return d.vcpus[v].unsync_due != 0
    return config.threshold >= 2 and _count_write(d, v, gmfn) == config.threshold


@jit
def unsync_is_due(d, v, gmfn, va):
    """Say whether the policy lets a written page table go out of sync now."""
    config = d.config[0]
    if config.policy != 0:
        return d.vcpus[v].unsync_due != 0 or _ask(d, v, gmfn, va)
    if config.threshold < 2:
        return config.threshold == 1
    return not is_oos(d, gmfn) and _count_write(d, v, gmfn) >= config.threshold

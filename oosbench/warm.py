"""Compiling ahead of time, with progress: a minute and a half once, a fifth of a second afterwards."""

from __future__ import annotations

from collections.abc import Callable

from .compiled import Compiling
from .compiled.jit import COMPILES
from .guests import Kernel, generate
from .machine import Machine
from .recordings import Recording
from .rivals.ideal import ideal
from .rivals.kvm import kvm
from .shadow import kernels
from .speed import yardstick
from .traces import Trace

_TINY = """\
MODE 4 1 16 256
POKE 0x1000 0x2067
CR3 0 0x1000
ACCESS 0 0x0 r u
"""


def warm(progress: Callable[[int, int], None] | None = None) -> None:
    """Compile everything that has not been compiled by this version before.

    Parameters
    ----------
    progress : callable, optional
        See `Compiling`.
    """
    if not COMPILES:
        return
    with Compiling(progress or (lambda done, total: None)):
        ideal(Machine(Trace.from_text(_TINY)).run())
        kvm(Trace.from_text(_TINY))
        machine = Machine(Trace.from_text(_TINY))
        kernels.copies(machine.domain, 0, 0, 0)
        kernels.cold_copies(machine.domain, 0, 0, 0)
        kernels.content_passes(machine.domain, 0, 0, 0)
        kernels.dirty_passes(machine.domain, 0, 0, 0, 0)
        kernels.page_copies(machine.domain, 0, 0, 0, 0)
        kernels.scans(machine.domain, 0, 0, 0, 0)
        yardstick.warm(machine.domain.memory)
        machine.run_audited()
        Machine(Trace.from_text(_TINY)).audit()
        Recording.empty().trace()
        Trace.from_text(_TINY).summary()
        generate("mix", 1, pages=2048, demand_paging=0, fork_exec=0, ping_pong=0)
        Kernel(pages=2048).spawn()

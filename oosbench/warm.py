"""Compiling ahead of time, with progress: twenty seconds on two processors, once; a fifth of a second afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .compiled import Compiling
from .compiled.jit import COMPILES, everything_is_there
from .costs import pieces
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

    What a first figure needs comes first; guests and rivals are compiled by a process beside, if there is a second
    processor.

    Parameters
    ----------
    progress : callable, optional
        See `Compiling`.
    """
    if not COMPILES:
        return
    with Compiling(progress or (lambda done, total: None)) as compiling:
        if everything_is_there() or len(os.sched_getaffinity(0)) == 1:
            _machines()
        else:
            with _guests_beside(compiling):
                _machines()
        _guests()


def _machines() -> None:
    """Compile what recordings, replay, audits and benchmarks need."""
    Recording.empty().trace()
    machine = Machine(Trace.from_text(_TINY))
    ideal(machine.run())
    machine.audit()
    Trace.from_text(_TINY).summary()
    kernels.copies(machine.domain, 0, 0, 0)
    kernels.cold_copies(machine.domain, 0, 0, 0)
    kernels.content_passes(machine.domain, 0, 0, 0)
    kernels.dirty_passes(machine.domain, 0, 0, 0, 0)
    kernels.page_copies(machine.domain, 0, 0, 0, 0)
    kernels.scans(machine.domain, 0, 0, 0, 0)
    yardstick.warm(machine.domain.memory)
    pieces.warm()


def _guests() -> None:
    """Compile generated guests and the other shadow MMU."""
    kvm(Trace.from_text(_TINY))
    generate("mix", 1, pages=2048, demand_paging=0, fork_exec=0, ping_pong=0)
    Kernel(pages=2048).spawn()


@contextmanager
def _guests_beside(compiling: Compiling) -> Iterator[None]:
    """Let another process do `_guests` meanwhile. Should it fail, nothing is lost but time."""
    command = [sys.executable, "-m", __name__]
    beside = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def listen() -> None:
        for line in beside.stdout:
            compiling.done(line.decode().strip())

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
        beside.wait()
    finally:
        beside.kill()
        beside.wait()
        listener.join()
        beside.stdout.close()


class _Told(Compiling):
    """Says on standard output what has been compiled."""

    def __init__(self) -> None:
        super().__init__(lambda done, total: None)

    def done(self, function: str) -> None:
        print(function, flush=True)


if __name__ == "__main__":
    with _Told():
        _guests()

"""Compiling ahead of time, with progress: a minute and a half once, a fifth of a second afterwards."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import numba
from numba.core import event

from . import _jit, yardstick
from .guests import Kernel, generate
from .machine import Machine
from .recordings import Recording
from .rivals.ideal import ideal
from .rivals.kvm import kvm
from .shadow import kernels
from .trace import Trace

_TINY = """\
MODE 4 1 16 256
POKE 0x1000 0x2067
CR3 0 0x1000
ACCESS 0 0x0 r u
"""


class Compiling(event.Listener):
    """Tells how many of the functions have been compiled, while the block lasts.

    Parameters
    ----------
    progress : callable
        Called with the functions done and the functions there are, the first time before the first is
        compiled. If everything comes from the cache it is never called.
    """

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress
        self._done: set[str] = set()

    def on_start(self, event: event.Event) -> None:
        """Take note that the compiler began with a function."""
        if not self._done:
            self._tell()

    def on_end(self, event: event.Event) -> None:
        """Take note that the compiler is done with a function."""
        function = event.data["dispatcher"].py_func
        if function.__module__.startswith(__package__):
            self._done.add(f"{function.__module__}.{function.__name__}")
            self._tell()

    def _tell(self) -> None:
        self._progress(len(self._done), _jit.compiled_functions())

    def __enter__(self) -> Compiling:
        event.register("numba:compile", self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        event.unregister("numba:compile", self)


def warm(progress: Callable[[int, int], None] | None = None) -> None:
    """Compile everything that has not been compiled by this version before.

    Parameters
    ----------
    progress : callable, optional
        See `Compiling`.
    """
    if numba.config.DISABLE_JIT:
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

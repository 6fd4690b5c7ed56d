"""Who is told what is being compiled."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from numba.core import event

from .jit import compiled_functions

_PACKAGE = __package__.partition(".")[0]


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
        if function.__module__.startswith(f"{_PACKAGE}."):
            self.done(f"{function.__module__}.{function.__name__}")

    def done(self, function: str) -> None:
        """Take note that a function has been compiled, be it by another process."""
        self._done.add(function)
        self._tell()

    def _tell(self) -> None:
        self._progress(len(self._done), compiled_functions())

    def __enter__(self) -> Compiling:
        event.register("numba:compile", self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        event.unregister("numba:compile", self)

"""Work that takes for ever, for panels to give up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from oosbench.panels._panel import Panel


class Slow:
    """Stands for work: it begins, and ends when told, with what `then` makes of its named arguments."""

    def __init__(self, then: Callable) -> None:
        self.started, self.heed = threading.Event(), threading.Event()
        self._then = then
        self.__name__ = "slow"  # as a function has one

    def __call__(self, *given, **named):
        self.started.set()
        self.heed.wait(20)
        return self._then(**named)

    def is_given_up(self, panel: Panel) -> None:
        """Cancel a panel that is waiting for this: it says so at once, and once more when the work has ended."""
        assert self.started.wait(20)
        began = time.perf_counter()
        panel.cancel.click()
        assert time.perf_counter() - began < 0.2
        assert panel.status.value.startswith("Cancelled.")
        assert not panel.run.disabled
        self.heed.set()
        assert panel.wait(20)

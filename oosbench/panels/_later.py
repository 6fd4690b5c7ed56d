"""Something to do soon, and only once: what a panel shows while its controls are being changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PAUSE = 0.1  # seconds between two updates of the page


class Later:
    """Does the last thing it was asked for, in a thread of its own, at most ten times a second.

    The first is done at once. What is asked for while it is under way, or in the pause after it, takes the place of
    what was asked for before; so a burst of changes is two pieces of work, and the last change is always seen.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    def ask(self, work: Callable[[], None]) -> None:
        """Have `work` done, at once or as soon as may be, instead of what was asked for and has not begun."""
        with self._lock:
            self._wanted = work
            if self._thread is None:
                # No daemon: one that draws while the interpreter ends takes it down.
                self._thread = threading.Thread(target=self._do)
                self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is left to do; say whether that is so."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _do(self) -> None:
        while True:
            with self._lock:
                work, self._wanted = self._wanted, None
                if work is None:
                    self._thread = None
                    return
            work()
            time.sleep(PAUSE)

"""`sweep`: a design's points through many machines at once, every result kept from the moment it is there.

What is stored already is not run again: a sweep that was killed goes on where it was, and one that was done answers at
once. Locally the points go through processes of joblib's pool, on a cluster through the `Client` of Dask that the user
has. Each worker runs a whole point; results are the same whoever runs it.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import closing, contextmanager
from typing import NamedTuple

import pandas as pd

from ..errors import SweepError
from ..machine import Cancelled
from .design import Design
from .point import Outcome, Point, run, version
from .store import Store

_LOOK = 0.05  # seconds between two looks at `cancelled`
_IDLE = 300  # seconds a process of the pool waits for the next sweep
_TRIES = 2  # processes a point may kill, alone in them, before it is given up
_RESTARTS = 20  # of the pool in one sweep
_AT_ONCE = 1000  # points a cluster is given at a time


class Pace(NamedTuple):
    """How far a sweep is.

    Attributes
    ----------
    done, total, failed : int
        Points; those known from the store are done from the beginning.
    rate : float
        Points a second, of those that had to be run.
    left : float
        Seconds to go, if it goes on like this; NaN before the first.
    """

    done: int
    total: int
    failed: int
    rate: float
    left: float

    def __str__(self) -> str:
        told = f"{self.done:,} of {self.total:,} points"
        if self.failed:
            told += f", {self.failed:,} failed"
        return f"{told}, {self.rate:,.1f} a second, {duration(self.left)} left" if self.rate else told


def duration(seconds: float) -> str:
    """Return a time in words: ``"48 s"``, ``"3 min"``, ``"2 h 5 min"``."""
    minutes, hours = round(seconds / 60), int(seconds / 3600)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if hours < 2 else f"{hours} h {minutes - 60 * hours} min"


def sweep(
    design: Design,
    store: Store,
    *,
    jobs: int = -1,
    client: object | None = None,
    retry: bool = False,
    progress: Callable[[Pace], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Run the points of a design that are not stored yet.

    Parameters
    ----------
    design : Design
    store : Store
    jobs : int
        Processes; 1 for none beside this one, -1 for as many as there are processors.
    client : dask.distributed.Client or concurrent.futures.Executor, optional
        Runs the points instead. Its workers need oosbench, and trace files by the same path.
    retry : bool
        Whether points that failed are run once more.
    progress : callable, optional
        Called at the beginning and after every point.
    cancelled : callable, optional
        Asked some twenty times a second whether to stop.

    Returns
    -------
    DataFrame
        `Store.frame` of the design's points, in their order.

    Raises
    ------
    Cancelled
        If it was to stop. Like all that follows it leaves in the store what was finished.
    StoreError
        If there is no room for a result.
    SweepError
        If workers die one after the other, or have another version of the package.

    Examples
    --------
    >>> design = Design(workloads=["sqlite"], axes={"oos_slots": [2, 3]})
    >>> with Store(":memory:") as store:
    ...     sweep(design, store, jobs=1).shadow_unsync_evict.tolist()
    [74, 49]
    """
    points = design.points()
    known = store.known(points)
    missing = [point for point in points if not known.get(point.key, False) and (retry or point.key not in known)]
    done, began = len(points) - len(missing), time.monotonic()
    failed = 0 if retry else sum(not well for well in known.values())
    tell = progress or (lambda pace: None)
    tell(Pace(done, len(points), failed, 0, float("nan")))
    cancelled = cancelled or (lambda: False)
    # Closed, so that workers end even if it is the store that fails.
    with closing(_outcomes(missing, jobs, client, cancelled)) as outcomes:
        for ran, (point, outcome) in enumerate(outcomes, 1):
            store.put(point, outcome)
            failed += outcome.error != ""
            rate = ran / max(time.monotonic() - began, 1e-9)
            tell(Pace(done + ran, len(points), failed, rate, (len(missing) - ran) / rate))
    return store.frame(points)


def _outcomes(
    points: list[Point], jobs: int, client: object | None, cancelled: Callable[[], bool]
) -> Iterator[tuple[Point, Outcome]]:
    """Run the points here, in processes or on a cluster, as they come."""
    import joblib  # most of what the package does needs no processes

    if client is not None:
        # Not pure: a point that is asked for again is run again.
        executor = client.get_executor(pure=False) if hasattr(client, "get_executor") else client
        return _through(executor, deque(points), _AT_ONCE, cancelled)
    jobs = joblib.cpu_count() if jobs < 0 else max(jobs, 1)
    if jobs == 1:
        return ((point, run(point, version(), cancelled)) for point in _until(cancelled, points))
    return _in_processes(deque(points), min(jobs, max(len(points), 1)), cancelled)


def _until(cancelled: Callable[[], bool], points: Iterable[Point]) -> Iterator[Point]:
    for point in points:
        if cancelled():
            raise Cancelled("the sweep was stopped")
        yield point


class _Broken(SweepError):
    """A worker died; `unfinished` are the points it may have died of."""

    def __init__(self, unfinished: Iterable[Point]) -> None:
        super().__init__("a worker has died; what is finished is stored, run it again to go on")
        self.unfinished = list(unfinished)


def _through(
    executor: Executor, points: deque[Point], at_once: int, cancelled: Callable[[], bool]
) -> Iterator[tuple[Point, Outcome]]:
    """Take the points away one by one, and yield what became of each, in the order in which they end."""
    running: dict[Future, Point] = {}
    ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
    try:
        while points or running:
            try:
                while points and len(running) < at_once:
                    future = executor.submit(run, points[0], version())
                    running[future] = points.popleft()
                    future.add_done_callback(ended.put)
                future = _next(ended, cancelled)
                outcome = _outcome(future)
            except BrokenExecutor:
                for future in [f for f in running if f.done() and not f.cancelled() and f.exception() is None]:
                    yield running.pop(future), future.result()
                raise _Broken(running.values()) from None
            yield running.pop(future), outcome
    finally:
        for future in running:
            future.cancel()


def _next(ended: queue.SimpleQueue[Future], cancelled: Callable[[], bool]) -> Future:
    while True:
        if cancelled():
            raise Cancelled("the sweep was stopped")
        try:
            return ended.get(timeout=_LOOK)
        except queue.Empty:
            continue


def _outcome(future: Future) -> Outcome:
    try:
        return future.result()
    except CancelledError:
        raise SweepError("the cluster gave up the sweep; what is finished is stored, run it again to go on") from None
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # Dask's, after it has tried it several times elsewhere
            return Outcome({}, f"the worker died of it: {error}", 0.0)
        raise


def _in_processes(points: deque[Point], jobs: int, cancelled: Callable[[], bool]) -> Iterator[tuple[Point, Outcome]]:
    """Run the points in processes of joblib's pool; when one dies, find out of what, and go on without that point."""
    restarts = 0

    def again() -> None:
        nonlocal restarts
        restarts += 1
        if restarts > _RESTARTS:
            raise SweepError(
                f"{restarts} worker processes have died; what is finished is stored, run it again to go on"
            )

    while points:
        suspects: list[Point] = []
        try:
            with _pool(jobs) as pool:
                yield from _through(pool, points, 2 * jobs, cancelled)
        except _Broken as broken:
            suspects = broken.unfinished
            again()
        for suspect in suspects:  # each alone: what dies then, dies of it
            for _ in range(_TRIES):
                try:
                    with _pool(1) as pool:
                        yield from _through(pool, deque([suspect]), 1, cancelled)
                    break
                except _Broken:
                    again()
            else:
                told = f"the worker process died of it, {_TRIES} times alone; is there too little memory?"
                yield suspect, Outcome({}, told, 0.0)


@contextmanager
def _pool(jobs: int) -> Iterator[Executor]:
    """Lend joblib's processes, which are kept for the next sweep; if this one is given up, they end at once."""
    from joblib.externals.loky import get_reusable_executor

    pool = get_reusable_executor(max_workers=jobs, timeout=_IDLE, initializer=_follow, initargs=(os.getpid(),))
    try:
        yield pool
    except _Broken:
        raise
    except BaseException:
        pool.shutdown(wait=False, kill_workers=True)
        raise


def _follow(parent: int) -> None:
    """Let this worker end when the sweep was killed: joblib's would wait for more until they are tired of it."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()

"""`Kernel`: a model kernel to write workloads on. It does what kernels do to page tables, and makes a trace of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ..compiled import entry
from ..errors import GuestError
from ..traces import Trace
from . import processes, regions
from .boot import VMALLOC_PAGES
from .build import begin, build, explained, mode_of, options_of, refill, taken
from .faults import FETCH, READ, WRITE, migrate, populate, touch
from .layout import MAX_PAGES
from .state import ANON, CHUNK, FILE, NONE
from .vmalloc import vmalloc

ACCESSES = {"r": READ, "w": WRITE, "x": FETCH}

# What `act` is to do.
_SPAWN, _MAP, _TOUCH, _RUN, _FORK, _EXECUTE, _END, _UNMAP, _PROTECT, _AGE, _TRIM, _DISCARD = range(12)
_VMALLOC, _POPULATE, _MIGRATE, _FILE = range(12, 16)


@entry
def act(g, what, v, process, i, first, pages, value, around):
    """Do one of the things a kernel does; see `Kernel`."""
    result = np.int64(0)
    start = g.regions[process, i].start
    if what == _TOUCH:
        for page in range(first, first + pages):
            result += touch(g, v, start + page, value, around)
    elif what == _RUN:
        processes.run(g, v, process)
    elif what == _SPAWN:
        result = processes.spawn(g, v)
    elif what == _MAP:
        result = regions.map_region(g, process, ANON if value == NONE else FILE, pages, around, value)
    elif what == _FILE:
        result = regions.new_file(g, v, pages)
    elif what == _FORK:
        result = processes.fork(g, v, process)
    elif what == _EXECUTE:
        result = processes.execute(g, v)
    elif what == _END:
        processes.end(g, v, process)
    elif what == _UNMAP:
        regions.unmap(g, v, process, i)
    elif what == _PROTECT:
        regions.protect(g, v, process, i, first, pages, value != 0)
    elif what == _AGE:
        result = regions.age(g, v, process, i, first, pages)
    elif what == _TRIM:
        regions.trim(g, v, process, i, first, pages)
    elif what == _DISCARD:
        regions.discard(g, v, process, i, first, pages)
    elif what == _VMALLOC:
        result = vmalloc(g, v, pages)
    elif what == _POPULATE:
        for page in range(first, first + pages):
            populate(g, v, process, start + page)
    elif what == _MIGRATE:
        for page in range(first, first + pages):
            migrate(g, v, process, start + page)
        processes.flush(g, v, process, start + first, pages)
    return result


class Region(NamedTuple):
    """A stretch of a process's address space, from `Kernel.map`.

    A fork's copy of it is ``region._replace(process=child)``.
    """

    process: int
    number: int
    pages: int


class Kernel:
    """A kernel, its processes and their page tables.

    It knows only what a guest knows. Every method is done by one vCPU, and becomes events of the trace: the accesses
    of user code, the faults they take, and the stores, INVLPGs and CR3 loads of the kernel, in order.

    Parameters
    ----------
    levels : {2, 3, 4}
    vcpus : int
        1 to 64.
    rng : numpy.random.Generator or int
        Random numbers, or the seed for them. Placement uses them, and programs.
    **options
        See `oosbench.guests.build.OPTIONS`.

    Raises
    ------
    GuestError
        If an option does not exist or its value is impossible. Methods raise it if memory is used up.

    Examples
    --------
    >>> kernel = Kernel()
    >>> parent = kernel.spawn()
    >>> heap = kernel.map(parent, 500)
    >>> kernel.run(parent)
    >>> kernel.touch(heap, range(500), "w")
    500
    >>> child = kernel.fork(parent)
    >>> kernel.run(child)
    >>> kernel.touch(heap._replace(process=child), range(0, 500, 9), "w")
    56
    >>> kernel.end(child)
    >>> len(kernel.trace("mine"))
    3245
    """

    def __init__(self, levels: int = 4, vcpus: int = 1, rng: np.random.Generator | int = 0, **options: object) -> None:
        self.levels, self.vcpus = levels, vcpus
        self.options = options_of(levels, vcpus, options)
        self._rng = np.random.default_rng(rng)
        self.guest = build(levels, vcpus, self.options, self._rng)
        self._chunks: list[np.ndarray] = []
        refill(self.guest, self._rng)
        begin(self.guest)

    # --- processes -------------------------------------------------------------------------------------------

    def spawn(self, vcpu: int = 0) -> int:
        """Make a process with nothing mapped; return its number."""
        return self._act(_SPAWN, vcpu)

    def run(self, process: int, vcpu: int = 0) -> None:
        """Let a vCPU run a process: a CR3 load, if it does not run it already."""
        self._act(_RUN, vcpu, self._known(process))

    def fork(self, process: int, vcpu: int = 0) -> int:
        """Copy a process, sharing its pages until one of the two writes; return the copy."""
        return self._act(_FORK, vcpu, self._known(process))

    def execute(self, vcpu: int = 0) -> int:
        """Give a vCPU's process a new, empty address space (execve); return the number it has from now on."""
        self._check_vcpu(vcpu)
        self._known(int(self.guest.vcpus[vcpu].process))
        return self._act(_EXECUTE, vcpu)

    def end(self, process: int, vcpu: int = 0) -> None:
        """End a process. A vCPU that runs it runs none afterwards."""
        self._act(_END, vcpu, self._known(process))

    # --- memory ----------------------------------------------------------------------------------------------

    def file(self, pages: int) -> int:
        """Read a file of so many pages into memory; return what `map` takes for it."""
        if pages < 1:
            raise GuestError(f"pages is {pages}, must be at least 1")
        return self._act(_FILE, pages=pages)

    def map(self, process: int, pages: int, file: int = NONE, writable: bool = True) -> Region:
        """Map memory, or a file, into a process (mmap). Nothing is stored before a page is touched.

        Parameters
        ----------
        pages : int
            1 to 8,192.
        file : int, optional
            From `file`.
        """
        if not 1 <= pages <= MAX_PAGES:
            raise GuestError(f"pages is {pages}, must be from 1 to {MAX_PAGES:,}")
        if file != NONE and not 0 <= file <= self.guest.state[0].cached - pages:
            raise GuestError(f"file is {file}, must be what file() gave for at least {pages:,} pages")
        number = self._act(_MAP, process=self._known(process), pages=pages, value=file, around=int(writable))
        return Region(process, number, pages)

    def touch(
        self, region: Region, pages: int | range | Iterable[int], access: str = "r", vcpu: int = 0, around: int = 16
    ) -> int:
        """Let the process that a vCPU runs access pages of a region; return how many accesses succeeded.

        Parameters
        ----------
        pages : int, range or iterable of int
            Pages of the region, from 0.
        access : {"r", "w", "x"}
        around : int
            Pages of a file that a fault maps at once.
        """
        if access not in ACCESSES:
            raise GuestError(f"access is {access!r}, must be one of {', '.join(ACCESSES)}")
        if around < 1:
            raise GuestError(f"around is {around}, must be at least 1")
        self._check_vcpu(vcpu)
        if self.guest.vcpus[vcpu].process != region.process:
            raise GuestError(f"vCPU {vcpu} does not run process {region.process}, whose {region} is to be touched")
        done = 0
        for first, count in _stretches(pages):
            done += self._act_on(_TOUCH, vcpu, region, first, count, ACCESSES[access], around)
        return done

    def unmap(self, region: Region, vcpu: int = 0) -> None:
        """Unmap a region (munmap): its pages and its page tables go, and the TLB is flushed."""
        self._act_on(_UNMAP, vcpu, region, 0, 0)

    def discard(self, region: Region, first: int, pages: int, vcpu: int = 0) -> None:
        """Give pages back and keep the region and its page tables (madvise)."""
        self._act_on(_DISCARD, vcpu, region, first, pages)

    def protect(self, region: Region, first: int, pages: int, writable: bool = False, vcpu: int = 0) -> None:
        """Take the right to write to pages, or give it back (mprotect), and flush."""
        self._act_on(_PROTECT, vcpu, region, first, pages, int(writable))

    def age(self, region: Region, first: int, pages: int, vcpu: int = 0) -> int:
        """Clear A bits, and reclaim pages that had none (kswapd); return how many those were."""
        return self._act_on(_AGE, vcpu, region, first, pages)

    def trim(self, region: Region, first: int, pages: int, vcpu: int = 0) -> None:
        """Make pages invalid that come back at the next touch (Windows' working-set trimming)."""
        self._act_on(_TRIM, vcpu, region, first, pages)

    def populate(self, region: Region, first: int, pages: int, vcpu: int = 0) -> None:
        """Map pages that nobody has touched (MAP_POPULATE)."""
        self._act_on(_POPULATE, vcpu, region, first, pages)

    def migrate(self, region: Region, first: int, pages: int, vcpu: int = 0) -> None:
        """Move pages that are mapped to other frames, and flush."""
        self._act_on(_MIGRATE, vcpu, region, first, pages)

    def vmalloc(self, pages: int, vcpu: int = 0) -> None:
        """Map kernel memory page by page in tables that all processes share, and write to it.

        Parameters
        ----------
        pages : int
            1 to 4,096, the size of the area.
        """
        if not 1 <= pages <= VMALLOC_PAGES:
            raise GuestError(f"pages is {pages}, must be from 1 to {VMALLOC_PAGES:,}")
        self._act(_VMALLOC, vcpu, pages=pages)

    # --- the trace -------------------------------------------------------------------------------------------

    def trace(self, name: str = "guest") -> Trace:
        """Return what happened so far as a trace."""
        events = np.concatenate([*self._chunks, self.guest.events[: self.guest.state[0].events]])
        return Trace.from_events(mode_of(self.guest), events, name)

    def _known(self, process: int) -> int:
        if not (0 <= process < len(self.guest.processes) and self.guest.processes[process].alive):
            raise GuestError(f"there is no process {process}")
        return process

    def _check_vcpu(self, vcpu: int) -> None:
        if not 0 <= vcpu < self.vcpus:
            raise GuestError(f"vcpu is {vcpu}, must be from 0 to {self.vcpus - 1}")

    def _act(
        self,
        what: int,
        vcpu: int = 0,
        process: int = 0,
        i: int = 0,
        first: int = 0,
        pages: int = 0,
        value: int = 0,
        around: int = 16,
    ) -> int:
        self._check_vcpu(vcpu)
        refill(self.guest, self._rng)
        if self.guest.state[0].events > CHUNK:
            self._chunks.append(taken(self.guest))
        with explained(self.guest):
            return act(self.guest, what, vcpu, process, i, first, pages, value, around)

    def _act_on(
        self, what: int, vcpu: int, region: Region, first: int, pages: int, value: int = 0, around: int = 16
    ) -> int:
        self._known(region.process)
        if not self.guest.regions[region.process, region.number].kind:
            raise GuestError(f"{region} is not mapped")
        if first < 0 or pages < 0 or first + pages > region.pages:
            raise GuestError(f"pages {first:,} to {first + pages:,} are not all in {region}")
        return self._act(what, vcpu, region.process, region.number, first, pages, value, around)


def _stretches(pages: int | Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, count) of pages in a row."""
    if isinstance(pages, range) and pages.step == 1:
        yield pages.start, len(pages)
    elif np.ndim(pages) == 0 and not isinstance(pages, Iterable):
        yield int(pages), 1
    else:
        for page in pages:
            yield int(page), 1

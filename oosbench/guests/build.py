"""From what is chosen to a guest that can begin to run; and what has to be looked after while it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from ..compiled import entry
from ..errors import GuestError
from ..traces import MAX_VCPUS
from ..x86 import LEVELS
from . import processes
from .boot import boot
from .frames import OutOfMemory
from .instructions import TooMuch
from .layout import LAYOUTS, MAX_REGIONS
from .options import Parameter, choose
from .regions import TooManyRegions
from .state import MAX_PROCESSES, UNIFORMS, Guest, new_guest

SHADOW_PAGES = 4096  # 16 MiB, as for the recordings

#: What can be chosen about every kernel.
OPTIONS = (
    Parameter("pages", 32768, 2048, 2**20, "pages", "memory of the guest, in frames of 4 KiB; a multiple of 1,024"),
    Parameter(
        "placement",
        0,
        0,
        2,
        "",
        "which frames are taken: one after the other, any, or for page tables only those whose number is a multiple of "
        "modulo, so that all tables want the same out-of-sync slot",
        ("contiguous", "random", "modulo"),
    ),
    Parameter("modulo", 3, 2, 64, "slots", "of placement=modulo"),
    Parameter("direct_map", 0, 0, 1, "", "the kernel's map of all memory: large pages, or 4 KiB", ("large", "small")),
    Parameter("lowmem", 0, 0, 2**20, "pages", "memory in that map; the rest is seen through windows (32-bit); 0: all"),
    Parameter("self_map", 0, 0, 1, "", "1: page tables are stored to through a recursive self-map"),
    Parameter("isolation", 0, 0, 1, "", "1: page-table isolation, two roots a process (PAE and 64-bit)"),
    Parameter("flush_ceiling", 33, 0, 8192, "pages", "that are invalidated one by one; above it CR3 is loaded"),
)


@entry
def _boot(g):
    """Set up the kernel's half of the address space."""
    boot(g)


@entry
def begin(g):
    """Let the kernel begin to run."""
    processes.begin(g)


def options_of(levels: int, vcpus: int, given: Mapping[str, object], owner: str = "Kernel") -> dict[str, float]:
    """Return a number for each of `OPTIONS`.

    Raises
    ------
    GuestError
        If something given is unknown, out of range, or does not go together.
    """
    if levels not in LEVELS:
        raise GuestError(f"levels is {levels}, must be 2, 3 or 4")
    if not 1 <= vcpus <= MAX_VCPUS:
        raise GuestError(f"vcpus is {vcpus}, must be from 1 to {MAX_VCPUS}")
    chosen = choose(OPTIONS, given, owner)
    if chosen["pages"] % 1024:
        raise GuestError(f"{owner}: pages is {chosen['pages']:,}, must be a multiple of 1,024")
    if chosen["isolation"] and levels == 2:
        raise GuestError(f"{owner}: isolation needs levels 3 or 4, not 2")
    if chosen["lowmem"] and levels == 4:
        raise GuestError(f"{owner}: lowmem is for levels 2 and 3: a 64-bit kernel maps all memory")
    if 0 < chosen["lowmem"] < 1024:
        raise GuestError(f"{owner}: lowmem is {chosen['lowmem']}, must be 0 or at least 1,024 pages")
    return chosen


def build(levels: int, vcpus: int, options: Mapping[str, float], rng: np.random.Generator) -> Guest:
    """Return a guest that has its kernel's tables in memory and its free frames in order.

    Parameters
    ----------
    options : mapping of str to float
        From `options_of`.
    rng : numpy.random.Generator
    """
    pages = int(options["pages"])
    guest = new_guest(vcpus, pages)
    config, state, layout = guest.config[0], guest.state[0], LAYOUTS[levels]
    config.levels, config.vcpus, config.guest_pages = levels, vcpus, pages
    config.large_pages = options["direct_map"] == 0
    config.self_mapped, config.isolation = options["self_map"], options["isolation"]
    config.flush_ceiling = options["flush_ceiling"]
    config.first_page, config.direct_map, config.vmalloc = layout.first_page, layout.direct_map, layout.vmalloc
    config.self_map, config.window, config.trampoline = layout.self_map, layout.window, layout.trampoline
    config.lowmem = min(layout.lowmem, pages, options["lowmem"] or pages)
    state.boot_frame = 1
    _boot(guest)
    frames = np.arange(state.boot_frame, pages)[::-1]
    if options["placement"] != 0:
        frames = rng.permutation(frames)
    for_tables = np.zeros(len(frames), bool)
    if options["placement"] == 2:
        for_tables = frames % int(options["modulo"]) == 0
        config.table_pool = 1
    for pool, members in enumerate((frames[~for_tables], frames[for_tables])):
        guest.free[pool, : len(members)] = members
        state.free[pool] = len(members)
    return guest


def refill(guest: Guest, rng: np.random.Generator) -> None:
    """Draw new random numbers for those used up, so that their order does not depend on when this is done."""
    used = int(guest.state[0].uniforms)
    if used > UNIFORMS // 2:
        guest.uniforms[: UNIFORMS - used] = guest.uniforms[used:].copy()
        guest.uniforms[UNIFORMS - used :] = rng.random(used)
        guest.state[0].uniforms = 0


def taken(guest: Guest) -> np.ndarray:
    """Take away the events that the guest has made, and return them (EVENT[n])."""
    events = guest.events[: guest.state[0].events].copy()
    guest.state[0].events = 0
    return events


@contextmanager
def explained(guest: Guest) -> Iterator[None]:
    """Say in plain words what a guest has run out of."""
    try:
        yield
    except OutOfMemory:
        pages = int(guest.config[0].guest_pages)
        raise GuestError(f"the guest has used up its {pages:,} pages of memory; give it more: pages") from None
    except processes.TooManyProcesses:
        raise GuestError(f"the guest has more than {MAX_PROCESSES} processes; end some") from None
    except TooManyRegions:
        raise GuestError(f"a process has more than {MAX_REGIONS} regions; unmap some") from None
    except TooMuch:
        raise GuestError("one turn makes more events than there is room for; choose smaller regions") from None


def mode_of(guest: Guest) -> tuple[int, int, int, int]:
    """Return levels, vCPUs, guest pages and shadow pages of a guest's traces."""
    config = guest.config[0]
    return int(config.levels), int(config.vcpus), int(config.guest_pages), SHADOW_PAGES

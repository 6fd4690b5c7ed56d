"""What a model guest is made of: plain arrays, as the shadow MMU's.

A guest knows only what a guest knows: its memory, its processes, which of them each vCPU runs. Random numbers are drawn
beforehand by the caller's generator and used one after the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..traces.events import EVENT
from .layout import MAX_REGIONS

MAX_PROCESSES = 64
MAX_PROGRAMS = 64
MAX_PARAMETERS = 16
CHUNK = 2**18  # events that are made at a time
ROOM = 2**18  # events that one turn of a program may take at most, and then some
UNIFORMS = 2**18  # random numbers that are drawn at a time; one turn may use half of them
NONE = -1

# What a region of a process holds, which decides what a fault in it does.
ANON, FILE = 1, 2


def _record(fields: str) -> np.dtype:
    return np.dtype([(name, np.int64) for name in fields.split()])


#: A frame of memory: how many entries map it (`mapped`), whether it belongs to a file or is the page of zeros and so
#: stays when nobody maps it (`kept`), whether it was a table and has not been overwritten since (`retired`).
FRAME = _record("mapped kept retired")

#: A process. `root` is its topmost table. With page-table isolation user code runs on `user_root`.
PROCESS = _record("alive root user_root")

#: A stretch of a process's address space: pages `start` to `start + pages`. `cached` is where the frames of a mapped
#: file begin in `Guest.page_cache`. `private`: whether it may hold pages of its own, which fork has to copy.
REGION = _record("kind start pages writable cached private")

#: A vCPU: the process it runs, the root in its CR3, the frame that its window shows.
VCPU = _record("process root window")

#: A program: what one instance of a workload family remembers from turn to turn. Processes: `process`, `partner`,
#: `saver`. Regions: `heap`, `file`. Where its files begin in the page cache: `cached`, `cached_data`. How far it is:
#: `cursor`, `phase`, `count`.
PROGRAM = _record("family vcpu process partner saver heap file cached cached_data cursor phase count")

#: `free`: how many frames are free in each pool. `cached`: how many frames the page cache has. `boot_frame`: the next
#: one for the kernel itself. `vmalloc`: the page of that area that is mapped next. `faults`: those taken so far.
STATE = np.dtype(
    [
        *((name, np.int64) for name in "booted events uniforms cached boot_frame kernel_root zero_page".split()),
        *((name, np.int64) for name in "window_table entry_table vmalloc faults".split()),
        ("free", np.int64, 2),
    ]
)

CONFIG = _record(
    "levels vcpus guest_pages large_pages self_mapped isolation flush_ceiling programs table_pool "
    "first_page direct_map lowmem vmalloc self_map window trampoline"
)


class Guest(NamedTuple):
    """A model guest.

    Attributes
    ----------
    memory : int64[guest_pages, 512]
        Its page tables (of other pages nobody knows the contents).
    frames : FRAME[guest_pages]
    free : int64[2, guest_pages]
        Frames that are free, in pool 0 and, if page tables have one of their own, pool 1. The one to be taken next is
        the last of the first ``state.free`` of each.
    page_cache : int64[...]
        Frames of files; ``state.cached`` of them are in use.
    processes : PROCESS[MAX_PROCESSES]
    regions : REGION[MAX_PROCESSES, MAX_REGIONS]
    vcpus : VCPU[vcpus]
    programs : PROGRAM[MAX_PROGRAMS]
    parameters : float64[MAX_PROGRAMS, MAX_PARAMETERS]
        Of each program, in the order in which its family lists them.
    events : EVENT[CHUNK + ROOM]
        What it did since they were last taken away; ``state.events`` of them are filled.
    uniforms : float64[UNIFORMS]
        Random numbers in [0, 1); the first ``state.uniforms`` of them are used up.
    state : STATE[1]
    config : CONFIG[1]
    """

    memory: np.ndarray
    frames: np.ndarray
    free: np.ndarray
    page_cache: np.ndarray
    processes: np.ndarray
    regions: np.ndarray
    vcpus: np.ndarray
    programs: np.ndarray
    parameters: np.ndarray
    events: np.ndarray
    uniforms: np.ndarray
    state: np.ndarray
    config: np.ndarray


def new_guest(vcpus: int, guest_pages: int) -> Guest:
    """Return a guest of which nothing is filled in yet."""

    def records(kind: np.dtype, *shape: int) -> np.ndarray:
        return np.zeros(shape, kind).view(np.recarray)

    guest = Guest(
        memory=np.zeros((guest_pages, 512), np.int64),
        frames=records(FRAME, guest_pages),
        free=np.zeros((2, guest_pages), np.int64),
        page_cache=np.zeros(guest_pages, np.int64),
        processes=records(PROCESS, MAX_PROCESSES),
        regions=records(REGION, MAX_PROCESSES, MAX_REGIONS),
        vcpus=records(VCPU, vcpus),
        programs=records(PROGRAM, MAX_PROGRAMS),
        parameters=np.zeros((MAX_PROGRAMS, MAX_PARAMETERS)),
        events=records(EVENT, CHUNK + ROOM),
        uniforms=np.zeros(UNIFORMS),
        state=records(STATE, 1),
        config=records(CONFIG, 1),
    )
    guest.vcpus.process = guest.vcpus.root = guest.vcpus.window = NONE
    guest.state[0].uniforms = UNIFORMS
    return guest

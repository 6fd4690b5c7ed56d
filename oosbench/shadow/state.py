"""What the machine is made of: a handful of structured arrays, gathered in one tuple.

The records are recarrays, so the same source runs compiled and, with ``NUMBA_DISABLE_JIT=1``, as plain
Python. No field may bear the name of an attribute that NumPy scalars have (``flags``, ``size``, ``data``):
compiled it would work, uncompiled it would be something else. Every number is 64 bits wide, so that
nothing computed from it can overflow.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass

import numpy as np

from ..compiled import Referenced
from ..presets import CHOICES, FIXUPS, GUESSES, MAX_SLOTS, SNAPSHOTS, Preset, axes
from . import counters as ctr

_MAP_NORESERVE = 0x4000  # "promise nothing": as Linux has it on x86 and ARM; Python names it from 3.13 on
_HUGE, _SPARSE = 2**22, 2**33  # bytes from which large pages pay, and from which most will never be touched
INVALID = -1  # no frame, no slot
HASH_BUCKETS = 251
MAX_ORDER = 2  # the largest chunk of the pool is four pages
VTLB_ENTRIES = 13

# Types of guest memory (Xen: p2m_type_t). A frame that nobody touched is RAM, so RAM is zero.
RAM, RAM_RO, MMIO_DM = 0, 1, 2

# Axes of a `Preset` that are words, as numbers.
FIXUP_NONE, FIXUP_IN_TABLE, FIXUP_IN_ARRAY = range(len(FIXUPS))
SNAPSHOT_OFF, SNAPSHOT_UNTRUSTED, SNAPSHOT_TRUSTED = range(len(SNAPSHOTS))
GUESS_NONE, GUESS_2008, GUESS_TODAY = range(len(GUESSES))


def _record(fields: str, **wide: int) -> np.dtype:
    """Return a record of int64 fields; those in `wide` are arrays of that length."""
    shape = {name: (wide[name],) if name in wide else () for name in fields.split()}
    return np.dtype([(name, np.int64, shape[name]) for name in fields.split()])


#: A guest frame.
FRAME = _record("p2m_type references type_count shadow_flags")

#: Of a guest frame that is or was out of sync (apart from `FRAME`, of which every access needs one). `oos_since` and
#: `oos_writes` tell the event of its last unsync, and the stores it took since; `passes` how often its contents were
#: brought into sync; `snapshot` the pool page of its snapshot, 0 for none. The last two have a bit for each line of 64
#: bytes: `written` since the last content pass, and `kept` in the snapshot page as it was before (`snapshot.py`).
LAG = _record("oos_since oos_writes passes snapshot written kept")

#: A page of the shadow pool. `up` names one upper entry that points here (page * 512 + index), 0 none.
#: `before` and `after` link free chunks and pinned shadows, `next_shadow` a chain of the hash. `present` counts the
#: present entries of an L1; `filled` has a bit for each line of 64 bytes that has held one since the page was taken.
SHADOW = _record("type backpointer references pinned up next_shadow order before after present filled")

VCPU = _record(
    "paged levels wp nx pse cr3 guest_root shadow_table l3table gl3e monitor_pages "
    "oos oos_va oos_snapshot fixup_next oos_fixup_used "
    "last_emulated_mfn_for_unshadow last_emulated_frame last_emulated_mfn last_write_emul_ok "
    "last_write_was_pt last_writeable_pte_smfn write_run write_run_mfn unsync_due slots evicted idle_loads "
    "vtlb_page vtlb_gfn vtlb_pfec",
    shadow_table=4,
    l3table=4,
    gl3e=4,
    monitor_pages=3,
    oos=MAX_SLOTS,
    oos_va=MAX_SLOTS,
    oos_snapshot=MAX_SLOTS,
    fixup_next=MAX_SLOTS + 1,
    vtlb_page=VTLB_ENTRIES,
    vtlb_gfn=VTLB_ENTRIES,
    vtlb_pfec=VTLB_ENTRIES,
)

#: A writable mapping of an out-of-sync page: entry `slot` of shadow page `smfn` maps `gmfn`.
FIXUP = _record("gmfn smfn slot")

#: What there is once in a domain, and the stores of the instruction that is being executed.
STATE = _record(
    "current event oos_active linux_l3_toplevel nx_switched gtable_dirty_version hash_walking free_chunks resyncs "
    "pending_stores pending_va pending_value store_size stores_emulated mmio_handled injected_error",
    free_chunks=MAX_ORDER + 1,
    pending_va=2,
    pending_value=2,
)

#: The axes of a `Preset` (the policy as its threshold, and as an address if it is a reader's own), and what the machine
#: was built with.
CONFIG = _record(
    "oos threshold policy oos_slots fixups fixup_buckets fixup_bucket_entries fixup_stride fixups_per_slot snapshot "
    "fast_fault_path fast_emulation virtual_tlb skip_verify early_unshadow writable_heuristics guesses "
    "linux_l3_toplevel prefetch prefetch_distance fixup_first demand_rw user_unshadow drop_ro_writes "
    "fixup_distinct fl1_fixups resync_late prealloc_first skip_2level no_gnp pse_unshadow "
    "resync_on_fault lazy_snapshot line_compare demand_slots unsafe "
    "levels guest_pages pool_pages identity_root"
)

#: The last walk of the guest's tables: entries and frames by level, INVALID where the walk has none.
WALK = _record("va version l4e l3mfn l3e l2mfn l2e l1mfn l1e")

#: One content pass over an out-of-sync L1.
RESYNC = _record("event vcpu owner gmfn cause compared dirty runs since writes")


@dataclass(frozen=True, eq=False)
class Domain(Referenced):
    """The whole machine: what compiled code works on, and what a notebook may look at.

    Attributes
    ----------
    memory : int64[guest_pages + 1, 512]
        Contents of guest frames; the last row is the identity table of vCPUs that have paging off.
    frames : FRAME[guest_pages + 1]
        What the hypervisor knows of each guest frame.
    lag : LAG[guest_pages + 1]
        What it knows besides of one that was let go out of sync.
    tables : int64[pool_pages, 512]
        Contents of the pool: shadow tables and snapshots.
    shadows : SHADOW[pool_pages + 4]
        What each pool page is used for; the last four are heads of lists.
    vcpus : VCPU[vcpus]
    fixups : FIXUP[vcpus, ...]
        The fixup table of each vCPU, or two fixups for each of its slots.
    hash : int64[251]
        First shadow of each chain, 0 for none. (Pool page 0 is never a shadow.)
    counters : int64[len(counters.NAMES)]
    resyncs : RESYNC[...]
        Log of content passes; ``state.resyncs`` of them are filled.
    walk : WALK[1]
    state : STATE[1]
    config : CONFIG[1]
    """

    memory: np.ndarray
    frames: np.ndarray
    lag: np.ndarray
    tables: np.ndarray
    shadows: np.ndarray
    vcpus: np.ndarray
    fixups: np.ndarray
    hash: np.ndarray
    counters: np.ndarray
    resyncs: np.ndarray
    walk: np.ndarray
    state: np.ndarray
    config: np.ndarray

    ROWS = {"memory": 512, "tables": 512}


def pool_pages(shadow_pages: int, guest_pages: int, vcpus: int) -> int:
    """Return the pages of the shadow pool for the size asked for, raised to Xen's minimum.

    Whole MiB (256 pages), at least 128 pages a vCPU and one for each MiB of guest memory.
    """
    asked = -(-shadow_pages // 256) * 256
    return -(-max(asked, 128 * vcpus + guest_pages // 256) // 4) * 4


def reserve(shape: int | tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
    """Return an array of zeros that takes up only what is touched, be it larger than the host's memory.

    It begins at a page of the host, so that pages of the guest do not straddle cache lines.

    Raises
    ------
    MemoryError
        If there are not even addresses for it.
    """
    size = max(math.prod(np.atleast_1d(shape).tolist()) * np.dtype(dtype).itemsize, 1)
    try:
        room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE)
    except (OSError, OverflowError) as error:
        raise MemoryError(f"no room for {size:,} bytes ({error})") from None
    if _HUGE <= size < _SPARSE:
        room.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(room, dtype).reshape(shape)


def new_domain(preset: Preset, levels: int, vcpus: int, guest_pages: int, shadow_pages: int, log: int) -> Domain:
    """Return the arrays of a machine that has yet to be set up (`control.setup`).

    Memory is zero and takes up only what is touched.

    Raises
    ------
    MemoryError
        If the host will not reserve the guest's memory.
    """
    pool = pool_pages(shadow_pages, guest_pages, vcpus)
    if preset.fixups == "array":
        fixups = (MAX_SLOTS + 1) * preset.fixups_per_slot
    else:
        fixups = preset.fixup_buckets * preset.fixup_bucket_entries
    domain = Domain(
        memory=reserve((guest_pages + 1, 512), np.int64),
        frames=reserve(guest_pages + 1, FRAME).view(np.recarray),
        lag=reserve(guest_pages + 1, LAG).view(np.recarray),
        tables=reserve((pool, 512), np.int64),
        shadows=reserve(pool + MAX_ORDER + 2, SHADOW).view(np.recarray),
        vcpus=np.zeros(vcpus, VCPU).view(np.recarray),
        fixups=np.zeros((vcpus, fixups), FIXUP).view(np.recarray),
        hash=np.zeros(HASH_BUCKETS, np.int64),
        counters=np.zeros(len(ctr.NAMES), np.int64),
        resyncs=np.zeros(log, RESYNC).view(np.recarray),
        walk=np.zeros(1, WALK).view(np.recarray),
        state=np.zeros(1, STATE).view(np.recarray),
        config=np.zeros(1, CONFIG).view(np.recarray),
    )
    config = domain.config[0]
    for axis, value in (axes(preset) | {"threshold": preset.threshold}).items():
        if axis != "policy":
            config[axis] = CHOICES[axis].index(value) if axis in CHOICES else value
    config.policy = getattr(preset.policy, "address", 0)
    config.levels = levels
    config.guest_pages = guest_pages
    config.pool_pages = pool
    config.identity_root = guest_pages
    domain.state.linux_l3_toplevel = preset.linux_l3_toplevel
    domain.fixups.gmfn = INVALID
    domain.vcpus.slots = preset.oos_slots
    for name in (
        "oos oos_snapshot last_emulated_mfn_for_unshadow last_emulated_frame last_emulated_mfn write_run_mfn"
    ).split():
        domain.vcpus[name] = INVALID
    return domain

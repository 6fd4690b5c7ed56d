"""One event after the other; the tally."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...compiled import entry, jit, writeable
from ...costs import Tally
from ...costs.primitives import EVENTS
from ...errors import CostError
from ...machine import Cancelled
from ...machine.machine import CHUNK
from ...presets import preset
from ...shadow import counters as ctr
from ...shadow.guest import p2m, store
from ...shadow.replay import EMUL, FAULT, MMIO, NONE, OK, RESULT, STUCK
from ...shadow.state import INVALID, MMIO_DM, RAM_RO, new_domain
from ...traces import Trace
from ...traces.events import ACCESS, BLOW, CR3, INVLPG, NX, P2M, POKE, PSE, WP, WRITE, WRITEHL
from ...x86 import PFEC_I, PFEC_W, frame_of
from . import counted as n
from .counted import NAMES, OWN
from .fault import DEVICE, EMULATED, GUEST, emulate, fault, invlpg, load_root, rebuild, unprotect, walk
from .pages import PAGE, Kvm

_PAGES = 8192
_TRIES = 8
# The roots of kernel and user of an isolated process lie side by side; entry and exit read CR3 before they load it.
_ISOLATED = 0x1000


@jit
def _access(k, v, va, wanted, value, length, clears=False):
    """Do an access with the faults it takes, and its store if `length` is not 0; return (outcome, place).

    `clears` if the store is that of an instruction which clears pages.
    """
    if not k.vcpus[v].paged:
        frame, kind = p2m(k, va >> 12) if va >= 0 else (INVALID, MMIO_DM)
        if frame == INVALID or (length and kind == RAM_RO):
            return MMIO, np.int64(0)
        if length:
            store(k, va >> 12, va & 4095, value, length)
        return OK, va
    for _ in range(_TRIES):
        found = walk(k, v, va, wanted)
        if found != 0:
            if length:
                store(k, frame_of(found), va & 4095, value, length)
            return OK, frame_of(found) << 12 | (va & 4095)
        outcome, code = fault(k, v, va, wanted)
        if outcome == GUEST:
            k.counters[ctr.fault_guest] += 1
            return FAULT, code
        if outcome == DEVICE:
            return MMIO, np.int64(0)
        if outcome == EMULATED:
            gfn, offset = frame_of(k.walk[0].l1e), va & 4095
            if clears and k.shadows[gfn] != 0:
                unprotect(k, gfn)
                continue
            if length:
                emulate(k, gfn, offset, value, length)
                return EMUL, np.int64(0)
            # An access that says not what it stores stores what is there.
            emulate(k, gfn, offset & ~7, k.memory[gfn, offset >> 3], np.int64(8))
            return OK, gfn << 12 | offset
    return STUCK, np.int64(0)


@jit
def _clears(events, row):
    """Say whether a store begins the clearing of a page: three words of zero from its start on, as `convert` has them.

    Linux does that with ``rep stos``. A trace does not say which instruction stored.
    """
    first = events[row]
    if row + 2 >= len(events) or first.address & 4095 or first.value or first.width != 8:
        return False
    for k in (1, 2):
        event = events[row + k]
        if event.op != WRITE or event.value or event.vcpu != first.vcpu or event.address != first.address + 8 * k:
            return False
    return True


@entry
def run(k, events, results, start, stop):
    """Replay rows `start` to `stop` of a trace; `results` (RESULT[n]) is filled in."""
    for i in range(start, stop):
        event = events[i]
        op, v = event.op, np.int64(event.vcpu)
        vcpu = k.vcpus[v]
        outcome, place, value = NONE, np.int64(0), np.int64(0)
        width = np.int64(event.width)
        if op == POKE:
            store(k, event.address >> 12, event.address & 4095, event.value, width)
        elif op == ACCESS:
            outcome, place = _access(k, v, event.address, np.int64(event.access), 0, 0)
            if outcome == OK and event.access & (PFEC_W | PFEC_I) == 0 and place & 7 == 0:
                value = k.memory[place >> 12, (place & 4095) >> 3]
        elif op == WRITE:
            outcome, place = _access(
                k, v, event.address, np.int64(event.access), event.value, width, _clears(events, i)
            )
        elif op == WRITEHL:
            outcome, place = _access(k, v, event.address + 4, PFEC_W, event.value >> 32, 4)
            if outcome == OK or outcome == EMUL:
                outcome, place = _access(k, v, event.address, PFEC_W, event.value, 4)
            place = np.int64(0)
        elif op == CR3:
            k.counted[n.vmexit_cr3] += 1
            k.counted[n.lock_acquire] += 1
            if event.address ^ vcpu.cr3 == _ISOLATED:
                k.counted[n.cr3_reads] += 1
            vcpu.guest_root = event.address >> 12
            vcpu.cr3 = event.address
            if not vcpu.paged:
                vcpu.paged = vcpu.wp = vcpu.pse = vcpu.nx = 1
                vcpu.levels = 4
            load_root(k, v)
        elif op == INVLPG:
            if vcpu.paged:
                invlpg(k, v, event.address)
        elif op == WP:
            vcpu.wp = event.value
        elif op == NX:
            vcpu.nx = event.value
        elif op == PSE:
            vcpu.pse = event.value
        elif op == P2M:
            k.frames[event.address].p2m_type = event.value
        if op == WP or op == NX or op == PSE:
            k.counted[n.vmexit_cr] += 1
        if op == WP or op == NX or op == PSE or op == P2M or op == BLOW:
            rebuild(k)  # it changes what entries mean
        if len(results) > 0:
            results[i].outcome = outcome
            results[i].place = place
            results[i].value = value


def new_kvm(trace: Trace, pages: int = _PAGES) -> Kvm:
    """Return the machine before the first event.

    Raises
    ------
    CostError
        If the guest is not a 64-bit one.
    """
    if trace.levels != 4:
        raise CostError(
            f"{trace.name}: has {trace.levels} levels of paging; the model of KVM takes 64-bit guests only, 4"
        )
    d = new_domain(preset("emulate"), 4, trace.vcpus, trace.guest_pages, 256, 1)
    return Kvm(
        *(d.memory, d.frames, d.lag, d.tables, d.vcpus, d.counters, d.walk, d.state, d.config),
        entries=np.zeros((pages, 512), np.int64),
        made_from=np.zeros((pages, 512), np.int64),
        marked=np.zeros((pages, 512), np.bool_),
        pages=np.zeros(pages, PAGE).view(np.recarray),
        before=np.zeros(pages * 512, np.int64),
        after=np.zeros(pages * 512, np.int64),
        mappings=np.zeros(trace.guest_pages + 1, np.int64),
        shadows=np.zeros(trace.guest_pages + 1, np.int64),
        direct=np.zeros(trace.guest_pages + 512, np.int64),
        upper=np.zeros(trace.guest_pages + 1, np.int64),
        roots=np.zeros(trace.vcpus, np.int64),
        previous=np.zeros((trace.vcpus, 3), np.int64),
        counted=np.zeros(len(NAMES), np.int64),
        pool=np.array([1, 0]),
    )


def replay(
    trace: Trace,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    *,
    keep_outcomes: bool = False,
    pages: int = _PAGES,
) -> tuple[Kvm, np.ndarray]:
    """Replay a trace; return the machine at its end, and the outcome of each row (RESULT[n], or none).

    Raises
    ------
    TraceError, CostError, Cancelled
    """
    k = new_kvm(trace.validate(), pages)
    results = np.zeros(len(trace.events) if keep_outcomes else 0, RESULT).view(np.recarray)
    total = len(trace.events)
    for start in range(0, total, CHUNK):
        if cancelled is not None and cancelled():
            raise Cancelled(f"stopped at row {start:,} of {total:,}")
        run(k, writeable(trace.events), results, start, min(start + CHUNK, total))
        if progress is not None:
            progress(min(start + CHUNK, total), total)
    return k, results


def own_counts(k: Kvm) -> dict[str, int]:
    """Return what was counted under KVM's own names (`counted.OWN`)."""
    counted = dict(zip(NAMES, k.counted.tolist(), strict=True)) | {"fault_guest": int(k.counters[ctr.fault_guest])}
    return {name: counted[place] for name, place in OWN.items()}


def kvm(
    trace: Trace,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Tally:
    """Return what KVM does with a trace; parameters and errors as of `replay`."""
    k, _ = replay(trace, progress, cancelled)
    counted = dict(zip(NAMES, k.counted.tolist(), strict=True))
    counts = {name: count for name, count in counted.items() if name in EVENTS}
    counts |= {
        "vmexit_cr": counted["vmexit_cr"] + counted["cr3_reads"],
        "guest_walk": k.counters[ctr.shadow_guest_walk],
        "guest_walk_step": k.counters[ctr.guest_walk_step],
        "ad_update": k.counters[ctr.ad_update],
        "p2m_lookup": k.counters[ctr.p2m_lookup],
        "ipi": counted["tlb_flush_domain"] * (trace.vcpus - 1),
    }
    return Tally.of(trace, "kvm", counts, own=own_counts(k))

"""One access; one event after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..compiled import Referenced, entry, jit
from ..traces.events import ACCESS, BLOW, CR3, INVLPG, NX, P2M, POKE, PSE, WP, WRITE, WRITEHL
from ..x86 import PFEC_I, PFEC_W, A, D, frame_of
from . import counters as ctr
from .audit import audit_all
from .control import invlpg, load_cr3, setup, update_paging_modes
from .fault import GUEST, page_fault
from .guest import is_oos, marked_store
from .shadow_walk import NOT_MAPPED, hardware_walk, index_of
from .unshadow import blow_tables

# Outcome of an event.
NONE, OK, FAULT, EMUL, MMIO, STUCK, DEAD = range(7)
OUTCOMES = ("", "OK", "FAULT", "EMUL", "MMIO", "STUCK", "DEAD")

#: The outcome of one row of a trace. `place` is the guest-physical address of an access that hit, or the error
#: code of a fault; `value` is what a read found.
RESULT = np.dtype([("outcome", np.int8), ("place", np.int64), ("value", np.int64)])


@dataclass(frozen=True, eq=False)
class Rows(Referenced):
    """A trace to be replayed, and what comes of it.

    Attributes
    ----------
    events : EVENT[n]
    results : RESULT[n]
        Filled in; if it is empty, outcomes are not kept.
    """

    events: np.ndarray
    results: np.ndarray


# Rows of the log that one event could fill at most, and then some.
LOG_MARGIN = 4096
NOBODY = np.int64(-1)
_TRIES = 40  # faults of one access, after which it is given up


@jit
def _native_store(d, gmfn, va, value, length):
    """Store without an exit; count it if the page is out of sync."""
    marked_store(d, gmfn, va & 4095, value, length)
    if is_oos(d, gmfn):
        d.lag[gmfn].oos_writes += 1


@jit
def access(d, v, va, wanted):
    """Do one access, with the faults it takes, and the stores that are pending for it.

    Returns
    -------
    outcome : int
    place : int
        OK: the guest-physical address. FAULT: the error code. Else 0.
    """
    state = d.state[0]
    state.stores_emulated = state.mmio_handled = 0
    state.injected_error = -1
    d.counters[ctr.accesses] += 1
    d.counters[ctr.writes] += state.pending_stores != 0
    for _ in range(_TRIES):
        sl1mfn, error = hardware_walk(d, v, va, wanted)
        if sl1mfn != NOT_MAPPED:
            d.counters[ctr.shadow_walk_hits] += 1
            slot = index_of(va, 1)
            entry = d.tables[sl1mfn, slot]
            used = entry | A | (D if wanted & PFEC_W else 0)
            if used != entry:
                d.tables[sl1mfn, slot] = used
                d.counters[ctr.hw_ad_updates] += 1
            if state.pending_stores:
                _native_store(d, frame_of(entry), va, state.pending_value[0], state.store_size)
            return OK, frame_of(entry) << 12 | (va & 4095)
        d.counters[ctr.shadow_walk_faults] += 1
        outcome, error = page_fault(d, v, va, error)
        if outcome == GUEST:
            d.counters[ctr.fault_guest] += 1
            return FAULT, error
        d.counters[ctr.fault_fixed] += 1
        if state.mmio_handled:
            return MMIO, 0
        if state.injected_error >= 0:
            d.counters[ctr.hvm_inject] += 1
            return FAULT, state.injected_error
        if state.stores_emulated:
            return EMUL, 0
    d.counters[ctr.fault_retry_limit] += 1
    return STUCK, 0


@jit
def _write(d, v, event):
    """Do a WRITE: one store."""
    state = d.state[0]
    state.pending_stores = 1
    state.pending_va[0] = event.address
    state.pending_value[0] = event.value
    state.store_size = np.int64(event.width)
    return access(d, v, event.address, np.int64(event.access))


@jit
def _write_halves(d, v, event):
    """Do a WRITEHL: 64 bits as two stores, the high half first, as 32-bit guests do."""
    state = d.state[0]
    state.pending_stores = 2
    state.store_size = 4
    state.pending_va[0], state.pending_va[1] = event.address + 4, event.address
    state.pending_value[0], state.pending_value[1] = event.value >> 32, event.value
    outcome, _ = access(d, v, event.address + 4, PFEC_W)
    if state.stores_emulated < 2 and (outcome == OK or outcome == EMUL):
        state.pending_stores = 1
        state.pending_va[0] = event.address
        state.pending_value[0] = event.value
        outcome, _ = access(d, v, event.address, PFEC_W)
    return outcome, 0


@jit
def _read_value(d, place):
    """Return the 8 bytes at an aligned guest-physical address."""
    return d.memory[place >> 12, (place & 4095) >> 3] if place & 7 == 0 else 0


@jit
def _execute(d, event):
    """Do one event; return (outcome, place) of `RESULT`."""
    op, v = event.op, np.int64(event.vcpu)
    vcpu = d.vcpus[v]
    state = d.state[0]
    state.current = v
    state.pending_stores = 0
    outcome, place = NONE, 0
    if op == ACCESS:
        outcome, place = access(d, v, event.address, np.int64(event.access))
    elif op == WRITE:
        outcome, place = _write(d, v, event)
    elif op == WRITEHL:
        outcome, place = _write_halves(d, v, event)
    elif op == CR3:
        d.counters[ctr.cr3_loads] += 1
        load_cr3(d, v, event.address)
    elif op == INVLPG:
        d.counters[ctr.invlpgs] += 1
        d.counters[ctr.hw_invlpg] += invlpg(d, v, event.address)
    elif op == WP:
        d.counters[ctr.vmexit_cr] += 1
        vcpu.wp = event.value
    elif op == NX:
        d.counters[ctr.vmexit_cr] += 1
        vcpu.nx = event.value
    elif op == PSE:
        d.counters[ctr.vmexit_cr] += 1
        if d.config[0].pse_unshadow and vcpu.pse != event.value:
            blow_tables(d)  # else a shadow would go on with what an entry meant before
        vcpu.pse = event.value
        update_paging_modes(d, v)
    elif op == P2M:
        d.frames[event.address].p2m_type = event.value
    elif op == BLOW:
        blow_tables(d)
    # NX may be switched without a flush, and is off while paging is: then no audit can tell what it was when an
    # entry was made.
    state.nx_switched |= vcpu.nx == 0
    return outcome, place


@jit
def _replay_row(d, rows, i):
    """Do the event, or the POKE, in row `i`."""
    event = rows.events[i]
    if event.op == POKE:
        marked_store(d, event.address >> 12, event.address & 4095, event.value, np.int64(event.width))
        return
    d.state[0].event = i
    d.counters[ctr.events] += 1
    outcome, place = _execute(d, event)
    if len(rows.results) > 0:
        result = rows.results[i]
        result.outcome = outcome
        result.place = place
        result.value = 0
        if outcome == OK and event.op == ACCESS and event.access & (PFEC_W | PFEC_I) == 0:
            result.value = _read_value(d, place)


@entry
def run(d, rows, start, stop):
    """Replay rows `start` to `stop` of a trace.

    Parameters
    ----------
    d : Domain
    rows : Rows

    Returns
    -------
    int
        The row to go on with. It is less than `stop` if the log of content passes has to be emptied first.

    Raises
    ------
    Crash
        If the original would have crashed; ``state.event`` is the row.
    """
    for i in range(start, stop):
        if d.state[0].resyncs + LOG_MARGIN > len(d.resyncs):
            return i
        _replay_row(d, rows, i)
    return stop


def run_audited(d, a, rows, start, stop):
    """Replay rows `start` to `stop` of a trace, and check every invariant after each event.

    (From Python, event by event: next to what an audit takes that is nothing, and the machine is compiled once.)

    Parameters
    ----------
    d : Domain
    a : Auditor
        Takes down the violations; after the first event that has some, the replay ends.
    rows, start, stop
        As for `run`.

    Returns
    -------
    int
        The row to go on with.
    """
    for i in range(start, stop):
        if run(d, rows, i, i + 1) == i:
            return i
        event = rows.events[i]
        if event.op != POKE:
            audit(d, a, np.int64(event.vcpu) if event.op in (CR3, PSE) else NOBODY)
            if a.count[0] != 0:
                return i + 1
    return stop


@entry
def audit(d, a, loaded):
    """Check every invariant that holds between any two events; the violations are with the auditor.

    Where vCPU `loaded` has just loaded CR3, one more is checked; else it is `NOBODY`.
    """
    audit_all(d, a, loaded)


@entry
def start(d):
    """Build the machine as it is before the first event."""
    setup(d)

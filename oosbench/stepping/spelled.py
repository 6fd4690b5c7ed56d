"""A moment in tables: an entry bit by bit, what the vCPUs hold, the counters that moved."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..shadow.state import INVALID, Domain
from ..shadow.types import NAMES, OUT_OF_SYNC, SHF_TYPES
from ..x86 import NX, RW, US, A, D, P, frame_in, unsigned
from .guest_l1 import GNP, MMIO, GuestL1, kinds, slots
from .moment import Moment
from .timemachine import TimeMachine

_BITS = {"P": P, "RW": RW, "US": US, "A": A, "D": D, "NX": NX}
_KIND = ("empty", "not present", "read-only", "writable", "magic: guest not present", "magic: MMIO")


def entry_frame(d: Domain, l1: GuestL1, cell: int) -> pd.DataFrame:
    """Return one entry of a guest L1 table, of its snapshot, and of its shadow, bit by bit.

    Parameters
    ----------
    d : Domain
    l1 : GuestL1
    cell : int
        Which entry.

    Returns
    -------
    DataFrame
        A row for each of guest, snapshot and shadow, as text: the value, what kind of entry it is, its bits P, RW, US,
        A, D and NX, the frame it maps, and what that is.
    """
    rows = []
    for name, entries in (("guest", l1.guest), ("snapshot", l1.snapshot), ("shadow", l1.shadow)):
        row = {"": name, "entry": "–", "is": "–", **dict.fromkeys(_BITS, "–"), "frame": "–", "which is": "–"}
        if entries is not None:
            entry = int(entries[cell])
            kind = int(kinds(entries[cell : cell + 1])[0])
            row |= {"entry": f"{unsigned(entry):#x}", "is": _KIND[kind]}
            if entry and kind not in (GNP, MMIO):
                row |= {bit: "1" if entry & mask else "0" for bit, mask in _BITS.items()}
                row |= {"frame": f"{frame_in(entry):#x}", "which is": _role(d, frame_in(entry))}
        rows.append(row)
    return pd.DataFrame(rows).set_index("")


def _role(d: Domain, frame: int) -> str:
    """Say what a guest frame is."""
    if frame >= d.config[0].guest_pages:
        return "beyond memory"
    flags = int(d.frames.shadow_flags[frame])
    types = [NAMES[t] for t in range(len(NAMES)) if flags & SHF_TYPES & 1 << t]
    if types:
        return f"a table ({', '.join(types)}), {'out of sync' if flags & OUT_OF_SYNC else 'in sync'}"
    return ("memory", "read-only memory", "MMIO")[int(d.frames.p2m_type[frame])]


def slots_frame(time: TimeMachine) -> pd.DataFrame:
    """Return the slots of all vCPUs.

    Returns
    -------
    DataFrame
        A row for each slot: vcpu, slot, page (its frame), since (the event at which it went out of sync), stores
        (without an exit, since then), dirty (entries that differ from the snapshot) and home (the slot it would rather
        be in). NA where a slot is empty, or there is no snapshot.
    """
    d = time.domain
    rows = []
    for v, slot, gmfn in slots(d):
        row = {"vcpu": v, "slot": slot, "page": pd.NA, "since": pd.NA, "stores": pd.NA, "dirty": pd.NA, "home": pd.NA}
        if gmfn != INVALID:
            lag, l1 = d.lag[gmfn], GuestL1.of(d, gmfn)
            row |= {"page": gmfn, "since": time.number(int(lag.oos_since)), "stores": int(lag.oos_writes)}
            row |= {"home": gmfn % int(d.vcpus[v].slots)}
            row |= {"dirty": int(np.count_nonzero(l1.dirty))} if l1.snapshot is not None else {}
        rows.append(row)
    return pd.DataFrame(rows)


def moved_frame(moment: Moment) -> pd.DataFrame:
    """Return the counters that an event moved, Xen's first: counter, by."""
    return pd.DataFrame({"counter": list(moment.moved), "by": [f"{n:+,}" for n in moment.moved.values()]})


def slots_told(time: TimeMachine) -> pd.DataFrame:
    """Return `slots_frame` as text."""
    frame = slots_frame(time)
    told = frame.astype(object).where(frame.notna(), "–")
    told["page"] = [f"{page:#x}" if isinstance(page, int) else page for page in told.page]
    return told


def l1_frame(l1: GuestL1 | None) -> pd.DataFrame:
    """Return a whole table, a row for each entry.

    Returns
    -------
    DataFrame
        Columns: index; guest, snapshot and shadow as hexadecimal text, empty for what there is not; dirty; stale.
    """
    if l1 is None:
        return pd.DataFrame(columns=["index", "guest", "snapshot", "shadow", "dirty", "stale"])
    entries = {
        name: [""] * l1.entries if column is None else [f"{unsigned(entry):#x}" for entry in column.tolist()]
        for name, column in (("guest", l1.guest), ("snapshot", l1.snapshot), ("shadow", l1.shadow))
    }
    return pd.DataFrame({"index": range(l1.entries), **entries, "dirty": l1.dirty, "stale": l1.stale})

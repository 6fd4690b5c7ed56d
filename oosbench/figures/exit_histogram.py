"""Why a guest exits: an Ubuntu boot under EPT and under shadow paging, as two students counted (Linux 5.11, 2021).

Of the exits that page tables cause, their shadow runs have more than eight tenths for control registers, nearly all of
them CR3 loads; of the second run only page faults and control registers are known. The recordings here were made
without page-table isolation and without PCID, and load CR3 only to switch processes. Two generated guests, the same
without isolation and with it, show what that does: their share of control registers goes from next to nothing to about
half, how far depends on how often a program calls its kernel. A boot's other exits (CPUID, I/O, interrupts) are not
modelled, nor is EPT.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from .. import recordings
from ..charts import pairs, pairs_text
from ..guests import generate
from ..machine import run_each
from .published import value

CALIBRATED = "nothing"
PREDICTED = "the shares of page faults, control registers and INVLPG, with isolation and without"
TRUST = "student"
MISSES = "numbers of exits (nobody recorded an Ubuntu boot), exits that page tables do not cause, and EPT"

#: Published runs, and the rows of their page faults, control registers and INVLPGs.
BOOTS = {
    "published: boot, shadow": ("kvm-08", "kvm-20", "kvm-18"),
    "published: second boot, shadow": ("kvm-36", "kvm-38", None),
    "published: boot, EPT": ("kvm-07", "kvm-19", "kvm-17"),
}
KINDS = ("page fault", "control register", "INVLPG")
_COUNTERS = (["shadow_fault"], ["cr3_loads", "vmexit_cr"], ["invlpgs"])
_FAMILIES = ("system_calls", "fork_exec")
_EVENTS = 60_000


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per guest: how many exits of the three kinds, and their shares."""
    rows = [
        {"guest": name} | {kind: value(row) if row else float("nan") for kind, row in zip(KINDS, ids, strict=True)}
        for name, ids in BOOTS.items()
    ]
    guests = {f"recorded {name}": name for name in recordings.studied()}
    for family in _FAMILIES:
        for isolation, told in enumerate(("", ", isolated")):
            guests[f"generated {family}{told}"] = generate(family, _EVENTS, levels=4, seed=1, isolation=isolation)
    for i, (name, result) in enumerate(zip(guests, run_each(guests.values(), ["oos-snapshot"]), strict=True)):
        counts = (float(result.counters[names].sum()) for names in _COUNTERS)
        rows.append({"guest": name} | dict(zip(KINDS, counts, strict=True)))
        if progress is not None:
            progress(i + 1, len(guests))
    frame = pd.DataFrame(rows)
    total = frame[list(KINDS)].sum(axis=1)
    for kind in KINDS:
        frame[f"{kind} share"] = frame[kind] / total
    return frame


def _series(frame: pd.DataFrame) -> dict[str, pd.Series]:
    return {kind: 100 * frame[f"{kind} share"] for kind in KINDS}


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the shares of the three kinds of exits by guest."""
    return pairs(
        frame.guest, _series(frame), "Why a guest exits", "share of the exits that page tables cause", "{:g} %"
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    return pairs_text(frame.guest, _series(frame), "Shares of exits", "{:.0f} %")

"""Walks and traps in closed form: how many memory references a walk takes, how many traps a fault in a nested guest.

A walk of n guest levels on m host levels reads each guest entry through the host's tables, and walks once more for the
address it finds: (n + 1)(m + 1) - 1 references. With walk caches measured averages are far lower. A page fault of a
nested guest takes n + 2 traps to the outer hypervisor and 2n + 4 switches with EPT on EPT (PVM's phase 1, the shadow
tables of the inner levels filled), 2(n + 1) traps and 4(n + 1) switches with shadow on EPT.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from ..charts import pairs, pairs_text
from ..rivals.nested import NATIVE, TWO_DIMENSIONAL
from .agreement import cells
from .published import numbers, value

CALIBRATED = "nothing"
PREDICTED = "references of walks at worst, traps and switches; averages with walk caches are taken, not predicted"
UNIT = ""
TRUST = "arithmetic for 24, primary for the averages (Park et al., 2022), secondary for traps (PVM, 2023)"
MISSES = "averages with walk caches need a model of those caches; `oosbench.rivals.nested` takes them as they are"


def references(guest: int, host: int = 0) -> int:
    """Return the memory references of a walk; of `guest` levels alone, or of these on `host` levels.

    Examples
    --------
    >>> references(4), references(4, 4)
    (4, 24)
    """
    return (guest + 1) * (host + 1) - 1


def traps(levels: int, shadow: bool) -> tuple[int, int]:
    """Return the traps and the world switches of a fault in a nested guest: shadow on EPT, or EPT on EPT.

    Examples
    --------
    >>> traps(4, shadow=True), traps(4, shadow=False)
    ((10, 20), (6, 12))
    """
    count = 2 * (levels + 1) if shadow else levels + 2
    return count, 2 * count


def at(formula: str, levels: int) -> int:
    """Return what a formula in n, as published, gives for so many levels.

    Examples
    --------
    >>> at("2(n+1)", 4), at("2n+4", 4)
    (10, 12)
    """
    factor, bracket, constant = re.fullmatch(r"(\d*)(\(?)n\+(\d+)\)?", formula).groups()
    times = int(factor or 1)
    return times * (levels + int(constant)) if bracket else times * levels + int(constant)


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per quantity for four levels: what the closed form gives, and what was published.

    `formula` is what the publication has, if that is no number, and `taken` says that the model takes the number over.
    """
    if progress is not None:
        progress(1, 1)
    native = re.search(r"native 4-level walk = (\d+)", numbers().note["hap-10"])[1]
    rows = [
        ("walk, one dimension, worst", references(4), float(native), "", False),
        ("walk, two dimensions, worst", references(4, 4), value("hap-10"), "nm+n+m", False),
        ("walk, one dimension, cached", NATIVE, value("walk-01"), "", True),
        ("walk, two dimensions, cached", TWO_DIMENSIONAL, value("walk-02"), "", True),
    ]
    for name, number, shadow in (("EPT on EPT", "pvm-04", False), ("shadow on EPT", "pvm-05", True)):
        row = numbers().loc[number]
        switches = re.search(r"with (\S+) world switches", row.note)[1]
        for what, count, formula in zip(("traps", "switches"), traps(4, shadow), (row.value, switches), strict=True):
            rows.append((f"{what}, {name}", count, at(formula, 4), formula, False))
    return pd.DataFrame(rows, columns=["quantity", "model", "published", "formula", "taken"])


def _names(frame: pd.DataFrame) -> list[str]:
    return [f"{row.quantity}{' (taken)' if row.taken else ''}" for row in frame.itertuples()]


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """Return each quantity beside the published one; see `agreement.cells`."""
    return cells(frame.quantity, frame.published, frame.model, frame.taken.map({True: "taken", False: "predicted"}))


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the numbers for four levels."""
    return pairs(
        _names(frame),
        {"published": frame.published, "model": frame.model},
        "Walks and traps, four levels",
        "memory references, traps, or world switches",
        "{:g}",
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    return pairs_text(
        _names(frame), {"published": frame.published, "model": frame.model}, "Walks and traps, four levels", "{:g}"
    )

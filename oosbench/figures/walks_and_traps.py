"""Walks and traps in closed form: how many memory references a walk takes, how many traps a fault in a nested guest.

A walk of n guest levels on m host levels reads each guest entry through the host's tables, and walks once more for the
address it finds: (n + 1)(m + 1) - 1 references. With walk caches measured averages are far lower. A page fault of a
nested guest takes n + 2 traps to the outer hypervisor and 2n + 4 switches with EPT on EPT (PVM's phase 1, the shadow
tables of the inner levels filled), 2(n + 1) traps and 4(n + 1) switches with shadow on EPT.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from ..charts import pairs, pairs_text
from ..published import numbers, value

CALIBRATED = "nothing"
PREDICTED = "references of walks, traps and switches"
TRUST = "primary for the averages (Park et al., 2022), secondary for the traps (PVM, 2023)"


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


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per quantity for four levels: closed form, and what was published (a number or a formula)."""
    if progress is not None:
        progress(1, 1)
    rows = [
        ("walk, one dimension, worst", references(4), "4"),
        ("walk, two dimensions, worst", references(4, 4), "24"),
        ("walk, one dimension, cached", value("walk-01"), numbers().value["walk-01"]),
        ("walk, two dimensions, cached", value("walk-02"), numbers().value["walk-02"]),
        ("traps, EPT on EPT", traps(4, False)[0], numbers().value["pvm-04"]),
        ("traps, shadow on EPT", traps(4, True)[0], numbers().value["pvm-05"]),
    ]
    return pd.DataFrame(rows, columns=["quantity", "four_levels", "published"])


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the numbers for four levels."""
    return pairs(
        frame.quantity, {"four levels": frame.four_levels}, "Walks and traps", "memory references, or traps", "{:g}"
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    return pairs_text(frame.quantity, {"four levels": frame.four_levels}, "Walks and traps", "{:g}")

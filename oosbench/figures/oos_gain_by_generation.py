"""What out-of-sync tables gain, and the snapshot in them, by processor generation.

Exits have become three to five times cheaper since 2006, a page copy hardly. So the less an exit costs, the less it
gains to avoid one, and the more the work of a resync weighs. No publication gives this: the series was measured on one
processor. The prices of exits are secondary or from memory, of the last three derived.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from .. import recordings
from ..charts import pairs, pairs_text
from ..costs import cost, processors
from ..experiment import run_each
from ..primitives import tally
from ..worth import WITH, WITHOUT

CALIBRATED = "nothing"
PREDICTED = "both gains on ten processors, over all recordings together"
TRUST = "secondary, memory or derived, for the prices of exits"


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per processor: exit cycles and their trust; what the series and the snapshot gain (shares)."""
    systems = ("emulate", WITHOUT, WITH)
    tallies = {name: [] for name in systems}
    names = recordings.bundled().index
    for i, result in enumerate(run_each(names, systems)):
        tallies[result.preset.name].append(tally(result))
        if progress is not None:
            progress(i + 1, len(names) * len(systems))
    rows = []
    for one in processors().values():
        before, without, with_it = (sum(cost(t, one).cycles["total"] for t in tallies[name]) for name in systems)
        exits = one.prices["vmexit_pf"]
        rows.append((one.name, one.year, exits.cycles, exits.trust, 1 - with_it / before, 1 - with_it / without))
    return pd.DataFrame(rows, columns=["processor", "year", "exit_cycles", "trust", "series_gain", "snapshot_gain"])


def _series(frame: pd.DataFrame) -> tuple[list[str], dict[str, pd.Series]]:
    names = [f"{row.processor} ({row.trust})" for row in frame.itertuples()]
    return names, {"the series": 100 * frame.series_gain, "the snapshot in it": 100 * frame.snapshot_gain}


def chart(frame: pd.DataFrame) -> Figure:
    """Draw both gains by processor."""
    return pairs(
        *_series(frame),
        "What is gained, by generation",
        "less cost of shadow paging, all recordings together",
        "{:g} %",
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    return pairs_text(*_series(frame), "Gain by processor", "{:.0f} %")

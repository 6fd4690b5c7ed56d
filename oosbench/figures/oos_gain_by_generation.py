"""What out-of-sync tables gain, and the snapshot in them, by processor generation.

Exits have become five times cheaper since 2005, a page copy hardly. What it costs to emulate an instruction is known of
2005 only. Priced as in 2007 it outweighs exits ever more, and the series, which saves emulations above all, gains more
on later processors; priced in proportion to exits (`series_gain_scaled`) it gains less. So which way the gain of the
series went nobody can tell from what was published. The snapshot gains more the less the rest costs, either way.

No publication gives any of this: the series was measured on one processor. The prices of exits are secondary or from
memory, of the last three derived.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from .. import recordings
from ..charts import pairs, pairs_text
from ..costs import WITH, WITHOUT, Processor, cost, processor, processors, tally
from ..machine import run_each

CALIBRATED = "nothing"
PREDICTED = "both gains on ten processors, over all recordings together"
TRUST = "secondary, memory or derived, for the prices of exits"
MISSES = "no publication gives a gain by processor; the price of emulation on later ones is not known"

#: Of whose prices the proportion of emulation to exits is taken: the processor the series was measured on.
BASE = "Core 2 6420"


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per processor: exit cycles and their trust; what the series and the snapshot gain (shares).

    `series_gain_scaled` has emulation priced in the proportion to exits that it had in 2007.
    """
    systems = ("emulate", WITHOUT, WITH)
    tallies = {name: [] for name in systems}
    names = recordings.studied()
    for i, result in enumerate(run_each(names, systems)):
        tallies[result.preset.name].append(tally(result))
        if progress is not None:
            progress(i + 1, len(names) * len(systems))

    def gains(one: Processor) -> tuple[float, float]:
        before, without, with_it = (sum(cost(t, one).cycles["total"] for t in tallies[name]) for name in systems)
        return 1 - with_it / before, 1 - with_it / without

    base = processor(BASE).prices
    rows = []
    for one in processors().values():
        exits = one.prices["vmexit_pf"]
        scaled = base["emulate_insn"].cycles * exits.cycles / base["vmexit_pf"].cycles
        series, _ = gains(one.replace(emulate_insn=scaled))
        rows.append((one.name, one.year, exits.cycles, exits.trust, *gains(one), series))
    gained = ["series_gain", "snapshot_gain", "series_gain_scaled"]
    return pd.DataFrame(rows, columns=["processor", "year", "exit_cycles", "trust", *gained])


def _series(frame: pd.DataFrame) -> tuple[list[str], dict[str, pd.Series]]:
    names = [f"{row.processor} ({row.trust})" for row in frame.itertuples()]
    return names, {
        "the series": 100 * frame.series_gain,
        "the series, emulation scaled": 100 * frame.series_gain_scaled,
        "the snapshot in it": 100 * frame.snapshot_gain,
    }


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

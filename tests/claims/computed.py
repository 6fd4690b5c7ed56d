"""What the claims are held against: each table is made once."""

from __future__ import annotations

from functools import cache

import pandas as pd

import oosbench
from oosbench import recordings
from oosbench.costs import worth

ALL = tuple(recordings.bundled().index)
STUDIED = tuple(recordings.studied())
PRESETS = ("emulate", "oos-fixups", "oos-snapshot", "oos-snapshot-untrusted")


@cache
def counters() -> pd.DataFrame:
    """Return the counters of each recording on each of `PRESETS`, by trace and preset."""
    return oosbench.compare(ALL, PRESETS).set_index(["trace", "preset"])


@cache
def passes() -> pd.DataFrame:
    """Return the content passes of the studied recordings with the snapshot."""
    return oosbench.resyncs_frame(oosbench.run_each(STUDIED, ["oos-snapshot"]))


@cache
def answers() -> pd.DataFrame:
    """Return `worth` of each recording at the prices of all processors, by recording and processor."""
    return worth(ALL).set_index(["recording", "processor"])


def of(preset: str, names: tuple[str, ...] = ALL) -> pd.DataFrame:
    """Return the counters of one preset, by trace."""
    return counters().xs(preset, level="preset").loc[list(names)]


def ratios(names: tuple[str, ...]) -> pd.Series:
    """Return how many times as many entries are derived without the snapshot, by trace."""
    return of("oos-fixups", names).resync_propagated / of("oos-snapshot", names).resync_propagated


def there(names: tuple[str, ...] = STUDIED) -> pd.DataFrame:
    """Return the answers at the prices of the processor on which the series was measured."""
    return answers().xs("Core 2 6420", level="processor").loc[list(names)]

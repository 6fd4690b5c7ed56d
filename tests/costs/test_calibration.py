"""What is measured on this machine."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from oosbench import recordings
from oosbench.costs import processor
from oosbench.costs.breakeven import (
    terms,
)
from oosbench.costs.calibration import NAME, measure, this_machine

PUBLISHED = pd.read_csv(recordings.data_folder() / "published_numbers.csv", index_col="id")
README = Path(__file__).parents[2] / "README.md"
PRICES = pd.read_csv(recordings.data_folder() / "prices.csv", keep_default_na=False)


def test_this_machine_is_measured():
    times = measure()
    assert (times.low <= times.ns).all()
    assert (times.ns > 0).all()
    assert times.ns["copy cold"] > times.ns["copy hot"]
    assert times.ns["derive"] > times.ns["compare"]
    here = this_machine("Haswell", times)
    assert here.name == NAME
    assert {e for e, p in here.prices.items() if p.trust == "measured"} == {
        *("snapshot_copy", "snapshot_compare", "resync_entries_tested", "validate_gl1e"),
        *("p2m_lookup", "propagate", "set_l1e_call"),
    }
    assert here.prices["vmexit_pf"] == processor("Haswell").prices["vmexit_pf"]
    t = terms(here)
    assert t.derive + t.validate == pytest.approx(times.ns["derive"] * here.ghz)

"""A pair of tallies, with the snapshot and without."""

from __future__ import annotations

import pytest

from oosbench import run_each
from oosbench.costs import WITH, WITHOUT, tally


@pytest.fixture(scope="module")
def pair():
    """Return the tallies of sqlite without and with the snapshot."""
    return [tally(result) for result in run_each(["sqlite"], [WITHOUT, WITH])]

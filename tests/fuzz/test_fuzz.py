"""A small part of each campaign, the same each time."""

from __future__ import annotations

import pytest

from .campaign import GOOD, campaign

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes


@pytest.mark.parametrize(
    ("kind", "count", "least"),
    [
        ("text", 3000, 1000),
        ("npz", 500, 80),
        ("replay", 150, 75),
        ("call", 40, 40),
        pytest.param("kill", 5, 5, marks=pytest.mark.slow),
    ],
)
def test_nothing_crashes_hangs_or_ends_otherwise(kind, count, least, tally):
    """So many inputs of a kind; at least `least` of them are right, so that more is tried than refusing."""
    ends = campaign(kind, count)
    assert set(ends) <= set(GOOD), ends
    assert sum(ends.values()) == count
    assert ends["right"] >= least, ends
    tally[f"fuzzed: {kind}"] += count

"""A small part of each campaign, the same each time."""

from __future__ import annotations

import pytest

from .campaign import GOOD, campaign


@pytest.mark.parametrize(
    ("kind", "count", "least"),
    [("text", 3000, 500), ("npz", 500, 50), ("replay", 150, 75), ("call", 40, 40), ("kill", 5, 5)],
)
def test_nothing_crashes_hangs_or_ends_otherwise(kind, count, least, tally):
    """So many inputs of a kind; at least `least` of them are right, so that more is tried than refusing."""
    ends = campaign(kind, count)
    assert set(ends) <= set(GOOD), ends
    assert sum(ends.values()) == count
    assert ends["right"] >= least, ends
    tally[f"fuzzed: {kind}"] += count

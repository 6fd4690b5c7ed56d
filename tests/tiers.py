"""The two tiers: `make test` runs what every change needs, `make test-all` the rest, marked ``slow``.

What is moved to the second tier, and what it guards, stands in CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

#: Patch levels that stand for all in the first tier: before the patch, without snapshot, with it, and put right. (The
#: builds of the original code come under names of their own.)
FIRST = {"emulate", "preoos", "oos-fixups", "nosnap", "oos-snapshot", "full", "oos-fixed"}


def some(values: Iterable[str], first: Iterable[str] = FIRST) -> list:
    """Return the values of a parameter, those that are not among `first` for the second tier."""
    return [value if value in first else pytest.param(value, marks=pytest.mark.slow) for value in values]

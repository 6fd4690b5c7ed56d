"""The tables of README and REPRODUCE, number by number."""

from __future__ import annotations

import re

import pytest

from .computed import ALL, STUDIED, answers, counters, passes
from .sentences import ROOT

README, REPRODUCE = ((ROOT / name).read_text() for name in ("README.md", "REPRODUCE.md"))


def rows(text: str, columns: int) -> dict[str, list[str]]:
    """Return the rows that begin with a recording and have so many numbers, as they are written."""
    found = {}
    for line in text.splitlines():
        name, *told = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and name in ALL and len(told) == columns:
            found[name] = told
    return found


def spelled(value: float, as_in: str) -> str:
    """Return a number written as one in the table is."""
    decimals = len(re.sub(r"[^\d.]", "", as_in).partition(".")[2])
    return f"{value:,.{decimals}f}".replace("-", "−") + (" %" if as_in.endswith("%") else "")


def agrees(told: list[str], right: list[float]) -> None:
    assert told == [spelled(value, text) for value, text in zip(right, told, strict=True)]


def test_the_readme_is_short():
    assert len(README.split()) <= 900


@pytest.mark.parametrize("name", STUDIED)
def test_what_comes_out_in_the_readme(name):
    told = rows(README, 7)
    assert set(told) == set(STUDIED)
    patch, before = counters().loc[(name, "oos-snapshot")], counters().loc[(name, "oos-fixups")]
    there = answers().loc[(name, "Core 2 6420")]
    agrees(
        told[name],
        [
            patch.resync_compared,
            100 * patch.resync_dirty / patch.resync_compared,
            before.resync_propagated,
            patch.resync_propagated,
            before.resync_propagated / patch.resync_propagated,
            100 * there.share,
            100 * there.net_cycles_worst / there.cycles_without,
        ],
    )


@pytest.mark.parametrize("name", ALL)
def test_the_counts_in_reproduce(name):
    told = rows(REPRODUCE, 6)
    assert set(told) == set(ALL)
    patch, before = counters().loc[(name, "oos-snapshot")], counters().loc[(name, "oos-fixups")]
    ratio = before.resync_propagated / patch.resync_propagated
    dirty = 100 * patch.resync_dirty / patch.resync_compared
    faults = counters().loc[(name, "emulate")].shadow_fault
    derived = patch.resync_propagated, before.resync_propagated
    agrees(told[name], [patch.resync_compared, dirty, *derived, ratio, faults])


@pytest.mark.parametrize("name", ALL)
def test_the_cycles_in_reproduce(name):
    told = rows(REPRODUCE, 8)
    assert set(told) == set(ALL)
    there, later = answers().loc[(name, "Core 2 6420")], answers().share[(name, "Broadwell")]
    flat = [part for cell in told[name] for part in cell.split(" to ")]
    ends = [("low", "high"), ("low_together", "high_together"), ("worst", "best")]
    cycles = [there.net_cycles, *(there[f"net_cycles_{end}"] for pair in ends for end in pair)]
    right = [there.propagations_avoided, there.snapshot_copies, *(c / 1e6 for c in cycles), 100 * there.share]
    agrees(flat, [*right, 100 * later])


def test_the_claims_of_reproduce():
    studied = answers().loc[list(STUDIED)]
    assert f"saves {studied.share.min():.1%} to {studied.share.max():.1%}".replace("%", " %") in REPRODUCE
    assert f"costs in {(studied.net_cycles_worst < 0).sum()} of {len(studied)} cases" in REPRODUCE
    plain, isolated = answers().share[[("inserts", "Core 2 6420"), ("inserts-pti", "Core 2 6420")]]
    assert f"it saves {isolated:.1%}, not {plain:.1%}".replace("%", " %") in REPRODUCE
    clean = passes().dirty.eq(0)
    each = clean.groupby(passes().trace).mean()
    told = f"{each.min():.0%} to {each.max():.0%}; {clean.mean():.0%} of all {len(clean):,}".replace("%", " %")
    assert told in REPRODUCE

"""Rivals, in one table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from oosbench import open_trace, recordings
from oosbench.costs import processor
from oosbench.costs.primitives import CATEGORIES
from oosbench.rivals import SHADOWS, rivals
from oosbench.rivals.nested import NATIVE, TWO_DIMENSIONAL, WORST, misses

pytestmark = pytest.mark.xdist_group("rivals")  # its tests share what takes a while

PUBLISHED = pd.read_csv(recordings.data_folder() / "published_numbers.csv", index_col="id")
README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def table():
    return rivals("gcc").set_index("system")


def test_all_rivals_stand_in_one_table(table):
    assert list(table.index) == [*SHADOWS, "kvm", "nested", "nested, no walk cache", "ideal"]
    assert table[list(CATEGORIES)].sum(axis=1).to_numpy() == pytest.approx(table.cycles.to_numpy())
    assert table.times_least["ideal"] == 1


def test_the_ideal_does_less_than_any_shadow(table):
    for column in ("vm_exits", "emulated", "copied", "compared", "derived", "cycles"):
        assert (table.loc[list(SHADOWS), column] >= table.loc["ideal", column]).all(), column


def test_what_the_ideas_bring(table):
    patch = table.loc["oos-snapshot"]
    lazy, lines, demand = (
        table.loc[f"oos-snapshot+{idea}"] for idea in ("lazy_snapshot", "line_compare", "demand_slots")
    )
    assert lazy.copied < patch.copied < 1.3 * lazy.copied
    assert patch.derived < lazy.derived
    assert lines.compared < patch.compared / 2
    assert lines.derived == patch.derived
    assert demand.copied < 0.6 * patch.copied
    assert max(lines.cycles, demand.cycles) < patch.cycles


def test_nested_paging_costs_walks_alone(table):
    touches = misses(recordings.load("gcc"), open_trace("gcc"))
    of = processor("Core 2 6420")
    assert table.vm_exits["nested"] == 0
    assert table.cycles["nested"] == pytest.approx(
        (TWO_DIMENSIONAL - NATIVE) * touches * of.prices["walk_reference"].cycles, abs=20
    )
    assert [float(PUBLISHED.value[i]) for i in ("walk-01", "walk-02")] == [NATIVE, TWO_DIMENSIONAL]
    assert WORST == (4 + 1) * (4 + 1) - 1
    assert misses(open_trace("gcc"), open_trace("gcc")) > touches, "a trace has the kernel's stores as well"

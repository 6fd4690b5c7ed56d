"""Where a snapshot stops paying."""

from __future__ import annotations

from pathlib import Path

import pytest

from oosbench import charts
from oosbench.costs import processor, worth
from oosbench.costs.breakeven import (
    Episode,
    curves,
    dirty_ratio_at_break_even,
    episode_tallies,
    episode_trace,
    net_closed_form,
    net_simulated,
    simulated,
    terms,
)

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    "episode",
    [
        Episode(511, 1),
        Episode(500, 10, 3),
        Episode(500, 10, 3, 50),
        Episode(1, 1),
        Episode(8, 8, 2),
        Episode(100, 20, 1, 30),
        Episode(64, 64, 4),
    ],
)
@pytest.mark.parametrize("name", ["Prescott", "Broadwell"])
def test_the_closed_form_is_what_the_machines_do(episode, name):
    assert net_simulated(episode, name) == pytest.approx(net_closed_form(episode, name), abs=1e-6)


def test_an_episode_is_what_it_says():
    without, with_it = episode_tallies(Episode(100, 20, 3, 30))
    assert with_it.events.snapshot_compare == 300
    assert with_it.events.snapshot_copy == 1
    assert without.events.propagate - with_it.events.propagate == 300 - 20
    with pytest.raises(ValueError, match="must have 1 to 511 present"):
        episode_trace(Episode(10, 11))


def test_curve_and_simulation_meet():
    names = ["Core 2 6420", "Broadwell"]
    found = simulated(names, present=(8, 128, 511), passes=(1, 3))
    for row in found.itertuples():
        expected = dirty_ratio_at_break_even(row.compared, terms(row.processor))
        assert row.dirty_ratio == pytest.approx(expected, abs=1e-9)
    table = curves(names)
    assert (table.low <= table.dirty_ratio + 1e-9).all()
    assert (table.dirty_ratio <= table.high + 1e-9).all()
    guests = worth(["gcc"], names)
    text = charts.break_even_text(table, found, guests)
    assert "Recorded guests: gcc 12.5% at 199." in text
    assert len(charts.as_png(charts.break_even(table, found, guests))) > 10_000


def test_the_rule_of_the_literature_is_the_special_case():
    free = {"snapshot_entry_write": 0, "validate_gl1e": 0}
    t = terms(processor("Merom").replace(**free))
    present = 200
    assert dirty_ratio_at_break_even(present, t) == pytest.approx(1 - (t.compare + t.copy / present) / t.derive)

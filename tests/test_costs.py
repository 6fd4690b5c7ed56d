"""Prices, tallies, worth, break-even, rivals: sources told, sums right, wrong ones refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oosbench import Machine, charts, open_trace, recordings, run_each
from oosbench.__main__ import main as run
from oosbench.breakeven import (
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
from oosbench.calibration import NAME, measure, this_machine
from oosbench.costs import TRUST, Price, Processor, cost, processor, processors
from oosbench.errors import CostError
from oosbench.primitives import CATEGORIES, EVENTS, Tally, same_guest, tally
from oosbench.rivals import SHADOWS, rivals
from oosbench.rivals.nested import NATIVE, TWO_DIMENSIONAL, WORST, misses
from oosbench.shadow import counters as ctr
from oosbench.worth import WITH, WITHOUT, net, sensitivity, verdict, worth

PUBLISHED = pd.read_csv(recordings.data_folder() / "published_numbers.csv", index_col="id")
README = Path(__file__).parents[1] / "README.md"
PRICES = pd.read_csv(recordings.data_folder() / "prices.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def pair():
    """Return the tallies of sqlite without and with the snapshot."""
    return [tally(result) for result in run_each(["sqlite"], [WITHOUT, WITH])]


# --- prices --------------------------------------------------------------------------------------------------


def test_every_processor_prices_every_event_and_says_where_from():
    for one in processors().values():
        assert list(one.prices) == list(EVENTS)
        for price in one.prices.values():
            assert price.trust in TRUST
            assert (price.source == "no source") == (price.trust == "none")
            assert price.note


def test_prices_that_quote_a_published_number_are_that_number():
    quoted = PRICES[PRICES.trust.isin(["secondary", "memory"])]
    assert len(quoted) == 4 * 7
    for row in quoted.itertuples():
        assert float(row.cycles) == float(PUBLISHED.value[row.published])


def test_exits_of_later_processors_are_derived_from_the_mean_ratio():
    def value(number: int) -> float:
        return float(PUBLISHED.value[f"exit-{number:02d}"])

    both = [(9, 1), (10, 2), (11, 3), (13, 4), (14, 5)]  # round trip and exit of one generation
    ratio = np.mean([value(trip) / value(alone) for trip, alone in both])
    for name, alone in (("Ivy Bridge", 6), ("Haswell", 7), ("Broadwell", 8)):
        assert processor(name).prices["vmexit_pf"].cycles == pytest.approx(value(alone) * ratio, abs=1)


def test_emulation_is_what_is_left_of_ptemod():
    ptemod, trip, later = (float(PUBLISHED.value[i]) for i in ("aa06-11", "aa06-33", "aa06-34"))
    assert processor("Prescott").prices["emulate_insn"].cycles == ptemod - trip
    assert processor("Merom").prices["emulate_insn"].cycles == pytest.approx((ptemod - trip) * later / trip, abs=1)


@pytest.mark.parametrize(
    ("event", "price", "told"),
    [
        ("snapshot_copy", -1, "price of snapshot_copy is -1"),
        ("snapshot_copy", float("nan"), "must be 0 or more"),
        ("snapshot_copy", "cheap", "must be 0 or more"),
        ("snapshot_copy", Price(5, 6, 7), "is 5, must lie in its range 6 to 7"),
        ("snapshot", 3, "no event is called snapshot"),
    ],
)
def test_an_impossible_price_is_refused(event, price, told):
    with pytest.raises(CostError, match=told):
        processor("Merom").replace(**{event: price})


def test_an_impossible_processor_is_refused():
    with pytest.raises(CostError, match="unknown processor 'Z80'; there are Prescott, Merom"):
        processor("Z80")
    with pytest.raises(CostError, match="ghz is 0, must be"):
        processor("Merom").replace(ghz=0)


def test_an_event_without_a_price_is_refused(pair):
    poor = Processor("poor", 1, {"propagate": Price(1, 1, 1)})
    with pytest.raises(CostError, match="processor poor: there is no price for vmexit_pf, "):
        cost(pair[0], poor)


# --- tallies and sums ----------------------------------------------------------------------------------------


def test_events_read_counters_that_are_there():
    counters = pd.Series({name: 2**i for i, name in enumerate(ctr.NAMES[:60])}).reindex(ctr.NAMES, fill_value=1)
    for event in EVENTS.values():
        assert event.category in CATEGORIES
        if event.count is not None:
            assert event.count(counters, 2) > 0


def test_only_one_trace_and_different_systems_can_be_compared(pair):
    other = tally(Machine(open_trace("sqlite", "4k"), WITH, keep_outcomes=False).run())
    with pytest.raises(CostError, match=r"oos-snapshot ran sqlite \(4k direct map\) .* only systems that ran the same"):
        net(pair[0], other, processor("Merom"))
    with pytest.raises(CostError, match="each system must be there once"):
        same_guest([pair[0], pair[0]])
    with pytest.raises(CostError, match="emulate: no event is called vmexit"):
        Tally.of(open_trace("sqlite"), "emulate", {"vmexit": 1})


def test_a_cost_is_the_sum_of_counters_times_prices(pair):
    table = cost(pair[1], "Merom")
    by_hand = sum(pair[1].events[event] * price.cycles for event, price in processor("Merom").prices.items())
    assert table.cycles["total"] == pytest.approx(by_hand, rel=1e-12)
    assert table.cycles[list(CATEGORIES)].sum() == pytest.approx(by_hand, rel=1e-12)
    assert table.us["total"] == pytest.approx(by_hand / 2660, rel=1e-12)
    assert table.cycles["snapshot copy"] == pytest.approx(
        146 * 512 + 4 * pair[1].events.snapshot_entry_write + 15 * pair[1].events.snapshot_lookup
    )
    assert table.attrs["system"] == "oos-snapshot"


# --- what it is worth ----------------------------------------------------------------------------------------


def test_the_answer_on_every_recording():
    table = worth(recordings.studied())
    assert len(table) == 5 * 10
    one = table.drop_duplicates("recording").set_index("recording")
    assert (one.propagations_avoided == one.compared - one.dirty).all()
    assert one.loc["gcc", ["compared", "dirty", "snapshot_copies"]].tolist() == [121431, 15179, 611]
    assert (table.net_cycles_low < table.net_cycles).all()
    assert (table.net_cycles < table.net_cycles_high).all()
    assert table.net_us.to_numpy() == pytest.approx(
        [row.net_cycles / (1000 * processor(row.processor).ghz) for row in table.itertuples()]
    )
    assert table.equals(worth(recordings.studied())), "the same prices are drawn each time"
    assert verdict(table).startswith("The snapshot pays on all of 5 guests and 10 processors, whatever the prices")
    told = charts.worth_text(table[table.processor == "Merom"])
    assert f"gcc: Merom {table.share[(table.recording == 'gcc') & (table.processor == 'Merom')].item():.1%}" in told


def test_the_readme_tells_what_it_is_worth():
    readme = README.read_text()
    rows = re.findall(
        r"^\| (\w+) \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) M \| ([\d.]+) to ([\d.]+) M \| ([\d.]+) % \| ([\d.]+) % \|$",
        readme,
        re.M,
    )
    assert [row[0] for row in rows] == ["gcc", "python", "sqlite", "forkexec", "redis"]
    table = worth(recordings.studied()).set_index(["recording", "processor"])
    for name, *told in rows:
        there, later = table.loc[(name, "Core 2 6420")], table.share[(name, "Broadwell")]
        cycles = there[["net_cycles", "net_cycles_low", "net_cycles_high"]] / 1e6
        right = [there.propagations_avoided, there.snapshot_copies, *cycles, 100 * there.share, 100 * later]
        assert told == [f"{a:,.{len(text.partition('.')[2])}f}" for a, text in zip(right, told, strict=True)]
    assert f"{table.share.min():.1%} to {table.share.max():.1%}".replace("%", " %") in readme
    pair = worth(["inserts", "inserts-pti"], [processor("Core 2 6420")]).share
    assert f"it saves {pair[1]:.1%}, not {pair[0]:.1%}".replace("%", " %") in readme


def test_a_verdict_is_not_always_yes():
    dear = processor("Merom").replace(snapshot_copy=1e6)
    table = worth(["sqlite"], [dear])
    assert table.share[0] < -1
    assert f"does not pay on sqlite at the prices of Merom, changed: it adds {-table.share[0]:,.1%} to" in verdict(
        table
    )
    two = verdict(worth(["sqlite", "gcc"], [dear]))
    assert two.startswith("The snapshot pays in 0 of 2 cases of 2 guests and 1 processor")
    assert " to " not in verdict(worth(["sqlite"], ["Merom"])).partition("saves")[2]
    doubtful = processor("Merom").replace(snapshot_copy=Price(500, 0, 1e6))
    assert "could turn that round" in verdict(worth(["sqlite"], [doubtful]))


def test_prices_without_a_range_give_an_answer_without_one(pair):
    sure = Processor("sure", 1, {event: Price(3, 3, 3) for event in EVENTS})
    row = worth(["sqlite"], [sure]).iloc[0]
    assert row.net_cycles_low == row.net_cycles == row.net_cycles_high


def test_the_price_that_decides_stands_first(pair):
    table = sensitivity(*pair, "Merom")
    assert table.index[0] == "p2m_lookup"
    price = processor("Merom").prices["p2m_lookup"]
    dear = net(*pair, processor("Merom").replace(p2m_lookup=price.high)).sum()
    assert table.high["p2m_lookup"] == pytest.approx(dear)
    assert table.swing.is_monotonic_decreasing
    assert "a frame looked up by its gfn (no source)" in charts.tornado_text(table)
    assert len(charts.as_png(charts.tornado(table))) > 10_000


# --- break-even ----------------------------------------------------------------------------------------------


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


# --- this machine --------------------------------------------------------------------------------------------


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


# --- rivals --------------------------------------------------------------------------------------------------


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
        TWO_DIMENSIONAL * touches * of.prices["walk_reference"].cycles, abs=20
    )
    assert [float(PUBLISHED.value[i]) for i in ("walk-01", "walk-02")] == [NATIVE, TWO_DIMENSIONAL]
    assert WORST == (4 + 1) * (4 + 1) - 1
    assert misses(open_trace("gcc"), open_trace("gcc")) > touches, "a trace has the kernel's stores as well"


# --- command line --------------------------------------------------------------------------------------------


def test_worth_prints_the_answer_and_leaves_rows(tmp_path, capsys):
    file = tmp_path / "w.json"
    assert run(["worth", "sqlite", "--processor", "Merom", "--json", str(file)]) == 0
    assert "The snapshot pays on sqlite at the prices of Merom, " in capsys.readouterr().out
    (row,) = json.loads(file.read_text())
    wanted = "recording compared dirty snapshot_copies propagations_avoided net_cycles net_cycles_low net_cycles_high"
    assert set(wanted.split()) | {"processor"} <= set(row)
    assert row["net_cycles_low"] < row["net_cycles"] < row["net_cycles_high"]


def test_rivals_prints_a_table(capsys):
    assert run(["rivals", "sqlite", "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["system"] for row in rows][-1] == "ideal"
    assert run(["rivals", "sqlite", "--processor", "Haswell"]) == 0
    assert "(sqlite at the prices of Haswell)" in capsys.readouterr().out


def test_prices_and_calibrate_print(capsys):
    assert run(["prices"]) == 0
    assert "Merom         2.66 GHz, exit and entry 2,123 cycles (secondary)" in capsys.readouterr().out
    assert run(["prices", "Penryn"]) == 0
    assert "no source" in capsys.readouterr().out
    assert run(["calibrate"]) == 0
    assert "copy hot" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["worth", "sqlite"], ["rivals", "sqlite"], ["prices"]])
def test_an_unknown_processor_is_bad_input(command, capsys):
    words = [*command, "Z80"] if command == ["prices"] else [*command, "--processor", "Z80"]
    assert run(words) == 2
    assert "unknown processor 'Z80'; there are" in capsys.readouterr().err

"""What the snapshot is worth."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from oosbench import Design, Store, Trace, charts, recordings, run_each, sweep
from oosbench.costs import WITH, WITHOUT, Processor, breakdown, processor, tally, timeline, verdict, worth
from oosbench.costs.breakdown import side_by_side
from oosbench.costs.prices import Price
from oosbench.costs.primitives import EVENTS
from oosbench.costs.worth import fewer_events, net, sensitivity
from oosbench.rivals import rivals
from oosbench.sweeps.metrics import metric

README = Path(__file__).parents[2] / "README.md"


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
    told = charts.worth_text(table[table.processor == "Merom"])
    assert f"gcc: Merom {table.share[(table.recording == 'gcc') & (table.processor == 'Merom')].item():.1%}" in told


def test_the_corners_on_every_recording():
    table = worth(recordings.studied(), ["Core 2 6420"]).set_index("recording")
    worst = {"forkexec": -7.43, "python": -1.02, "gcc": -1.00, "redis": -0.46, "sqlite": -0.26}
    assert (table.net_cycles_worst / 1e6).round(2).to_dict() == worst
    for corner in ("worst", "best"):
        pair = [tally(result) for result in run_each(["gcc"], [WITHOUT, WITH])]
        of = processor("Core 2 6420")
        ends = {}
        for event, count in fewer_events(*pair).items():
            price = of.prices[event]
            ends[event] = price.low if (count > 0) == (corner == "worst") else price.high
        assert net(*pair, of.replace(**ends)).sum() == pytest.approx(table[f"net_cycles_{corner}"]["gcc"])


def test_a_verdict_says_what_it_rests_on():
    sqlite = worth(["sqlite"], ["Core 2 6420"])
    assert verdict(sqlite) == (
        "The snapshot pays on sqlite at the prices of Core 2 6420, as stated: it saves 0.49 M cycles, 4.8% of what "
        "shadow paging costs there. It does so in all 4,000 draws of independent prices and in all 4,000 in which "
        "prices move together; with every price at its worst it costs 0.26 M cycles."
    )
    all_of_it = verdict(worth(recordings.studied()))
    assert all_of_it.startswith(
        "The snapshot pays on all of 5 guests and 10 processors, at the prices as stated: it saves"
    )
    assert "with every price at its worst it costs in 44 of 50 cases, most on forkexec, 7.4 M cycles" in all_of_it
    assert all_of_it.endswith("2 price lists behind the 10 processors; else they differ in what an exit costs.")
    assert "in at least 99.7% of 4,000 draws" in all_of_it


def test_a_verdict_is_not_always_yes():
    dear = processor("Merom").replace(snapshot_copy=1e6)
    table = worth(["sqlite"], [dear])
    assert table.share[0] < -1
    told = verdict(table)
    assert f"does not pay on sqlite at the prices of Merom, changed: it adds {-table.share[0]:,.1%} to" in told
    assert "It pays in none of 4,000 draws" in told
    two = verdict(worth(["sqlite", "gcc"], [dear]))
    assert two.startswith("The snapshot pays in 0 of 2 cases of 2 guests and 1 processor")
    doubtful = verdict(worth(["sqlite"], [processor("Merom").replace(snapshot_copy=Price(500, 1, 1e6))]))
    assert doubtful.startswith("The snapshot pays on sqlite")
    odds = float(re.search(r"in ([\d.]+)% of 4,000 draws of independent", doubtful)[1])
    assert 20 < odds < 80


def test_draws_are_never_rounded_to_all_or_none():
    table = worth(["sqlite"], ["Merom"]).assign(pays=0.99999, pays_together=0.00001)
    assert "in 99.9% of 4,000 draws of independent prices and in 0.1% of 4,000 in which" in verdict(table)


def test_a_guest_that_does_nothing_saves_nothing():
    table = worth([Trace.from_text("MODE 4 1 16 256\nPOKE 0x1000 0x2067\n", "idle")], ["Merom"])
    assert table.share.isna().all()
    assert verdict(table) == "Nothing happened that costs anything, so there is nothing to save."


def test_one_total():
    """`worth`, `rivals`, the breakdown, the timeline and a sweep mean the same by what shadow paging costs."""
    row = worth(["sqlite"], ["Core 2 6420"]).iloc[0]
    by_system = rivals("sqlite").set_index("system").cycles
    both = by_system[[WITHOUT, WITH]].tolist()
    assert by_system["oos-fixups"] == pytest.approx(row.cycles_without)
    assert 1 - by_system["oos-snapshot"] / by_system["oos-fixups"] == pytest.approx(row.share)
    parts = breakdown(run_each(["sqlite"], [WITHOUT, WITH])).groupby("system", sort=False)
    assert parts.cycles.sum().tolist() == pytest.approx(both)
    assert parts.share.sum().tolist() == pytest.approx([1, 1 - row.share])
    over_time = timeline("sqlite", windows=7).groupby("system", sort=False)
    assert over_time.total.last().tolist() == pytest.approx(both)
    assert over_time.cycles.sum().tolist() == pytest.approx(both)
    with Store(":memory:") as store:
        frame = sweep(Design(workloads=["sqlite"], presets=[WITHOUT, WITH]), store)
    assert metric(frame, "cycles").tolist() == pytest.approx(both)


def test_where_the_cycles_go_side_by_side(pair):
    table = side_by_side(breakdown(pair, "Merom")).set_index("category")
    assert table.index[-1] == "all"
    columns = [WITHOUT, WITH, "saved"]
    assert table.loc["all", columns].tolist() == pytest.approx(table.iloc[:-1][columns].sum().tolist())
    assert table.saved["exits"] == table.saved["walks"] == 0
    assert table.saved["propagate"] > 0 > table.saved["snapshot copy"]
    assert table.share["all"] == pytest.approx(worth(["sqlite"], ["Merom"]).share[0])


def test_prices_without_a_range_give_an_answer_without_one(pair):
    sure = Processor("sure", 1, {event: Price(3, 3, 3) for event in EVENTS})
    row = worth(["sqlite"], [sure]).iloc[0]
    assert row.net_cycles_low == row.net_cycles == row.net_cycles_high == row.net_cycles_worst == row.net_cycles_best
    assert sensitivity(*pair, sure).explains.eq(0).all()


def test_the_price_that_decides_stands_first(pair):
    table = sensitivity(*pair, "Merom")
    assert table.index[0] == "p2m_lookup"
    price = processor("Merom").prices["p2m_lookup"]
    dear = net(*pair, processor("Merom").replace(p2m_lookup=price.high)).sum()
    assert table.high["p2m_lookup"] == pytest.approx(dear)
    assert table.swing.is_monotonic_decreasing
    flips = table.flips_at["p2m_lookup"]
    assert not table.within["p2m_lookup"], "no one price turns the answer round"
    assert not table.within.any()
    nothing = net(*pair, processor("Merom").replace(snapshot_copy=table.flips_at["snapshot_copy"])).sum()
    assert nothing == pytest.approx(0, abs=1)
    assert pd.isna(flips), "not even if a look-up costs nothing"
    assert "a frame looked up by its gfn (derived)" in charts.tornado_text(table)
    assert len(charts.as_png(charts.tornado(table))) > 10_000

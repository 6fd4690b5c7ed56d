"""What the snapshot is worth."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from oosbench import charts, recordings
from oosbench.costs import Processor, processor, verdict, worth
from oosbench.costs.prices import Price
from oosbench.costs.primitives import EVENTS
from oosbench.costs.worth import net, sensitivity

PUBLISHED = pd.read_csv(recordings.data_folder() / "published_numbers.csv", index_col="id")
README = Path(__file__).parents[2] / "README.md"
PRICES = pd.read_csv(recordings.data_folder() / "prices.csv", keep_default_na=False)


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

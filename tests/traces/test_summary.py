"""What a trace is: page tables followed, stores counted by epoch."""

from __future__ import annotations

import numpy as np
import pytest

from oosbench import Trace, recordings

# What was counted in the recordings themselves, when they were made, by other code: stores to L1 and to L2 entries; L1
# tables stored to. Then, between two CR3 loads: L1 tables stored to and still there at the second; mean, median and
# largest number of different entries in them; how many have one run, in percent; how many tables were gone; mean and
# largest number of L1 tables stored to, and how often there were more than three, in percent.
RECORDED = {
    "forkexec": (227825, 2010, 1412, 1799, 20.5, 2, 195, 55, 1407, 3.2, 7, 20),
    "gcc": (32832, 170, 102, 117, 81.3, 6, 488, 48, 96, 4.8, 27, 43),
    "python": (30272, 100, 47, 136, 138.1, 116, 512, 49, 42, 3.5, 17, 34),
    "sqlite": (6468, 42, 36, 88, 33.0, 2, 371, 67, 30, 2.1, 7, 13),
    "redis": (66057, 431, 249, 2005, 14.1, 1, 512, 78, 232, 1.5, 22, 5),
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_guest_did_what_was_counted_when_it_was_recorded(name, recorded):
    found = recorded(name).summary()
    level, live = found.stores.level, found.epochs[~found.epochs.destroyed]
    assert (
        (level == 1).sum(),
        (level == 2).sum(),
        found.stores.table[level == 1].nunique(),
        len(live),
        round(live.entries.mean(), 1),
        live.entries.quantile(0.5, "lower"),
        live.entries.max(),
        round(100 * (live.runs == 1).mean()),
        found.epochs.destroyed.sum(),
        round(found.flushes.mean(), 1),
        found.flushes.max(),
        round(100 * (found.flushes > 3).mean()),
    ) == RECORDED[name]
    assert (found.stores.groupby("level").changed.sum() <= found.stores.groupby("level").size()).all()


def test_a_recording_is_described_with_its_faults():
    told = recordings.load("sqlite").describe()
    assert "666 page faults were recorded" in told
    assert "161 CR3" in told


def guest(levels: int, uppers: str) -> str:
    """Return a guest with a root in frame 1 and an L1 in frame 4 that maps the first 8 pages, writable."""
    size = 4 if levels == 2 else 8
    pages = "".join(f"POKE {0x4000 + size * i:#x} {i << 12 | 0x67:#x}\n" for i in range(8))
    return f"MODE {levels} 1 64 256\n{uppers}{pages}"


GUESTS = {
    2: guest(2, "POKE 0x1000 0x4067\n"),
    3: guest(3, "POKE 0x1000 0x2001\nPOKE 0x2000 0x4067\n"),
    4: guest(4, "POKE 0x1000 0x2067\nPOKE 0x2000 0x3067\nPOKE 0x3000 0x4067\n"),
}
UPPER = {2: 0x1000, 3: 0x2000, 4: 0x3000}  # where the entries lie that point to L1 tables


def summary(levels, events):
    return Trace.from_text(f"{GUESTS[levels]}CR3 0 0x1000\n{events}").summary()


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_tables_are_found_by_mode(levels):
    found = summary(levels, "")
    assert np.bincount(found.tables.level, minlength=5)[1:].tolist() == [1, 1, int(levels > 2), int(levels == 4)]
    assert (found.tables.died == -1).all()
    assert found.stores.empty
    assert "no store to an L1 table" in str(found)


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_a_table_begins_ends_and_begins_again(levels):
    size = 4 if levels == 2 else 8
    entry = UPPER[levels] + size
    events = f"WRITE 0 {entry:#x} 0x5067\nWRITE 0 0x5000 0x9067\nWRITE 0 {entry:#x} 0x0\nWRITE 0 0x5000 0x9067\n"
    found = summary(levels, f"{events}WRITE 0 {entry:#x} 0x5067\n")
    lives = found.tables[found.tables.frame == 5]
    assert len(lives) == 2
    assert (lives.died >= 0).tolist() == [True, False]
    assert found.stores.level.tolist() == [2, 1, 2, 2]  # the store to what was no table any more is none


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_a_store_that_a_processor_would_not_do_is_none(levels):
    size = 4 if levels == 2 else 8
    read_only = f"WRITE 0 {0x4000 + 4 * size:#x} 0x4065\n"  # page 4, the table itself
    again = f"WRITE 0 {0x4000 + 5 * size:#x} 0x0\n"
    assert len(summary(levels, read_only + again).stores) == 1
    assert len(summary(levels, f"{read_only}WP 0 0\n{again}").stores) == 2  # a supervisor's, without CR0.WP
    assert len(summary(levels, f"WRITE 0 0x400000 0x0\n{again}").stores) == 1  # to where nothing is mapped


def test_a_store_in_two_halves_and_one_of_four_bytes_are_stores_to_one_entry():
    found = summary(3, "WRITEHL 0 0x4040 0x8000000000009067\nWRITE 0 0x4048 0xa067 4\nWRITE 0 0x404c 0x80000000 4\n")
    assert found.stores["index"].tolist() == [8, 9, 9]
    assert summary(2, "WRITE 0 0x4040 0x900000008067 8\n").stores["index"].tolist() == [16, 17]


def test_a_large_page_is_no_table_and_can_hold_one():
    # The L2's second entry is a large page: 0x200000 is frame 0, so 0x204000 is the L1 table once more.
    found = summary(4, "WRITE 0 0x3008 0xe7\nWRITE 0 0x204000 0x9067\n")
    assert found.stores.level.tolist() == [2, 1]
    assert len(found.tables) == 4


@pytest.mark.parametrize("levels", [2, 4])
def test_a_table_that_maps_itself_ends(levels):
    size = 4 if levels == 2 else 8
    last = 0x1000 + size * (1023 if levels == 2 else 511)
    found = summary(levels, f"WRITE 0 {last:#x} 0x1067\nWRITE 0 {last:#x} 0x0\n")
    assert found.stores.level.tolist() == [levels, levels]
    assert (found.tables.died == -1).all()
    assert found.tables.level.max() == levels


def test_epochs_count_entries_runs_and_tables():
    stores = "".join(f"WRITE 0 {0x4000 + 8 * i:#x} 0x{i:x}067\n" for i in (1, 2, 2, 5))
    found = summary(4, f"{stores}CR3 0 0x1000\nWRITE 0 0x4038 0x7067\nCR3 0 0x1000\nWRITE 0 0x4030 0x6067\n")
    assert found.epochs[["entries", "runs"]].to_numpy().tolist() == [[3, 2], [1, 1], [1, 1]]
    assert found.runs.tolist() == [2, 1, 1, 1]
    assert found.flushes.tolist() == [1, 1]
    assert found.stores.changed.sum() == 0  # each stored what was there


def test_several_pae_roots_in_a_page_are_all_found():
    found = summary(3, "POKE 0x1020 0x6001\nPOKE 0x6000 0x7067\nCR3 0 0x1020\n")
    assert set(found.tables.frame) == {1, 2, 4, 6, 7}

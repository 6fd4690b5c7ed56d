"""The self-check: on recordings made by hand, in which one thing is wrong or nothing is; then on real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from oosbench import Recording, RecordingError, recordings
from oosbench.__main__ import main
from oosbench.recordings import check
from oosbench.recordings import convert as rules
from oosbench.x86 import NX, PFEC_I, PFEC_P, PFEC_U, PFEC_W, PSE, RW, US, A, D, P

from ..turns import taking_turns

ALL = P | RW | US
#: Of each page-table page: frame, level, parent, index in the parent. Three are L1 tables, of 2 MiB each.
PAGES = [(16, 4, -1, 0), (17, 3, 0, 0), (18, 2, 1, 0), (19, 1, 2, 0), (20, 1, 2, 2), (21, 1, 2, 3)]
ENTRIES = {
    0: {0: 17 << 12 | ALL},
    1: {0: 18 << 12 | ALL},
    2: {0: 19 << 12 | ALL, 1: 512 << 12 | ALL | PSE, 2: 20 << 12 | P, 3: 21 << 12 | ALL | NX},
    3: {0: 64 << 12 | ALL, 1: 65 << 12 | P | RW, 2: 66 << 12 | P | US, 3: 67 << 12 | ALL | NX},
    4: {0: 68 << 12 | ALL},
    5: {0: 69 << 12 | ALL},
}
#: Addresses, by what their translation allows.
FREE, SUPERVISOR, READ_ONLY, NO_FETCH, NOTHING = (page << 12 for page in range(5))
LARGE, UNDER_SUPERVISOR, UNDER_NO_FETCH, NO_TABLE = (region << 21 for region in (1, 2, 3, 4))


def recording(*more: tuple[int, ...], pages: list[tuple[int, ...]] = PAGES) -> Recording:
    """Return one of a guest that loads CR3; then rows (kind, page, level, index, value, va[, vcpu])."""
    rows = [(rules.ROW_CR3, 0, 0, 0, 0, 0), (rules.ROW_ROOT, 0, 4, 0, 0, 0)]
    for page, entries in ENTRIES.items():
        level, index = pages[page][1], pages[page][3]
        rows.append((rules.ROW_LINK, page, level, index, 0, 0))
        rows += [(rules.ROW_INIT, page, level, index, value, 0) for index, value in entries.items()]
    kind, page, level, index, value, va, vcpu = np.array([(*row, 0)[:7] for row in [*rows, *more]], object).T
    value = value.astype("i8")
    columns = {
        "ev": kind.astype("u1"),
        "dt": np.zeros(len(kind), "u4"),
        "page": page.astype("u4"),
        "lvl": level.astype("u1"),
        "idx": index.astype("u2"),
        "flags": (value & 0xFFF | (value >> 51) & 0x1000).astype("u2"),
        "frame": (value >> 12 & 0xFFFFFFFF).astype("u4"),
        "va": va.astype("u8"),
        "ip_kernel": np.zeros(len(kind), bool),
        "vcpu": vcpu.astype("u1"),
    }
    names = ("page_pfn", "page_lvl", "page_parent", "page_pidx")
    columns |= {name: np.array(column) for name, column in zip(names, zip(*pages, strict=True), strict=True)}
    return Recording("by hand", columns)


def fault(va: int, code: int) -> tuple[int, ...]:
    return (rules.ROW_PF, 0, code, 0, 0, va)


def write(page: int, index: int, value: int, level: int | None = None) -> tuple[int, ...]:
    return (rules.ROW_WRITE, page, PAGES[page][1] if level is None else level, index, value, 0)


def test_a_recording_of_nothing_wrong_is_good():
    found = check(recording(write(3, 4, 70 << 12 | ALL)))
    assert found.good
    assert (found.stores, found.tables, found.faults) == (1, 6, 0)


@pytest.mark.parametrize(
    ("va", "code", "explained"),
    [
        (NOTHING, PFEC_U, True),
        (NOTHING, PFEC_P | PFEC_U, False),
        (NO_TABLE, PFEC_W, True),
        (NO_TABLE, PFEC_P | PFEC_W, False),
        (FREE, PFEC_U, False),
        (FREE, PFEC_P | PFEC_U | PFEC_W, False),
        (FREE, PFEC_P | PFEC_U | PFEC_I, False),
        (SUPERVISOR, PFEC_P | PFEC_U, True),
        (SUPERVISOR, PFEC_P | PFEC_W, False),
        (READ_ONLY, PFEC_P | PFEC_U | PFEC_W, True),
        (READ_ONLY, PFEC_P | PFEC_U, False),
        (NO_FETCH, PFEC_P | PFEC_U | PFEC_I, True),
        (NO_FETCH, PFEC_P | PFEC_U | PFEC_W, False),
        (LARGE, PFEC_P | PFEC_W, False),
        (LARGE, PFEC_W, False),
        (UNDER_SUPERVISOR, PFEC_P | PFEC_U, True),
        (UNDER_SUPERVISOR, PFEC_P | PFEC_W, True),
        (UNDER_SUPERVISOR, PFEC_P, False),
        (UNDER_NO_FETCH, PFEC_P | PFEC_I, True),
        (UNDER_NO_FETCH, PFEC_P | PFEC_U | PFEC_W, False),
    ],
)
def test_a_fault_is_explained_by_what_the_walk_allows(va, code, explained):
    found = check(recording(fault(va, code)))
    assert (found.faults, found.unexplained, found.inconsistent) == (1, not explained, 0)
    assert found.good == explained
    assert (f"fault at {va:#x} with error code {code:#x}" in found.first) != explained


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([write(2, 9, 40 << 12 | ALL), fault(NOTHING, 0)], "frame 0x28, of which no L1 table is told"),
        ([write(2, 9, 40 << 12 | ALL)], "frame 0x28, of which no L1 table is told"),
        ([write(1, 9, 19 << 12 | ALL), fault(NOTHING, 0)], "frame 0x13, of which no L2 table is told"),
        ([(rules.ROW_CR3, 3, 0, 0, 0, 0)], "frame 0x13, of which no L4 table is told"),
        (
            [(rules.ROW_ADUPD, 3, 1, 2, 66 << 12 | ALL, 0)],
            "entry 2 of page 3 has changed in more than",
        ),
        ([write(3, 0, 0, level=2)], "page 3 is no L2 table now"),
        ([(rules.ROW_UNLINK, 3, 1, 0, 0, 0), write(3, 0, 0)], "page 3 is no L1 table now"),
    ],
)
def test_rows_that_contradict_those_before_are_counted(rows, told):
    found = check(recording(*rows))
    assert found.inconsistent == 1
    assert told in found.first
    assert not found.good


def test_accessed_and_dirty_bits_are_the_hardwares():
    assert check(recording((rules.ROW_ADUPD, 3, 1, 0, 64 << 12 | ALL | A | D, 0))).good


def test_a_walk_through_a_page_that_is_no_table_explains_nothing():
    found = check(recording((rules.ROW_UNLINK, 3, 1, 0, 0, 0), fault(NOTHING, 0)))
    assert (found.unexplained, found.inconsistent) == (1, 0)
    assert "the walk leaves what is known" in found.first


def test_a_frame_that_becomes_a_table_again_begins_empty():
    again = [*PAGES, (19, 1, 2, 0)]
    rows = [(rules.ROW_UNLINK, 3, 1, 0, 0, 0), write(2, 0, 19 << 12 | ALL), (rules.ROW_LINK, 6, 1, 0, 0, 0)]
    assert check(recording(*rows, fault(FREE, PFEC_U), pages=again)).good


def test_memory_beyond_the_guests_holds_no_table():
    assert check(recording(write(2, 9, 2**20 << 12 | ALL))).good


def test_each_vcpu_has_a_root_of_its_own():
    other = [*PAGES, (22, 4, -1, 0)]  # a root without entries
    load = [(rules.ROW_CR3, 6, 0, 0, 0, 0, 1), (rules.ROW_ROOT, 6, 4, 0, 0, 0), (rules.ROW_LINK, 6, 4, 0, 0, 0)]
    faults = {vcpu: (*fault(FREE, PFEC_U), vcpu) for vcpu in (0, 1, 2)}
    assert check(recording(*load, faults[1], pages=other)).good
    assert check(recording(*load, faults[0], pages=other)).unexplained == 1
    assert check(recording(*load, faults[2], pages=other)).unexplained == 1, "it has loaded no root"


# ---- recorded guests, whole and damaged ----


@pytest.mark.parametrize("name", recordings.bundled().index)
def test_bundled_recordings_pass_the_check(name, tally):
    found = check(recordings.load(name))
    assert found.good, str(found)
    assert found.faults > 600
    tally["recorded faults explained"] += found.faults


def _without(rows: dict[str, np.ndarray], left_out: np.ndarray) -> Recording:
    per_page = {name: column for name, column in rows.items() if name.startswith("page_")}
    return Recording("damaged", {name: c[~left_out] for name, c in rows.items() if name not in per_page} | per_page)


def test_the_check_notices_a_single_store_left_out():
    """The store that mapped a page read-only: without it, the later fault on a write is none the tables explain."""
    rows = recordings.load("gcc").rows
    mapped = (rows["ev"] == 6) & (rows["lvl"] == 1) & (rows["flags"] & 3 == 1)
    tried = 0
    for fault in np.flatnonzero((rows["ev"] == 5) & (rows["lvl"] == 7))[:200:20]:
        same = np.flatnonzero(mapped[:fault] & (rows["idx"][:fault] == (rows["va"][fault] >> 12 & 511)))
        if len(same) == 0 or fault - same[-1] > 50:
            continue
        left_out = np.zeros(len(rows["ev"]), bool)
        left_out[same[-1]] = True
        found = check(_without(rows, left_out))
        assert found.unexplained >= 1
        tried += 1
    assert tried >= 2


@pytest.mark.parametrize("kind", [6, 7, 9], ids=["stores", "links", "unlinks"])
def test_the_check_notices_what_is_missing(kind):
    rows = recordings.load("forkexec").rows
    random = np.random.default_rng(1)
    left_out = (rows["ev"] == kind) & (random.random(len(rows["ev"])) < 0.02)
    found = check(_without(rows, left_out))
    if kind == 9:  # a table that is gone and not told to be is no contradiction: nothing leads to it
        assert found.unexplained == 0
    else:
        assert not found.good
        assert "row " in str(found)


def test_the_check_notices_a_wrong_error_code():
    rows = dict(recordings.load("sqlite").rows)
    fault = int(np.flatnonzero(rows["ev"] == 5)[7])
    rows["lvl"] = rows["lvl"].copy()
    rows["lvl"][fault] ^= 1
    found = check(Recording("wrong", rows))
    assert (found.unexplained, found.inconsistent) == (1, 0)
    assert f"row {fault}: fault at 0x" in found.first


def test_the_check_walks_from_the_root_of_the_vcpu_that_faulted():
    recording = taking_turns("forkexec")
    rows = recording.rows
    second = (rows["ev"] == 2) & (rows["vcpu"] == 1)
    assert check(recording).good
    found = check(_without(rows, second))
    assert found.unexplained == np.count_nonzero((rows["ev"] == 5) & (rows["vcpu"] == 1)) > 5000
    late = np.flatnonzero(second)[500]
    found = check(_without(rows, np.arange(len(second)) == late))
    assert 0 < found.unexplained < 500


def test_whatever_is_in_a_recording_the_check_says_so_and_does_not_fail(tmp_path):
    random = np.random.default_rng(7)
    for _ in range(30):
        rows = {name: column.copy() for name, column in recordings.load("sqlite").rows.items()}
        for column in ("ev", "page", "lvl", "idx", "flags", "frame", "va"):
            at = random.integers(0, len(rows["ev"]), 40)
            rows[column][at] = random.integers(0, 2 ** (8 * rows[column].itemsize) - 1, 40, rows[column].dtype)
        recording = Recording("damaged", rows)
        recording.write(tmp_path / "damaged.npz")
        try:
            found = check(Recording.read(tmp_path / "damaged.npz"))
        except RecordingError:
            rows["ev"] = recordings.load("sqlite").rows["ev"]
            rows["page"] = recordings.load("sqlite").rows["page"]
            found = check(Recording("damaged", rows))
        assert not found.good


def test_check_is_a_command(in_folder, capsys):
    assert main(["check", "sqlite"]) == 0
    assert capsys.readouterr().out.startswith("sqlite: 666 of 666 page faults explained by the tables, 0 inconsist")
    rows = recordings.load("sqlite").rows
    _without(rows, rows["ev"] == 6).write("bad.npz")
    assert main(["check", "./bad.npz"]) == 2
    assert "./bad.npz: " in capsys.readouterr().err
    Path("a.trace").write_text("MODE 4 1 1024 256\n")
    assert main(["check", "./a.trace"]) == 2
    assert "is a trace; the check is for recordings" in capsys.readouterr().err

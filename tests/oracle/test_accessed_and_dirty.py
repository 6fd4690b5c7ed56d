"""Accessed and dirty bits: what must be marked, and what must not."""

from __future__ import annotations

import pytest

from .judging import LEVELS, READ, X, guest, kinds

# By mode: place and entry of each level of the walk for X, as words of memory; in the order of the walk.
ON_THE_WAY = {
    2: [(0x1000, 0x5067_0000_4067, 0x20 << 32), (0x5000, 0x9067_0000_8067, 0x20)],
    3: [(0x3008, 0x5067, 0x20), (0x5000, 0x8067, 0x20)],
    4: [(0x1000, 0x2067, 0x20), (0x2000, 0x30E7, 0x20), (0x3008, 0x5067, 0x20), (0x5000, 0x8067, 0x20)],
}
EACH_LEVEL = pytest.mark.parametrize(
    ("levels", "way"), [(levels, way) for levels, ways in ON_THE_WAY.items() for way in ways]
)


def unmarked(levels: int, way: tuple[int, int, int], event: str, bit: int = 1) -> str:
    """Return the guest with A (or D: `bit` 2) clear in one of the entries on the way to X."""
    place, word, a = way
    text = guest(levels, event)
    return text.replace("CR3", f"POKE {place:#x} {word & ~(a * bit):#x} 8\nCR3", 1)


@EACH_LEVEL
def test_what_is_used_must_be_marked_accessed_at_every_level(levels, way):
    place, word, a = way
    text = unmarked(levels, way, READ)
    assert kinds(text) == kinds(text, memory={place: word}) == []
    assert kinds(text, memory={place: word & ~a}) == ["A/D"]


READ_ONLY = {2: (0x5008, 0xB025_0000_A067, 0x20 << 32), 3: (0x5018, 0xB025, 0x20), 4: (0x5018, 0xB025, 0x20)}


@LEVELS
def test_a_walk_that_fails_marks_nothing(levels):
    for way in (*ON_THE_WAY[levels][:-1], READ_ONLY[levels]):
        text = unmarked(levels, way, "ACCESS 0 X3 w u\n")
        assert kinds(text) == []
        assert kinds(text, memory={way[0]: way[1]}) == ["memory"]


@LEVELS
def test_a_store_needs_the_leaf_marked_dirty_and_a_read_must_not_mark_it(levels):
    way = ON_THE_WAY[levels][-1]
    place, word, a = way
    text = unmarked(levels, way, "ACCESS 0 X0 w u\n", 2)
    assert kinds(text) == kinds(text, memory={place: word}) == []
    assert kinds(text, memory={place: word & ~(2 * a)}) == ["A/D"]
    assert kinds(unmarked(levels, way, READ, 2)) == []
    assert kinds(unmarked(levels, way, READ, 2), memory={place: word}) == ["memory"]


@EACH_LEVEL
def test_a_walk_that_marks_an_entry_accessed_marks_only_the_leaf_of_a_store_dirty(levels, way):
    place, word, _ = way
    assert kinds(unmarked(levels, way, READ, 3), memory={place: word}) == ["memory"]
    found = [] if way == ON_THE_WAY[levels][-1] else ["memory"]
    assert kinds(unmarked(levels, way, "ACCESS 0 X0 w u\n", 3), memory={place: word}) == found


@LEVELS
def test_a_store_needs_marks_unless_it_went_over_them(levels):
    # At the offset that the entry has in its table, but in another frame.
    place, word, a = ON_THE_WAY[levels][-1]
    text = unmarked(levels, ON_THE_WAY[levels][-1], "WRITE 0 X0 0x77 4\n", 2)
    assert kinds(text) == []
    assert kinds(text, memory={place: word & ~(2 * a)}) == ["A/D"]
    emulated = unmarked(levels, ON_THE_WAY[levels][-1], f"WRITE 0 {X[levels] + 16:#x} 0x77 4\n", 2)
    assert kinds(emulated, "EMUL") == []
    assert kinds(emulated, "EMUL", {place: word & ~(2 * a)}) == ["A/D"]


@EACH_LEVEL
def test_no_other_bit_of_an_entry_changes(levels, way):
    place, word, a = way
    for other in (word | a << 4, word & ~a):  # one of the guest's own bits set; A cleared
        assert kinds(guest(levels, READ), memory={place: other}) == ["memory"]
    if way != ON_THE_WAY[levels][-1]:
        # D of an upper entry, which no walk sets
        assert kinds(unmarked(levels, way, "ACCESS 0 X0 w u\n", 2), memory={place: word}) == ["memory"]


def test_an_entry_that_was_marked_since_the_flush_is_still_marked_in_the_tlb():
    clean = "ACCESS 0 X0 w u\nWRITE 0 0x0 0x8027\nACCESS 0 X0 w u\n"
    assert kinds(guest(4, clean), memory={0x5000: 0x8027}) == []
    flushed = clean.replace("8027\n", "8027\nCR3 0 ROOT\n")
    assert kinds(guest(4, flushed)) == []
    assert kinds(guest(4, flushed), "OK 0x8000", {0x5000: 0x8027}) == ["A/D"]

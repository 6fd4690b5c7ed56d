"""Superpages, and the topmost entries of PAE."""

from __future__ import annotations

from .judging import LEVELS, READ, guest, kinds

# --- superpages ----------------------------------------------------------------------------------------------------


BIG = {2: (0x800000, 0x1008, 4), 3: (0x400000, 0x3010, 8), 4: (0x400000, 0x3010, 8)}


def superpage(levels: int, entry: int, events: str) -> str:
    """Return the guest with `entry` in the L2 for the third region, which is at B; L2 is the va of that entry."""
    start, place, _ = BIG[levels]
    text = guest(levels, events).replace("CR3", f"POKE {place:#x} {entry:#x}\nCR3", 1)
    text = text.replace(f"MODE {levels} 1 64", f"MODE {levels} 1 4096")
    return text.replace("B0", hex(start)).replace("B7", hex(start + 0x7000)).replace("L2", hex(place & 0xFFF | 0x1000))


@LEVELS
def test_a_superpage_maps_page_by_page(levels):
    text = superpage(levels, 0x4000E7, "ACCESS 0 B7 r u\n")
    assert kinds(text) == kinds(text, "OK 0x407000") == []
    assert kinds(text, "OK 0x400000") == ["translation"]
    # Bit 12 of the entry is an attribute, no part of the frame.
    assert kinds(superpage(levels, 0x4010E7, "ACCESS 0 B7 r u\n"), "OK 0x407000") == []
    assert kinds(superpage(levels, 0x4010E7, "ACCESS 0 B7 r u\n"), "OK 0x408000") == ["translation"]


@LEVELS
def test_an_invlpg_anywhere_in_a_superpage_ends_all_of_it(levels):
    remap = "ACCESS 0 B0 r u\nWRITE 0 L2 0x8000e7\n"
    read = "ACCESS 0 B0 r u\n"
    for flush, found in (("", []), ("INVLPG 0 B7\n", ["translation"]), ("INVLPG 0 X0\n", [])):
        text = superpage(levels, 0x4000E7, remap + flush + read)
        assert kinds(text, "OK 0x800000") == []
        assert kinds(text, "OK 0x400000") == found


@LEVELS
def test_the_entry_of_a_superpage_holds_its_rights_and_marks(levels):
    store = "ACCESS 0 B0 w u\n"
    place = BIG[levels][1]
    assert kinds(superpage(levels, 0x4000E7, store)) == []
    assert kinds(superpage(levels, 0x4000E5, store), "OK 0x400000") == ["rights"]
    assert kinds(superpage(levels, 0x4000A7, store)) == []
    assert kinds(superpage(levels, 0x4000A7, store), "OK 0x400000", {place: 0x4000A7}) == ["A/D"]


def test_two_level_superpages_need_the_pse_bit_of_cr4():
    # Without it the entry names a table, in frame 400.
    text = superpage(2, 0x4000E7, "PSE 0 0\nACCESS 0 B0 r u\n")
    assert kinds(text, "FAULT 0x4") == []
    assert kinds(text, "OK 0x400000") == ["translation"]
    assert kinds(superpage(2, 0x4000E7, "PSE 0 0\nPSE 0 1\nACCESS 0 B0 r u\n"), "OK 0x400000") == []
    for levels in (3, 4):
        assert kinds(superpage(levels, 0x4000E7, "PSE 0 0\nACCESS 0 B0 r u\n"), "OK 0x400000") == []


# --- PAE -----------------------------------------------------------------------------------------------------------


def test_pae_takes_its_topmost_entries_from_the_last_flush():
    # Entry 1 is given a table after CR3 was loaded, then entry 0 loses its own.
    late = guest(3, "WRITE 0 0x2028 0x3001\nACCESS 0 0x40200000 r u\n")
    assert kinds(late) == kinds(late, "FAULT 0x4") == []
    assert kinds(late, "OK 0x8000") == ["translation"]
    for flush in ("CR3 0 ROOT", "PSE 0 1"):
        loaded = guest(3, f"WRITE 0 0x2028 0x3001\n{flush}\nACCESS 0 0x40200000 r u\n")
        assert kinds(loaded, "OK 0x8000") == []
        assert kinds(loaded, "FAULT 0x4") == ["fault"]
    assert kinds(guest(3, f"WRITE 0 0x2020 0x0\nINVLPG 0 X0\n{READ}"), "OK 0x8000") == []
    assert kinds(guest(3, f"WRITE 0 0x2020 0x0\nINVLPG 0 X0\n{READ}"), "FAULT 0x4") == ["fault"]


def test_pae_takes_all_four_of_them():
    for i in range(4):
        text = guest(3, f"ACCESS 0 {(i << 30) + 0x200000:#x} r u\n")
        text = text.replace("CR3", f"POKE 0x1020 0x0\nPOKE {0x1020 + 8 * i:#x} 0x3001\nCR3", 1)
        assert kinds(text, "OK 0x8000") == []

"""Where an access may end, and what it may do there."""

from __future__ import annotations

import pytest

from .judging import LEVELS, READ, guest, kinds

# --- places --------------------------------------------------------------------------------------------------------


@LEVELS
def test_what_was_never_mapped_cannot_be_hit(levels):
    assert kinds(guest(levels, "ACCESS 0 X4 r u\n"), "OK 0x8000") == ["translation"]


@LEVELS
def test_an_access_hits_its_own_offset(levels):
    assert kinds(guest(levels, READ), "OK 0x8008") == ["translation"]


@LEVELS
def test_only_ram_can_be_hit(levels):
    for unmapped in ("0x40000", "0x123456000"):
        assert kinds(guest(levels, READ), f"OK {unmapped}") == ["translation"]
    text = guest(levels, "P2M 8 mmio\n" + READ)
    assert kinds(text) == []
    assert kinds(text, "OK 0x8000") == ["translation"]


def test_without_paging_an_address_is_its_own_place():
    text = "MODE 4 1 64 256\nACCESS 0 0x1000 r u\n"
    assert kinds(text) == kinds(text.replace("0x1000", "0xffff800000001000")) == []
    assert kinds(text, "OK 0x2000") == ["translation"]
    assert kinds(text, "FAULT 0x5") == ["fault"]
    assert kinds("MODE 2 1 64 256\nACCESS 0 0x40000 w u\n") == []  # a device, beyond memory


# --- rights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0x1000, 0x2000, 0x3008, 0x5000])
def test_each_level_can_withhold_user_access_and_stores(place):
    def without(bit: int) -> str:
        entry = {0x1000: 0x2067, 0x2000: 0x30E7, 0x3008: 0x5067, 0x5000: 0x8067}[place]
        return guest(4, READ).replace(f"POKE {place:#x} {entry:#x}", f"POKE {place:#x} {entry & ~bit:#x}")

    assert kinds(without(0)) == []
    assert kinds(without(4), "OK 0x8000") == ["rights"]
    assert kinds(without(4).replace("r u", "r s"), "OK 0x8000") == []
    assert kinds(without(2), "OK 0x8000") == []
    for who in "us":
        assert kinds(without(2).replace("r u", f"w {who}"), "OK 0x8000") == ["rights"]


@LEVELS
def test_write_protection_of_the_supervisor_is_checked_at_the_time_of_use(levels):
    store = "WRITE 0 X3 0x1 4 {}\n"
    off = guest(levels, "WP 0 0\n" + store.format("s"))
    assert kinds(off) == []
    assert kinds(off, "FAULT 0x3", {0xB000: 0}) == ["fault"]
    assert "rights" in kinds(guest(levels, "WP 0 0\n" + store.format("u")), "OK 0xb000")
    assert "rights" in kinds(guest(levels, "WP 0 0\nWP 0 1\n" + store.format("s")), "OK 0xb000")


FETCH = "ACCESS 0 X2 x u\n"


@pytest.mark.parametrize("levels", [3, 4])
def test_nx_counts_if_it_was_on_ever_since_the_flush(levels):
    assert kinds(guest(levels, FETCH), "OK 0xa000") == ["rights"]
    assert kinds(guest(levels, FETCH.replace("x", "r")), "OK 0xa000") == []
    assert kinds(guest(levels, f"NX 0 0\n{FETCH}"), "OK 0xa000") == []
    assert kinds(guest(levels, f"NX 0 0\nCR3 0 ROOT\n{FETCH}"), "OK 0xa000") == []
    assert kinds(guest(levels, f"NX 0 0\nNX 0 1\n{FETCH}"), "OK 0xa000") == []
    assert kinds(guest(levels, f"NX 0 0\nNX 0 1\nNX 0 1\n{FETCH}"), "FAULT 0x15") == []
    for flush in ("CR3 0 ROOT", "INVLPG 0 X2"):
        assert kinds(guest(levels, f"NX 0 0\nNX 0 1\n{flush}\n{FETCH}"), "OK 0xa000") == ["rights"]


def test_nx_of_an_upper_level_counts_too():
    text = guest(4, "ACCESS 0 X0 x u\n")
    for place, entry in ((0x1000, 0x2067), (0x2000, 0x30E7), (0x3008, 0x5067)):
        spoilt = text.replace(f"POKE {place:#x} {entry:#x}", f"POKE {place:#x} {entry | 1 << 63:#x}")
        assert kinds(spoilt) == []
        assert kinds(spoilt, "OK 0x8000") == ["rights"]


def test_a_store_cannot_hit_read_only_memory():
    text = guest(4, "P2M 8 ro\nWRITE 0 X0 0x1\n")
    assert kinds(text, "OK 0x8000", {0x8000: 1}) == ["rights"]
    assert kinds(guest(4, f"P2M 8 ro\n{READ}"), "OK 0x8000") == []

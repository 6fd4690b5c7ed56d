"""Guest entry in, shadow entry out: which bits get through."""

from __future__ import annotations

import pytest

from oosbench import preset
from oosbench.shadow import guest, state
from oosbench.shadow.links import make_shadow
from oosbench.shadow.propagate import DEMAND_READ, DEMAND_WRITE, PREFETCH, propagate_l1e, propagate_upper
from oosbench.shadow.replay import start
from oosbench.shadow.types import GNP, L1_64, OOS_MAY_WRITE, OUT_OF_SYNC, is_magic
from oosbench.x86 import NX, PCD, PSE, PWT, RW, US, A, D, G, P, frame_of

USED = P | RW | US | A | D


def domain_of(name: str):
    d = state.new_domain(preset(name), levels=4, vcpus=1, guest_pages=64, shadow_pages=256, log=10)
    start(d)
    return d


@pytest.fixture
def domain():
    return domain_of("oos-snapshot")


def leaf(d, entry: int, fetch: int = DEMAND_WRITE, levels: int = 4) -> int:
    gfn = frame_of(entry)
    target, kind = guest.p2m(d, gfn)
    return propagate_l1e(d, 0, entry, levels, target, kind, gfn, fetch)


def test_a_missing_guest_entry_is_remembered_as_such(domain):
    assert leaf(domain, 5 << 12 | RW) == GNP
    assert propagate_upper(domain, 0, 5 << 12 | RW, 3, 4, 77) == 0


def test_software_global_and_cache_bits_stay_out(domain):
    assert leaf(domain, 5 << 12 | USED | G | PWT | PCD | 0xE00) == 5 << 12 | P | RW | US | A


def test_without_the_guests_a_the_entry_is_there_but_not_present(domain):
    assert leaf(domain, 5 << 12 | P | RW | US | D) == 5 << 12 | RW | US


def test_without_the_guests_d_it_is_not_writable(domain):
    assert leaf(domain, 5 << 12 | P | RW | A) == 5 << 12 | P | A


def test_nx_counts_only_where_the_guest_uses_it(domain):
    assert leaf(domain, 5 << 12 | USED | NX) >= 0
    domain.vcpus[0].nx = 1
    assert leaf(domain, 5 << 12 | USED | NX) < 0
    assert leaf(domain, 5 << 12 | USED | NX, levels=2) >= 0


def test_read_only_memory_is_never_writable(domain):
    domain.frames[5].p2m_type = state.RAM_RO
    assert leaf(domain, 5 << 12 | USED) & RW == 0


def test_what_has_no_frame_is_emulated_mmio(domain):
    entry = leaf(domain, 0xFEE00 << 12 | USED)
    assert is_magic(entry)
    assert entry & 0xFFFFFFFF == 0xFEE00 << 4 | RW | US | P


def test_upper_entries_always_carry_a_and_d(domain):
    assert propagate_upper(domain, 0, 5 << 12 | P | A, 4, 4, 77) == 77 << 12 | P | A | D
    assert propagate_upper(domain, 0, 5 << 12 | P, 4, 4, 77) == 77 << 12 | A | D
    assert propagate_upper(domain, 0, 5 << 12 | USED, 4, 4, state.INVALID) == 0


def test_a_clean_superpage_is_read_only(domain):
    domain.vcpus[0].paged = domain.vcpus[0].pse = 1
    assert propagate_upper(domain, 0, PSE | P | RW | A, 2, 4, 77) & RW == 0
    assert propagate_upper(domain, 0, PSE | P | RW | A | D, 2, 4, 77) & RW


@pytest.mark.parametrize(
    ("name", "on_demand", "on_prefetch"), [("oos-snapshot", True, True), ("oos-array", True, False)]
)
def test_who_may_write_to_a_page_table(name, on_demand, on_prefetch):
    d = domain_of(name)
    make_shadow(d, 5, L1_64)
    assert leaf(d, 5 << 12 | USED) & RW == 0
    d.frames[5].shadow_flags |= OUT_OF_SYNC | OOS_MAY_WRITE
    assert bool(leaf(d, 5 << 12 | USED, DEMAND_WRITE) & RW) == on_demand
    for fetch in (PREFETCH, DEMAND_READ):
        assert bool(leaf(d, 5 << 12 | USED, fetch) & RW) == on_prefetch

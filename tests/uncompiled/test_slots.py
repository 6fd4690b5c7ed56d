"""Slots and snapshots: who moves, who is evicted, and which copy goes with whom."""

from __future__ import annotations

import numpy as np
import pytest

from oosbench import preset
from oosbench.shadow import counters as ctr
from oosbench.shadow import oos, slots, snapshot, state
from oosbench.shadow.content import BY_FAULT
from oosbench.shadow.crash import NotInSlots
from oosbench.shadow.guest import marked_store
from oosbench.shadow.links import make_shadow
from oosbench.shadow.replay import start
from oosbench.shadow.types import L1_64, OUT_OF_SYNC


@pytest.fixture
def domain():
    """Return a machine with one vCPU, tables in frames 30 to 39, each shadowed as an L1."""
    d = state.new_domain(preset("oos-snapshot"), levels=4, vcpus=1, guest_pages=64, shadow_pages=256, log=1000)
    start(d)
    d.state[0].oos_active = 1
    for gmfn in range(30, 40):
        d.memory[gmfn, :] = gmfn
        make_shadow(d, gmfn, L1_64)
    return d


def held(d) -> list[int]:
    return d.vcpus[0].oos[:3].tolist()


def snapshot_of(d, gmfn: int) -> np.ndarray:
    assert snapshot.oos_snapshot_lookup(d, gmfn) == d.lag[gmfn].snapshot
    return snapshot.snapshot_as_page(d, gmfn)


def test_three_pages_of_one_home(domain):
    for gmfn in (30, 33, 36):
        assert oos.sh_unsync(domain, 0, gmfn, 0)
    assert held(domain) == [36, 33, -1]
    counters = domain.counters
    assert counters[ctr.shadow_unsync] == counters[ctr.snapshot_copies] == 3
    assert counters[ctr.shadow_unsync_evict] == counters[ctr.shadow_resync] == 1
    assert not domain.frames[30].shadow_flags & OUT_OF_SYNC


def test_a_foreigner_in_the_home_slot_goes_though_another_is_empty(domain):
    for gmfn in (30, 33, 31):
        oos.sh_unsync(domain, 0, gmfn, 0)
    assert held(domain) == [33, 31, -1]
    assert domain.counters[ctr.slot_swap] == 1


def test_a_moved_page_keeps_its_snapshot(domain):
    oos.sh_unsync(domain, 0, 30, 0)
    for offset in range(0, 4096, 8):
        marked_store(domain, 30, offset, 7, 8)
    oos.sh_unsync(domain, 0, 33, 0)
    assert held(domain)[:2] == [33, 30]
    assert (snapshot_of(domain, 30) == 30).all()
    assert (snapshot_of(domain, 33) == 33).all()


def test_a_snapshot_keeps_what_was_before_the_first_store_to_a_line(domain):
    oos.sh_unsync(domain, 0, 30, 0)
    before = domain.memory[30].copy()
    lag = domain.lag[30]
    assert lag.kept == lag.written == 0
    marked_store(domain, 30, 60, -1, 8)  # in the first line and in the second
    assert lag.kept == lag.written == 0b11
    marked_store(domain, 30, 4088, 5, 8)
    marked_store(domain, 30, 4088, 6, 8)
    assert lag.kept == lag.written == np.int64(1) << 63 | 0b11
    assert (domain.memory[30] != before).sum() == 3
    assert (snapshot_of(domain, 30) == before).all()
    snapshot.complete_snapshot(domain, 30)
    assert (domain.tables[lag.snapshot] == before).all()


def test_snapshot_pages_are_permuted_and_never_lost(domain):
    before = sorted(domain.vcpus[0].oos_snapshot[:3].tolist())
    rng = np.random.default_rng(1)
    for gmfn in rng.integers(30, 40, 200).tolist():
        oos.sh_unsync(domain, 0, gmfn, 0)
        assert sorted(domain.vcpus[0].oos_snapshot[:3].tolist()) == before
        at = held(domain)
        assert at[gmfn % 3] == gmfn or at[(gmfn + 1) % 3] == gmfn
        for page in at:
            if page != -1:
                assert (snapshot_of(domain, page) == domain.memory[page]).all()


def test_the_snapshot_is_the_page_as_it_is_at_unsync(domain):
    domain.memory[35, :] = np.arange(512)
    oos.sh_unsync(domain, 0, 35, 0)
    marked_store(domain, 35, 800, -5, 8)
    assert (snapshot_of(domain, 35) == np.arange(512)).all()


def test_what_may_not_go_out_of_sync(domain):
    assert not oos.sh_unsync(domain, 0, 50, 0)  # no page table
    assert oos.sh_unsync(domain, 0, 30, 0)
    assert not oos.sh_unsync(domain, 0, 30, 0)  # already out of sync
    make_shadow(domain, 31, 10)
    assert not oos.sh_unsync(domain, 0, 31, 0)  # an L2 as well
    domain.state[0].oos_active = 0
    assert not oos.sh_unsync(domain, 0, 32, 0)  # some vCPU has paging off
    assert domain.counters[ctr.shadow_unsync] == 1
    assert domain.counters[ctr.unsync_calls] == 5


def test_a_page_in_no_slot_is_a_crash(domain):
    with pytest.raises(NotInSlots):
        slots.find_slot(domain, 30)


def test_the_log_of_content_passes_has_a_bound(domain):
    """No event fills the margin that `replay.run` keeps; should one ever, the run ends and no memory is spoiled."""
    domain.state[0].resyncs = len(domain.resyncs) - 1
    for gmfn in (30, 31):
        assert oos.sh_unsync(domain, 0, gmfn, 0)
    oos.sh_resync(domain, 30, BY_FAULT)
    with pytest.raises(AssertionError, match="the log of content passes is full"):
        oos.sh_resync(domain, 31, BY_FAULT)

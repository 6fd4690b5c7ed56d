"""The pool: chunks split, merge, and come back; the hash finds what is in it."""

from __future__ import annotations

import numpy as np
import pytest

from oosbench import preset
from oosbench.shadow import hash as shadow_hash
from oosbench.shadow import pool, state
from oosbench.shadow.crash import PoolDry
from oosbench.shadow.types import L1_32, L1_64, L2_32, L4_64


@pytest.fixture
def domain():
    """Return a machine whose pool of 128 pages is all free."""
    d = state.new_domain(preset("emulate"), levels=4, vcpus=1, guest_pages=64, shadow_pages=0, log=10)
    pool.fill_pool(d)
    return d


def free_chunks(d) -> list[int]:
    return d.state[0].free_chunks.tolist()


def test_a_chunk_is_split_and_its_upper_half_used(domain):
    assert free_chunks(domain) == [0, 0, 32]
    assert pool.alloc(domain, L1_64, 9) == 3
    assert free_chunks(domain) == [1, 1, 31]
    assert pool.alloc(domain, L1_32, 9) == 0
    assert free_chunks(domain) == [1, 0, 31]
    assert pool.alloc(domain, L2_32, 9) == 4


def test_what_is_freed_merges_again(domain):
    rng = np.random.default_rng(3)
    taken = []
    for _ in range(500):
        if taken and rng.random() < 0.5:
            pool.free(domain, taken.pop(rng.integers(len(taken))))
        elif len(taken) < 20:
            taken.append(pool.alloc(domain, int(rng.choice([L1_64, L1_32, L2_32])), 9))
        in_use = sum({L1_64: 1, L1_32: 2, L2_32: 4}[int(domain.shadows[s].type)] for s in taken)
        assert sum(n << k for k, n in enumerate(free_chunks(domain))) == 128 - in_use
    for smfn in taken:
        pool.free(domain, smfn)
    assert free_chunks(domain) == [0, 0, 32]


def test_a_chunk_is_aligned_to_its_size(domain):
    pool.alloc(domain, L1_64, 9)
    assert pool.alloc(domain, L1_32, 9) % 2 == 0
    assert pool.alloc(domain, L2_32, 9) % 4 == 0


def test_the_orders_are_not_added_up(domain):
    domain.state[0].free_chunks[:] = (3, 1, 0)
    assert pool.space_is_available(domain, 0, 3)
    assert not pool.space_is_available(domain, 0, 4)  # though there are five pages
    assert pool.space_is_available(domain, 1, 1)
    assert not pool.space_is_available(domain, 2, 1)


def test_an_empty_pool_is_a_crash(domain):
    for _ in range(32):
        pool.alloc(domain, L2_32, 9)
    with pytest.raises(PoolDry):
        pool.alloc(domain, L1_64, 9)


def test_freeing_a_page_makes_every_vcpu_forget_it(domain):
    smfn = pool.alloc(domain, L1_64, 9)
    domain.vcpus[0].last_writeable_pte_smfn = smfn
    domain.vcpus[0].last_write_emul_ok = 1
    pool.free(domain, smfn)
    assert domain.vcpus[0].last_writeable_pte_smfn == domain.vcpus[0].last_write_emul_ok == 0


def test_a_chain_moves_what_it_finds_to_the_front(domain):
    bucket = shadow_hash.bucket_of(1, L1_64)
    alike = [n for n in range(1, 4000) if shadow_hash.bucket_of(n, L1_64) == bucket][:3]
    shadows = {n: pool.alloc(domain, L1_64, n) for n in alike}
    for number, smfn in shadows.items():
        shadow_hash.hash_insert(domain, number, L1_64, smfn)
    assert domain.hash[bucket] == shadows[alike[2]]
    assert shadow_hash.hash_lookup(domain, alike[0], L1_64) == shadows[alike[0]] == domain.hash[bucket]
    domain.state[0].hash_walking = 1
    assert shadow_hash.hash_lookup(domain, alike[1], L1_64) == shadows[alike[1]] != domain.hash[bucket]
    assert shadow_hash.hash_lookup(domain, alike[1], L4_64) == 0
    for number, smfn in shadows.items():
        shadow_hash.hash_delete(domain, number, L1_64, smfn)
        assert shadow_hash.hash_lookup(domain, number, L1_64) == 0
    assert domain.hash[bucket] == 0

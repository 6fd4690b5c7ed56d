"""Finding the shadow of a guest page: a chained hash of 251 buckets that moves what it finds to the front.

The order of the chains shows: a brute-force search goes through them and stops early.
"""

from __future__ import annotations

from ..compiled import jit
from . import counters as ctr
from .state import HASH_BUCKETS
from .types import IS_FL1


@jit
def bucket_of(number, kind):
    """Return the bucket of frame (or, for fl1, gfn) `number` shadowed as `kind`. Xen: sh_hash."""
    k = kind
    for byte in range(8):
        k = ((number >> (8 * byte) & 0xFF) + (k << 6) + (k << 16) - k) & 0xFFFFFFFF
    return k % HASH_BUCKETS


@jit
def hash_lookup(d, number, kind):
    """Return the shadow of `number` as `kind`, 0 if there is none. Xen: shadow_hash_lookup."""
    d.counters[ctr.shadow_get_shadow_status] += not IS_FL1[kind]
    d.counters[ctr.shadow_hash_lookups] += 1
    bucket = bucket_of(number, kind)
    before = 0
    smfn = d.hash[bucket]
    while smfn != 0:
        d.counters[ctr.hash_chain_step] += 1
        shadow = d.shadows[smfn]
        if shadow.backpointer == number and shadow.type == kind:
            if before == 0:
                d.counters[ctr.shadow_hash_lookup_head] += 1
            elif not d.state[0].hash_walking:
                d.shadows[before].next_shadow = shadow.next_shadow
                shadow.next_shadow = d.hash[bucket]
                d.hash[bucket] = smfn
            return smfn
        before = smfn
        smfn = shadow.next_shadow
    d.counters[ctr.shadow_hash_lookup_miss] += 1
    return smfn


@jit
def hash_insert(d, number, kind, smfn):
    """Enter a new shadow at the head of its chain. Xen: set_shadow_status."""
    d.counters[ctr.shadow_hash_inserts] += 1
    bucket = bucket_of(number, kind)
    d.shadows[smfn].next_shadow = d.hash[bucket]
    d.hash[bucket] = smfn


@jit
def hash_delete(d, number, kind, smfn):
    """Take a shadow out of its chain. Xen: delete_shadow_status."""
    d.counters[ctr.shadow_hash_deletes] += 1
    bucket = bucket_of(number, kind)
    after = d.shadows[smfn].next_shadow
    if d.hash[bucket] == smfn:
        d.hash[bucket] = after
        return
    x = d.hash[bucket]
    while d.shadows[x].next_shadow != smfn:
        d.counters[ctr.hash_chain_step] += 1
        x = d.shadows[x].next_shadow
    d.shadows[x].next_shadow = after

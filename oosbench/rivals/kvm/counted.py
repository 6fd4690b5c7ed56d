"""What is counted, named as in `oosbench.costs.primitives.EVENTS` if it is there; each a place in ``Kvm.counted``.

`OWN` has KVM's own names, of its statistics and of the functions in which the real one was counted.
"""

from __future__ import annotations

NAMES = """
vmexit_pf vmexit_cr3 vmexit_invlpg vmexit_cr hash_lookup hash_chain_step hash_insert hash_delete shadow_walk
resync_entries_tested snapshot_compare propagate sl1e_write slNe_write rmap_add rmap_remove rmap_walk unsync_mark
unsync_visit shadow_ref shadow_put emulate_insn tlb_flush_domain tlb_flush_local page_alloc page_zero page_free
lock_acquire unsyncs dropped synced zapped prefetched invlpg_zapped cr3_reads unprotected flooded
""".split()

for _place, _name in enumerate(NAMES):
    globals()[_name] = _place

#: By KVM's name; "fault_guest" is in the walker's counters.
OWN = {
    "pf_taken": "vmexit_pf",
    "pf_guest": "fault_guest",
    "pf_emulate": "emulate_insn",
    "mmu_cache_miss": "page_alloc",
    "mmu_shadow_zapped": "zapped",
    "mmu_unsync": "unsyncs",
    "sync_page": "synced",
    "sync_compared": "snapshot_compare",
    "sync_dropped": "dropped",
    "prefetched": "prefetched",
    "invlpg_zapped": "invlpg_zapped",
    "cr3_writes": "vmexit_cr3",
    "cr3_reads": "cr3_reads",
}

"""What is counted, named as in `oosbench.costs.primitives.EVENTS` if it is there; each a place in ``Kvm.counted``."""

from __future__ import annotations

NAMES = """
vmexit_pf vmexit_cr3 vmexit_invlpg vmexit_cr hash_lookup hash_chain_step hash_insert hash_delete shadow_walk
resync_entries_tested snapshot_compare propagate sl1e_write slNe_write rmap_add rmap_remove rmap_walk unsync_mark
unsync_visit shadow_ref shadow_put emulate_insn tlb_flush_domain tlb_flush_local page_alloc page_zero page_free
lock_acquire unsyncs dropped
""".split()

for _place, _name in enumerate(NAMES):
    globals()[_name] = _place

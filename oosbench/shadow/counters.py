"""What is counted, by the names Xen gave it.

`PERFC` are Xen's performance counters, `ORACLE` those that the instrumented original adds, and `MODEL` the further
work that a cost model has prices for, which only this model counts. Each name is also a constant of this module, its
place in ``Domain.counters``; so compiled code says ``d.counters[ctr.shadow_unsync] += 1``. Counters that nothing in the
model can move stand here too, because their zero is a statement.
"""

from __future__ import annotations

PERFC = """
shadow_alloc shadow_alloc_tlbflush shadow_alloc_count shadow_free shadow_prealloc_1 shadow_prealloc_2
shadow_linear_map_failed shadow_a_update shadow_ad_update shadow_fault shadow_fault_fast_gnp
shadow_fault_fast_mmio shadow_fault_fast_fail shadow_fault_bail_bad_gfn shadow_fault_bail_real_fault
shadow_fault_emulate_read shadow_fault_emulate_write shadow_fault_emulate_failed shadow_fault_emulate_stack
shadow_fault_emulate_wp shadow_fault_fast_emulate shadow_fault_fast_emulate_fail shadow_fault_mmio
shadow_fault_fixed shadow_ptwr_emulate shadow_validate_gl1e_calls shadow_validate_gl2e_calls
shadow_validate_gl3e_calls shadow_validate_gl4e_calls shadow_hash_lookups shadow_hash_lookup_head
shadow_hash_lookup_miss shadow_get_shadow_status shadow_hash_inserts shadow_hash_deletes shadow_writeable
shadow_writeable_h_1 shadow_writeable_h_2 shadow_writeable_h_3 shadow_writeable_h_4 shadow_writeable_h_5
shadow_writeable_h_6 shadow_writeable_h_7 shadow_writeable_h_8 shadow_writeable_bf shadow_writeable_bf_1
shadow_mappings shadow_mappings_bf shadow_early_unshadow shadow_unshadow shadow_up_pointer
shadow_unshadow_bf shadow_get_page_fail shadow_guest_walk shadow_check_gwalk shadow_inconsistent_gwalk
shadow_rm_write_flush_tlb shadow_invlpg shadow_invlpg_fault shadow_em_ex_pt shadow_em_ex_non_pt
shadow_em_ex_fail shadow_oos_fixup_add shadow_oos_fixup_evict shadow_oos_fixup_add_ok
shadow_oos_fixup_no_add shadow_oos_fixup_add_fail shadow_oos_fixup_remove shadow_oos_fixup_flush
shadow_oos_fixup_flush_gmfn shadow_unsync shadow_unsync_evict shadow_resync need_flush_tlb_flush
""".split()

ORACLE = """
set_l1e_calls set_l1e_changed set_l2e_calls set_l3e_calls set_l4e_calls prefetch_calls prefetch_entries
resync_l1_calls resync_compared resync_dirty resync_propagated resync_all_calls resync_all_this
resync_all_others skip_sync unsync_calls slot_swap snapshot_writes snapshot_copies snapshot_lookups
hash_foreach tlb_flush_mask tlb_flush_local tlb_flush_all hw_invlpg emul_writes emul_unhandleable
emul_exceptions emul_second_half hvm_inject domain_crash events accesses writes cr3_loads invlpgs
shadow_walk_hits shadow_walk_faults fault_fixed fault_guest fault_retry_limit mmio_handled hw_ad_updates
oos_paranoia gw_rewalks
""".split()

MODEL = """
vmexit_cr guest_walk_step ad_update p2m_lookup shadow_walk hash_chain_step emulate_insn emulate_skip_verify
propagate get_page put_page get_page_type put_page_type slNe_write shadow_ref shadow_put shadow_destroy
page_zero unpin unhook resync_tested snapshot_compare line_compare fixup_probe guess_probe bf_scan_shadow
bf_scan_entry lock_acquire
""".split()

NAMES = (*PERFC, *ORACLE, *MODEL)

for _place, _name in enumerate(NAMES):
    globals()[_name] = _place

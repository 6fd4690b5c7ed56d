"""KVM's shadow MMU, as Linux 6.1 has it: no page snapshot, no limit to the pages out of sync, an exact reverse map.

Modelled: shadow pages by frame, level, direct or not, and the access that the walk down to them leaves, so that
page-table isolation gives a guest table two of them; with each leaf entry the frame and rights it was made from; the
reverse map of every frame; marks on all ancestors of a page out of sync.

The rules, each with its place in ``arch/x86/kvm`` of 6.1, and with what a real run showed that a good guess had
otherwise:

* A page goes out of sync when a writable mapping of it is made, unless it is shadowed at an upper level too
  (mmu_try_to_unsync_pages, mmu/mmu.c). A prefetch maps it writable only if it is out of sync already.
* A CR3 load write-protects and syncs what is marked below the new root (mmu_sync_children). An entry whose frame
  changed is dropped, one of which nothing changed is kept (FNAME(sync_page), mmu/paging_tmpl.h).
* A leaf page found by its hash is synced too, but stays out of sync and writable, and its new parents learn of it
  (kvm_mmu_find_shadow_page, link_shadow_page).
* If the frame of a page out of sync is wanted as an upper table, the page is zapped and nothing of it is compared
  (kvm_mmu_find_shadow_page): of a table that is dead this saves all comparisons.
* A store to an upper table is emulated and zaps the entry, the third without use in between the page; one to a table
  that is mapped maps and prefetches nothing (page_fault_handle_page_track, detect_write_flooding).
* A store by an instruction that is none of those with which kernels write entries, ``rep stos`` say, throws out all
  shadow pages of the frame at once, and is started again (reexecute_instruction, x86.c): clearing a page costs one of
  these.
* Prefetch fills the aligned group of eight up to the first entry that cannot be used (FNAME(pte_prefetch)).
* INVLPG looks below the root that is loaded and the three before it, goes down only where something is out of sync,
  and zaps and derives the entry of a leaf page out of sync, also an empty one. It runs for every injected fault with
  P=1 (kvm_mmu_invalidate_gva, FNAME(invlpg), kvm_inject_emulated_page_fault).
* MOV from CR3 exits too, which the entry code of an isolated kernel does before each load.

`tests/rivals/live` has what a real KVM counted, and holds the model to it.

Abstracted: the quota of pages (a full pool is emptied as a whole; real runs recycled none), cached roots (they save a
look-up and no sync), a switch of NX or WP (it empties everything), A and D in shadow entries, locks between
processors. Which instruction stored a trace does not say: the clearing of a page is known by its zeros. Of 64-bit
guests only.

================  ==============================================================================
`counted.py`      what is counted
`pages.py`        shadow pages, their parents, the reverse map
`sync.py`         out of sync and back
`fault.py`        faults, emulated writes, INVLPG, CR3
`replay.py`       one event after the other; the tally
================  ==============================================================================
"""

from __future__ import annotations

from .replay import kvm as kvm
from .replay import replay as replay

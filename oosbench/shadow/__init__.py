"""The shadow MMU: one concept a file, all of it compiled.

Read `oos.py` first, with `snapshot.py` and `content.py` it is the heart. Under which name Xen has what a function does
stands in its docstring. The files import one way, each only from those above it:

====================  ==============================================================================
`types.py`            what kinds of shadow there are; the two magic entries
`counters.py`         what is counted, by the names Xen gave it
`crash.py`            ends that the original would have come to as well
`state.py`            what the machine is made of: records and arrays
`tlb.py`              flushes, which are counted
`guest.py`            guest frames: entries, stores, the map from gfn to frame
`pool.py`             shadow pages: free chunks, lists
`hash.py`             finding the shadow of a guest page
`slots.py`            which vCPU holds which out-of-sync page, and in which slot
`snapshot.py`         **the snapshot**: taken, looked up, kept up to date
`references.py`       leaf entries and the frames they refer to: taking, dropping, write-protecting
`fixups.py`           remembering where an out-of-sync page is mapped writable
`propagate.py`        guest entry in, shadow entry out
`entries.py`          setting leaf entries, with the references and fixups that go with them
`tables.py`           references to shadows, pinning, destroying, clearing upper entries
`unshadow.py`         throwing shadows out: of one page, of all, for lack of memory
`shadow_walk.py`      walks over the shadow: the hardware's, and the shadow code's own
`write_access.py`     finding and revoking writable mappings
`content.py`          **the content pass**: compare with the snapshot, derive anew what differs
`oos.py`              **slots, unsync, resync**
`links.py`            making shadows and linking them: whatever may trigger a resync
`guest_walk.py`       the walk of the guest's own tables
`validate.py`         making shadows follow a store to their page
`vtlb.py`             the virtual TLB of the emulator
`emulate.py`          emulated writes to page tables
`policy.py`           when a written page table goes out of sync
`fault.py`            the page-fault handler and prefetch
`demand.py`           an idea: slots by demand
`control.py`          CR3, INVLPG, mode changes
`auditor.py`          violations of invariants, and room to count in
`audit_counts.py`     audits of references, hash and pool
`audit.py`            the invariants, one function each
`replay.py`           one access; one event after the other
`kernels.py`          pieces of a resync by themselves, to be timed
====================  ==============================================================================

**Where the time goes.** An event costs some six walks of a page table (`oosbench bench`). Four loops take most of it;
elsewhere clarity goes first.

- `shadow_walk.hardware_walk`, from `replay.access`: every event walks. It waits for memory, like the hardware's own.
- `content.follow_blocks`: a resync compares a table with its snapshot, 64 words at a time, as fast as they can be read
  (`content.differs` compiles to vector instructions). How many entries are present is not looked up but kept, in
  `SHADOW.present`. Only blocks that differ are looked at entry by entry.
- `entries.refresh_l1e` and `set_l1e`: deriving an entry. Most come out as they were, and end at a comparison; what
  changes goes on to a function of its own (`_change_l1e`), so that the short way can be compiled into its callers.
- `snapshot.copy_page`: a plain loop, of which the compiler makes the C library's copy.

What makes this possible is in `compiled/`. The machine is handed on as one pointer to a table of its arrays
(`reference`), where a tuple of arrays would be a hundred words for every call to copy; and what only compiled code
calls is private to the entry point that it is linked into (`link`), so the compiler may cut it to measure. Arrays
begin at a page of the host, so that a page of the guest lies in 64 cache lines and not in 65.
"""

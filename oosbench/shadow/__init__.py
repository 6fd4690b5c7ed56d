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

**Where the time goes.** An event costs some six walks of a page table (`oosbench bench`). Where that takes a line
more than the algorithm needs, it is here, and nowhere else:

- `snapshot.take_snapshot` and `guest.marked_store`: nothing is copied as a table goes out of sync. A line of 64 bytes
  is copied before the first store to it, and marked. A resync then looks at the lines that were written
  (`content._follow_written`), not at the whole table. On a trace that goes out of sync all the time this saves a
  seventh of the time. Counts and contents are those of the original, which copies and compares whole tables;
  `kernels.py`, which gives these their prices, does so too (`content.follow_blocks`).
- `content._derive_all`, without a snapshot or trust in it: derives every present entry. `refresh_l1e` is written out
  in it for the usual case, and lines of the shadow that never held a present entry (`SHADOW.filled`) are passed over.
  That halves the time of such presets. How many entries are present is not looked up but kept, in `SHADOW.present`.
- `shadow_walk.hardware_walk`: every event walks. The four loads of a 64-bit guest come before the questions, which
  saves up to a twelfth where most walks hit.
- `entries.refresh_l1e` and `set_l1e`: deriving an entry. Most come out as they were, and end at a comparison; what
  changes goes on to a function of its own (`_change_l1e`), so that the short way can be compiled into its callers.
- `state.LAG` is apart from `state.FRAME`, of which every access needs one.

What makes this possible is in `compiled/`. The machine is handed on as one pointer to a table of its arrays
(`reference`), where a tuple of arrays would be a hundred words for every call to copy; and what only compiled code
calls is private to the entry point that it is linked into (`link`), so the compiler may cut it to measure. Arrays
begin at a page of the host, so that a page of the guest lies in 64 cache lines and not in 65.
"""

"""KVM's shadow MMU, as Linux 5.x has it: no page snapshot, no limit to the pages out of sync, an exact reverse map.

Modelled (spec section 8): shadow pages by frame, level, direct or not; with each leaf entry the frame and rights it was
made from; the reverse map of every frame; marks on all ancestors of a page out of sync; a page goes out of sync when a
writable mapping of it is made, unless it is shadowed at an upper level too; a CR3 load write-protects and syncs what is
marked below the new root; a synced entry is dropped if its frame changed, kept if nothing did; a page is synced before
it is linked; INVLPG zaps and prefetches; a write to an upper table is emulated and zaps the entry, and the third of
them without use in between zaps the page; prefetch fills the aligned group of eight.

Abstracted: the quota of pages (a full pool is emptied as a whole), cached roots (finding a root is a lookup anyway),
roles other than direct (a switch of NX or WP empties everything), A and D in shadow entries, locks between processors.
Of 64-bit guests only.

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

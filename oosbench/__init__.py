"""A workbench for Xen's snapshotting out-of-sync shadow MMU.

A hypervisor that shadows guest page tables may let the guest write to one untrapped. Its shadow is then out of
sync, and must be brought back at the guest's next TLB flush. Xen's patch of June 2008 keeps a copy of the table
from the moment it goes out of sync, so that this revalidates only what changed. oosbench tells what that copy
is worth.

>>> import oosbench
>>> result = oosbench.Machine(oosbench.open_trace("sqlite")).run()
>>> int(result.counters.resync_compared), int(result.counters.resync_dirty)
(15274, 2257)
"""

from __future__ import annotations

import lazy_loader

from ._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

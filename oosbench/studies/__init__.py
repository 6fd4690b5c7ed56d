"""Questions that take more than one run. Read `watch.py` first.

`watch.py`       the oracle beside a run: does some legal TLB explain what the guest saw?
`difference.py`  two machines, and the first event that ends differently
`defects.py`     the defects of 2008, each with the smallest trace that shows it
"""

from __future__ import annotations

from .difference import first_difference as first_difference
from .watch import Watched as Watched
from .watch import watch as watch

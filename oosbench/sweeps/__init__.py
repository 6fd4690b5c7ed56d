"""Many machines at once: a design's points, stored as they finish. Read `design.py` first, then `sweep.py`.

`axes.py`      what may vary
`sampling.py`  grids and samples
`point.py`     one machine with one guest, and what makes it the same as another
`design.py`    `Design`: workloads x presets x axes x seeds, from Python or TOML
`store.py`     `Store`: finished points in an SQLite file; `row.py` says whether one is as it was stored
`sweep.py`     runs what is not stored yet, in processes or on a cluster
`metrics.py`   what is asked of the points
"""

from __future__ import annotations

from .design import MOST as MOST
from .design import Design as Design
from .metrics import METRICS as METRICS
from .metrics import summary as summary
from .store import Store as Store
from .sweep import Pace as Pace
from .sweep import sweep as sweep

"""How fast the model is on this machine. Read `bench.py` first.

`yardstick.py`  what speed is measured against
`bench.py`      traces and pieces of work, in walks of the yardstick
`against.py`    one build against another
`growth.py`     whether that stays so as things grow
"""

from __future__ import annotations

from .against import against as against
from .bench import Bench as Bench
from .bench import bench as bench
from .bench import doubts as doubts
from .growth import GROWTHS as GROWTHS
from .growth import growth as growth

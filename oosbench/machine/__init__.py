"""A guest on a shadow MMU, and what comes of it. Read `machine.py` first.

`machine.py`     `Machine`: replays a trace on the shadow MMU
`result.py`      `Result`: counters, and a row for each content pass
`checkpoint.py`  all that it takes to come back to a moment
`dump.py`        the tables as they are, as lines of text
`violation.py`   an invariant that does not hold, in words
`experiment.py`  many machines, one tidy frame
`apart.py`       names that tell guests and machines apart
`dirty.py`       what content passes found, counted
"""

from __future__ import annotations

from .apart import Names as Names
from .experiment import PRESETS_TO_COMPARE as PRESETS_TO_COMPARE
from .experiment import Progress as Progress
from .experiment import compare as compare
from .experiment import counters_frame as counters_frame
from .experiment import headline as headline
from .experiment import resyncs_frame as resyncs_frame
from .experiment import run_each as run_each
from .machine import Cancelled as Cancelled
from .machine import Machine as Machine
from .result import Result as Result
from .violation import Violation as Violation

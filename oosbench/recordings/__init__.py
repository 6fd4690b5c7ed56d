"""Recorded guests: page-table activity of real Linux programs, and its way into a `Trace`. Read `_recording.py` first.

`_format.py`        the columns of a recording's files
`_recording.py`     `Recording`: one of them, and those that come along
`convert.py`        from what was recorded to the events of a trace; `walk.py`, `first_touches.py` and `direct_map.py`
                    are its parts
`sources.py`        from a name or a file of any kind to a `Trace`
`selfcheck.py`      whether a recording has all that happened
"""

from __future__ import annotations

from ._recording import DIRECT_MAPS as DIRECT_MAPS
from ._recording import Recording as Recording
from ._recording import bundled as bundled
from ._recording import data_folder as data_folder
from ._recording import load as load
from ._recording import studied as studied
from .selfcheck import Checked as Checked
from .selfcheck import check as check
from .sources import look_for as look_for
from .sources import open_source as open_source
from .sources import open_trace as open_trace

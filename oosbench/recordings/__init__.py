"""Recorded guests: page-table activity of real Linux programs, and its way into a `Trace`."""

from __future__ import annotations

from ._recording import DIRECT_MAPS as DIRECT_MAPS
from ._recording import Recording as Recording
from ._recording import bundled as bundled
from ._recording import data_folder as data_folder
from ._recording import load as load
from ._recording import studied as studied

"""Presets: the shadow MMU's configuration as plain data, and the patch levels by name. Read `_preset.py` first.

Each axis can be set alone: ``preset("oos-snapshot").replace(oos_slots=5)``. The same is spelled
``oos-snapshot+oos_slots=5`` wherever a preset is asked for by name, and a switch is turned on by its bare name:
``oos-array+no_gnp``.
"""

from __future__ import annotations

from ._levels import ALIASES as ALIASES
from ._levels import DEFAULT as DEFAULT
from ._levels import IDEAS as IDEAS
from ._levels import PRESETS as PRESETS
from ._levels import preset as preset
from ._levels import with_axes as with_axes
from ._policy import POLICY_ARGUMENTS as POLICY_ARGUMENTS
from ._policy import Policy as Policy
from ._preset import CHOICES as CHOICES
from ._preset import FIXUPS as FIXUPS
from ._preset import GUESSES as GUESSES
from ._preset import MAX_SLOTS as MAX_SLOTS
from ._preset import RANGES as RANGES
from ._preset import SNAPSHOTS as SNAPSHOTS
from ._preset import SWITCHES as SWITCHES
from ._preset import Preset as Preset
from ._preset import axes as axes

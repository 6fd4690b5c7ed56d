"""A machine gone through event by event, forward and back, and told in words. Read `timemachine.py` first.

`timemachine.py`  `TimeMachine`: to an event, to the next of a kind, and back
`moment.py`       `Moment`: what the machine was before and after one event
`guest_l1.py`     a guest L1 beside its snapshot and its shadow
`story.py`        what an event did, and why, in sentences
`spelled.py`      entries, slots and counters as tables
"""

from __future__ import annotations

from .guest_l1 import GuestL1 as GuestL1
from .moment import Moment as Moment
from .story import tell as tell
from .timemachine import KINDS as KINDS
from .timemachine import TimeMachine as TimeMachine

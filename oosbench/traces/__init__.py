"""Traces: what a guest does, as columns and as text. Read `trace.py` first.

`events.py`   what may happen, and the grammar of the text form
`text.py`     from text to columns and back; `scan.py` is its compiled part
`columns.py`  columns out of ``.npz`` files
`checks.py`   what is possible, and what every form can say
`trace.py`    `Trace`: the contract between guests and machines
`summary.py`  what a guest does to its page tables, in numbers; `follow.py` is its compiled part
"""

from __future__ import annotations

from .summary import Summary as Summary
from .trace import MAX_VCPUS as MAX_VCPUS
from .trace import Trace as Trace

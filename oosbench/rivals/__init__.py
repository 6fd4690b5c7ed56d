"""What came before, after and beside the patch, on the same trace. Read `_table.py` first.

The patch levels and this project's own ideas are presets of the machine. What is no Xen has a file of its own here, and
gives a `Tally` like them; its docstring says what is modelled and what is abstracted.
"""

from __future__ import annotations

from ._table import SHADOWS as SHADOWS
from ._table import rivals as rivals
from ._table import tallies as tallies

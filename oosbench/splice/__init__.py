"""Traces made out of traces: a part of one, several one after the other, several that take turns.

`splice.py` is the three ways, `relocation.py` how a trace is moved into frames of its own.
"""

from __future__ import annotations

from .splice import concatenate as concatenate
from .splice import cut as cut
from .splice import interleave as interleave
